"""The documentation held against the program: pages made from declarations, commands that are run, names that exist."""

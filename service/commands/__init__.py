"""What callers may ask for: one module for each aggregate, one function for each command.

A command loads what it changes, notes what it relies on, lets the domain refuse or decide, and commits once. It may be
decided several times until it commits, so nothing in it has an effect of its own.
"""

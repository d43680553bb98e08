"""The event store: one log, appended to by group commit, read by position."""

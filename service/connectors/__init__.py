"""Connectors at work: the types that there are, and how each asks a provider or sends a message."""

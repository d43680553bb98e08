"""The edge: event store, OAuth protocol, HTTP surfaces, settings, command line and wiring."""

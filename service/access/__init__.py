"""Decisions about access: which calls gateways let pass, and who may do what."""

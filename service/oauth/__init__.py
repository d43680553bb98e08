"""OAuth 2.0: the token endpoints, introspection, revocation, and what is published about them. One grant engine."""

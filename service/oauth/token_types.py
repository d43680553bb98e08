"""The names of the kinds of tokens that are exchanged (RFC 8693 section 3, spec/logto.md section 8)."""

from __future__ import annotations

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a kind of token
PERSONAL_ACCESS_TOKEN = "urn:logto:token-type:personal_access_token"  # noqa: S105 - the name of a kind of token

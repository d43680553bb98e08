"""/console: the tokens of an organization's applications, and its third parties, for whoever administers them.

What somebody may do here is what their roles let them do at this moment.
"""

from __future__ import annotations

from service.pages.console import ending, home, third_parties, tokens

ENDPOINTS = (*home.ENDPOINTS, *tokens.ENDPOINTS, *ending.ENDPOINTS, *third_parties.ENDPOINTS)

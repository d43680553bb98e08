"""What an operation is for. Each of the API documents tells of some of these."""

from __future__ import annotations

from enum import StrEnum


class Group(StrEnum):
    """The groups, in the order in which they are told."""

    OAUTH = "oauth"
    MANAGEMENT = "management"
    ADMINISTRATION = "administration"
    SERVER_TO_SERVER = "server-to-server"
    ACCOUNT_SETTINGS = "account-settings"
    APIGEE = "apigee"
    DECISIONS = "decisions"
    PAGES = "pages"
    OPERATIONS = "operations"

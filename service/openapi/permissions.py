"""What each permission allows, in words: the scopes of the API documents."""

from __future__ import annotations

DESCRIPTIONS = {
    "read_user": "Read users",
    "write_user": "Make, change, suspend and delete users, and assign roles",
    "read_app": "Read applications and list their secrets, without the secrets themselves",
    "write_app": "Register, change and delete applications, make and retire secrets, ask for grants",
    "read_role": "Read roles",
    "write_role": "Define, change and delete roles",
    "read_scope": "Read scopes",
    "write_scope": "Define, change and delete scopes",
    "read_org": "Read organizations and their connectors",
    "write_org": "Change organizations and set up their connectors",
    "read_account": "Read accounts and their members",
    "write_account": "Make, change and delete accounts and memberships",
    "read_api": "Read API resources and their interfaces",
    "write_api": "Define, change and delete API resources and their interfaces",
    "read_grant": "Read grants",
    "approve_grant": "Approve, reject and revoke grants that others asked for",
    "read_token": "Introspect and list tokens of the organization",
    "revoke_token": "End tokens of the organization",
    "decide": "Ask for decisions, as gateways do",
    "read_audit": "Read events and refusals",
    "read_projection": "Read the state of read models and signing keys",
    "operate_projection": "Rebuild, pause and verify read models",
    "all": "Everything but what root alone may do",
    "root": "Everything, in every organization",
}

"""What is told of a person, by scope (OpenID Connect Core section 5.4), from their row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    import asyncpg

CLAIMS: dict[str, tuple[str, ...]] = {
    "profile": (
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ),
    "email": ("email", "email_verified"),
}
"""The claims that a scope asks for; the columns of a row are called alike."""


def claims(row: asyncpg.Record, scope: Collection[str]) -> dict[str, Any]:
    """Return the claims that a scope asks for, without those that nothing is known for (section 5.3.2).

    Times are seconds since 1970. Whether an address is verified is told where there is one.
    """
    told: dict[str, Any] = {
        claim: row[claim]
        for name, named in CLAIMS.items()
        if name in scope
        for claim in named
        if row[claim] is not None
    }
    if "profile" in scope:
        told["updated_at"] = int(row["updated_at"].timestamp())
        # Who names nothing else is called as they sign in.
        if row["username"] is not None:
            told.setdefault("preferred_username", row["username"])
    if "email" not in told:
        told.pop("email_verified", None)
    return told

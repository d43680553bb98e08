"""The error shape of back-end administration: a problem document that is an `{error, error_description}` as well.

spec/inbox-manager.md section 2 asks for the two members, spec/README.md 4 for problem documents; RFC 9457 section 3.2
lets one answer be both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.http import problems
from service.http.door import Door

if TYPE_CHECKING:
    from aiohttp import web


class AdministrationDoor(Door):
    """A door whose refusals name their `error` and `error_description` too."""

    def refuse(
        self,
        status: int,
        code: str,
        sentence: str,
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        """Return a refusal in both shapes."""
        more = {"error": code, "error_description": sentence}
        return problems.problem(status, code, sentence, errors=errors or (), headers=headers, more=more)

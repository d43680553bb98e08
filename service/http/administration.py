"""The error shape of back-end administration: a problem document that is an `{error, error_description}` as well.

spec/inbox-manager.md section 2 asks for the two members, spec/README.md 4 for problem documents; RFC 9457 section 3.2
lets one answer be both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from service.http import problems
from service.http.door import Door
from service.http.group import Group

if TYPE_CHECKING:
    from aiohttp import web


class AdministrationProblem(problems.Problem):
    """Why a request was refused: a problem document (RFC 9457), and an OAuth error as well."""

    error: str
    error_description: str


class AdministrationDoor(Door):
    """A door whose refusals name their `error` and `error_description` too; its routes have a document apart (I3)."""

    REFUSAL: ClassVar = AdministrationProblem
    GROUP: ClassVar = Group.ADMINISTRATION

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

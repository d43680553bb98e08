"""Where a sign-in leads: on to an application that asked, a device that waits, the console, or the account page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from uuid import UUID

from aiohttp import web

from projections import accounts
from service.oauth.authorization import answer, sealed, steps
from service.oauth.authorization.asking import Unanswerable
from service.pages import rendering
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.oauth.authorization.request import AuthorizationRequest
    from service.oauth.clients import Client
    from service.parts import Parts

REQUEST, ORGANIZATION, DEVICE, CONSOLE, OTHER = "request", "organization", "device", "console", "other"
ACCOUNT = "account"
FIELDS = (REQUEST, ORGANIZATION, DEVICE, CONSOLE, ACCOUNT, OTHER)
"""What the address of the sign-in page may say, and its form repeats. `other`: it is to be somebody else."""
ACCOUNT_PAGES = ("profile", "username", "email", "phone", "password", "factors", "tokens", "connections")
"""The pages that `account` names: it leads to one of these, or to the account page."""


@dataclass(frozen=True)
class Asking:
    """An application that asked for somebody to be signed in, judged now."""

    asked: AuthorizationRequest
    client: Client


@dataclass(frozen=True)
class Way:
    """Where somebody goes once they signed in. `owner` is the name of the organization whose people sign in here."""

    organization: UUID
    owner: str
    fields: Mapping[str, str]
    asking: Asking | None = None

    @property
    def locales(self) -> str | None:
        """The languages that the application asks for."""
        return None if self.asking is None else self.asking.asked.ui_locales


async def found(request: web.Request, values: Mapping[str, str]) -> Way | web.StreamResponse:
    """Return where a sign-in of these parameters leads, or the page that tells why it leads nowhere."""
    parts = request.app[PARTS]
    fields = {name: values[name] for name in FIELDS if values.get(name)}
    if REQUEST in fields:
        asking = await asking_of(request, fields[REQUEST])
        if not isinstance(asking, Asking):
            return asking
        owner = await owner_of(parts, asking.client.organization)
        return Way(asking.client.organization, owner or "", fields, asking)
    organization = await _organization(parts, fields.get(ORGANIZATION))
    owner = None if organization is None else await owner_of(parts, organization)
    if organization is None or owner is None:
        return rendering.problem(request, "request_problem_title", "request_unknown_organization", 404)
    return Way(organization, owner, fields)


def home(way: Way) -> str:
    """Return the page of ours that a sign-in leads to when no application and no device asked for it."""
    if CONSOLE in way.fields:
        return "/console"
    page = way.fields.get(ACCOUNT)
    return f"/account/{page}" if page in ACCOUNT_PAGES else "/account"


async def asking_of(request: web.Request, text: str) -> Asking | web.StreamResponse:
    """Return what a sealed request asks for, or the page that tells why that cannot be."""
    parts = request.app[PARTS]
    asked = sealed.opened(parts, text)
    if asked is None:
        return rendering.problem(request, "request_problem_title", "request_expired", 400)
    try:
        return Asking(asked, await steps.client_of(parts, asked))
    except Unanswerable as problem:
        return answer.told(request, parts, problem, client_id=asked.client_id, locales=asked.ui_locales)


async def owner_of(parts: Parts, organization: UUID) -> str | None:
    """Return the name of an active organization, None for any other."""
    row = await accounts.one(parts.store.pool, organization)
    return row["name"] if row is not None and row["status"] == "active" and row["parent"] is None else None


async def _organization(parts: Parts, text: str | None) -> UUID | None:
    """Return the organization that an address names, the installation's first where it names none."""
    if text is not None:
        try:
            return UUID(text)
        except ValueError:
            return None
    [first] = await accounts.page(parts.store.pool, None, after=UUID(int=0), limit=1)
    organization: UUID = first["organization"]
    return organization


def to(parts: Parts, path: str, **fields: str) -> web.Response:
    """Return the answer that leads on to another page of ours."""
    query = f"?{urlencode(fields)}" if fields else ""
    location = f"{parts.settings.issuer}{path}{query}"
    return web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})


def after_form(request: web.Request, response: web.StreamResponse, asking: Asking) -> web.StreamResponse:
    """Return the answer to a form: one that leads to another site does so by a page (`rendering.onward` says why)."""
    location = response.headers.get("Location")
    if location is None or location.startswith(f"{request.app[PARTS].settings.issuer}/"):
        return response
    return rendering.onward(request, location, name=asking.client.name, locales=asking.asked.ui_locales)

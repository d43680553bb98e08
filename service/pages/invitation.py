"""/invitation: where an invited person accepts, by the link in their mail (spec/melody.md section 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.refusals import InvalidSigninUrl, UnknownInvitation
from projections import invitations as rows
from projections import users
from service.commands import invitations, signin_urls
from service.pages.link_page import LinkPage, Told
from service.parts import REQUEST_ID
from service.secrets.digests import sha256_hex

if TYPE_CHECKING:
    from aiohttp import web

    from service.parts import Parts


async def _find(parts: Parts, secret: str) -> Told | None:
    pool = parts.store.pool
    row = await rows.by_digest(pool, sha256_hex(secret))
    if row is None or row["expires_at"] <= parts.clock.now():
        return None
    person = await users.one(pool, row["user_id"])
    if person is None or person["status"] != "invited":
        return None
    try:
        # Looked at again: what was fine when it was written may lead elsewhere by now.
        go_on = await signin_urls.checked(pool, row["organization"], row["signin_url"])
    except InvalidSigninUrl:
        go_on = None
    return Told(organization=row["organization_name"], email=person["email"], go_on=go_on)


async def _use(request: web.Request, parts: Parts, secret: str) -> Told | None:
    told = await _find(parts, secret)
    if told is not None:
        try:
            await invitations.accept(parts.store, request[REQUEST_ID], secret=secret)
        except UnknownInvitation:  # somebody else was quicker
            return None
    return told


PAGE = LinkPage("/invitation", "invitation", _find, _use)

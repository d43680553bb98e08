"""/email-verification: where a person confirms their e-mail address, by the link in their mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.refusals import UnknownVerification
from projections import accounts
from projections import users as rows
from service.commands import email_verifications
from service.pages.link_page import LinkPage, Told
from service.parts import REQUEST_ID
from service.secrets.digests import sha256_hex

if TYPE_CHECKING:
    from aiohttp import web

    from service.parts import Parts


async def _find(parts: Parts, secret: str) -> Told | None:
    pool = parts.store.pool
    user = await rows.by_verification(pool, sha256_hex(secret))
    person = None if user is None else await rows.one(pool, user)
    if person is None or person["verification_expires_at"] <= parts.clock.now():
        return None
    home = await accounts.one(pool, person["organization"])
    if home is None or home["status"] != "active":
        return None
    return Told(organization=home["name"], email=person["email"])


async def _use(request: web.Request, parts: Parts, secret: str) -> Told | None:
    told = await _find(parts, secret)
    if told is not None:
        try:
            await email_verifications.verify(parts.store, request[REQUEST_ID], secret=secret)
        except UnknownVerification:  # somebody else was quicker
            return None
    return told


PAGE = LinkPage("/email-verification", "verification", _find, _use)

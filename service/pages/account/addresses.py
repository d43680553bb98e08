"""The two kinds of addresses that somebody has, and the page on which each is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from projections import users
from service.commands import emails, people_settings, phones
from service.pages.account.holder import PATH as HOME
from service.pages.account.holder import UNTOUCHED, Filled, form_fields, later, minutes, shown
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg
    from aiohttp import web

    from service.pages.account.holder import Holder

ADDRESS = "address"
APART = str.maketrans("", "", " \u00a0()-./")
"""What people write between the digits of a number."""


@dataclass(frozen=True)
class Addresses:
    """One kind of address: `kind` is the member of a user that holds it, and the word for it in all words."""

    kind: Literal["email", "phone"]
    channel: Literal["email", "sms"]
    normalised: Callable[[str], str]
    """Brings what was typed to the form that is kept. Raises InvalidEmail or InvalidPhone."""

    @property
    def path(self) -> str:
        """Where the page is, and where an address that is typed goes."""
        return f"{HOME}/{self.kind}"

    @property
    def confirming(self) -> str:
        """Where the code goes."""
        return f"{self.path}/confirm"

    @property
    def removing(self) -> str:
        """Where the wish to be rid of it goes."""
        return f"{self.path}/remove"

    async def page(
        self,
        request: web.Request,
        who: Holder,
        *,
        status: int = 200,
        notice: str = "",
        bad: bool = False,
        filled: Filled = UNTOUCHED,
        sent: str = "",
        wait: int = 0,
    ) -> web.Response:
        """Return the page that asks for an address or, once there is one that a code was `sent` to, for the code."""
        row = await row_of(request, who)
        known = None if row is None else row[self.kind]
        response = shown(
            request,
            "account_address.html",
            status=status,
            notice=notice,
            bad=bad,
            filled=filled,
            kind=self.kind,
            known=self._written(known) if known else None,
            verified=self.verified(row),
            sent={ADDRESS: sent} if sent else {},
            sent_to=self._written(sent),
            fields=form_fields(request, who, self.path),
            confirming=form_fields(request, who, self.confirming),
            removing=form_fields(request, who, self.removing),
            wait_minutes=minutes(wait),
        )
        return later(response, wait)

    def verified(self, row: asyncpg.Record | None) -> bool:
        """Say whether a user has an address of this kind, and has shown that it is theirs."""
        return row is not None and row[self.kind] is not None and row[f"{self.kind}_verified"]

    async def keep(self, request: web.Request, who: Holder, address: str | None) -> None:
        """Let a user have an address which they have just shown to be theirs, or none."""
        store, origin = request.app[PARTS].store, who.origin(request)
        if self.kind == "email":
            await people_settings.change(store, origin, who.by, user=who.user, email=address, own=True, verified=True)
        else:
            await people_settings.change(store, origin, who.by, user=who.user, phone=address, own=True, verified=True)

    def _written(self, address: str) -> str:
        return f"+{address}" if address and self.kind == "phone" else address


async def row_of(request: web.Request, who: Holder) -> asyncpg.Record | None:
    """Return what is known of whoever is signed in, None when they were deleted meanwhile."""
    return await users.one(request.app[PARTS].store.pool, who.user)


def _email(typed: str) -> str:
    return emails.normalised(typed, field=ADDRESS)


def _number(typed: str) -> str:
    """Return a number that is written with its country code."""
    digits = typed.translate(APART)
    return phones.normalised(digits.removeprefix("+").removeprefix("00"), field=ADDRESS)


EMAIL = Addresses("email", "email", _email)
PHONE = Addresses("phone", "sms", _number)

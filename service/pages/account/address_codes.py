"""The forms of /account/email and /account/phone: another address, once a code that was sent there came back.

The address stands in the form that the code is typed into, and a code is good for the address alone that it was sent
to, for this very user: whoever puts another one into the form has no code for it. What was verified is what is kept.
That somebody else has an address is told only to those who have it, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pydantic

from domain.refusals import (
    CodeBurnt,
    CodeExpired,
    CodeMismatch,
    EmailTaken,
    InvalidEmail,
    InvalidPhone,
    MessageRefused,
    NoCodeSent,
    NoSender,
    PhoneTaken,
    TooOften,
)
from domain.verification import ACCOUNT
from service.http.body import MAX_BODY
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import rendering
from service.pages.account.addresses import ADDRESS, EMAIL, PHONE, row_of
from service.pages.account.holder import PATH as HOME
from service.pages.account.holder import Filled, PageLink, back, done, seen
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note, note_refusal
from service.parts import PARTS
from service.store.throttle import Bucket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from domain.refusals import Refusal
    from service.pages.account.addresses import Addresses
    from service.pages.account.holder import Holder

CODE = "code"
SENDS = (10, 120.0)
"""Codes that one user may have sent at once, to whatever addresses, and the seconds after which there is one more."""
FAULTS: dict[type[Refusal], tuple[str, str]] = {
    InvalidEmail: (ADDRESS, "account_email_wrong"),
    InvalidPhone: (ADDRESS, "account_phone_wrong"),
    NoSender: (ADDRESS, "account_no_sender"),
    MessageRefused: (ADDRESS, "account_not_sent"),
    EmailTaken: (ADDRESS, "account_email_taken"),
    PhoneTaken: (ADDRESS, "account_phone_taken"),
    CodeMismatch: (CODE, "account_code_wrong"),
    CodeExpired: (CODE, "account_code_expired"),
    CodeBurnt: (CODE, "account_code_burnt"),
    NoCodeSent: (CODE, "account_code_unknown"),
}
"""The field that a refusal is told beside, and its words."""


class AddressForm(pydantic.BaseModel):
    """Where a code is to be sent."""

    address: str = pydantic.Field(default="", max_length=MAX_BODY)
    organization: str = ""
    csrf: str = ""


class AddressCodeForm(AddressForm):
    """The code that was sent there."""

    code: str = pydantic.Field(default="", max_length=MAX_BODY)


class RemoveNumberForm(pydantic.BaseModel):
    """That the number is to be known no more."""

    organization: str = ""
    csrf: str = ""


@dataclass(frozen=True)
class Change:
    """How addresses of a kind are changed."""

    of: Addresses

    async def show(self, request: web.Request, who: Holder) -> web.StreamResponse:
        """Answer the page."""
        return await self.of.page(request, who)

    async def send(self, request: web.Request, who: Holder, form: Mapping[str, str]) -> web.StreamResponse:
        """Send a code to an address."""
        typed = form.get(ADDRESS, "").strip()
        if not typed:
            return await self._asking(request, who, typed, "missing")
        try:
            address = self.of.normalised(typed)
            row = await row_of(request, who)
            if row is not None and row[self.of.kind] == address and self.of.verified(row):
                return await self._asking(request, who, typed, "same")
            seconds = await self._sent(request, who, address)
        except TooOften as refusal:
            note_refusal(request, refusal, who.signed_in)
            seconds = refusal.seconds
        except tuple(FAULTS) as refusal:
            return await self._refused(request, who, refusal, typed)
        if seconds:
            return await self.of.page(request, who, status=429, filled=Filled({ADDRESS: typed}, {}), wait=seconds)
        return await self.of.page(request, who, sent=address)

    async def confirm(self, request: web.Request, who: Holder, form: Mapping[str, str]) -> web.StreamResponse:
        """Keep the address that the code was sent to."""
        typed, code = form.get(ADDRESS, "").strip(), "".join(form.get(CODE, "").split())
        try:
            address = self.of.normalised(typed)
            if not code:
                filled = Filled({}, {CODE: "account_code_missing"})
                return await self.of.page(request, who, status=400, filled=filled, sent=address)
            await request.app[PARTS].verifications.verify(
                who.origin(request),
                organization=who.organization,
                purpose=ACCOUNT,
                channel=self.of.channel,
                recipient=address,
                code=code,
                user=who.user,
            )
            await self.of.keep(request, who, address)
        except tuple(FAULTS) as refusal:
            return await self._refused(request, who, refusal, typed)
        return back(request, who, HOME, f"{self.of.kind}_changed")

    async def remove(self, request: web.Request, who: Holder, _: Mapping[str, str]) -> web.StreamResponse:
        """Forget the number, unless codes are sent to it at sign-in: that is for the organization to give up."""
        row = await row_of(request, who)
        if row is not None and row["sms_factor"]:
            note(request, 409, "address_needed", signed_in=who.signed_in)
            return await self.of.page(request, who, status=409, notice="account_phone_needed", bad=True)
        await self.of.keep(request, who, None)
        return back(request, who, HOME, f"{self.of.kind}_removed")

    async def _sent(self, request: web.Request, who: Holder, address: str) -> int:
        """Send a code and return 0; or none, and the seconds to wait: this user had too many sent."""
        parts = request.app[PARTS]
        bucket = Bucket.of("account-codes", who.user.bytes, burst=SENDS[0], every=SENDS[1])
        seconds = await parts.throttle.wait(bucket)
        if seconds:
            note(request, 429, "too_many_codes", signed_in=who.signed_in)
            return seconds
        await parts.verifications.send(
            who.origin(request),
            organization=who.organization,
            purpose=ACCOUNT,
            channel=self.of.channel,
            recipient=address,
            user=who.user,
            locale=rendering.language_of(request),
        )
        return 0

    async def _asking(self, request: web.Request, who: Holder, typed: str, fault: str) -> web.Response:
        filled = Filled({ADDRESS: typed}, {ADDRESS: f"account_{self.of.kind}_{fault}"})
        return await self.of.page(request, who, status=400, filled=filled)

    async def _refused(self, request: web.Request, who: Holder, refusal: Refusal, typed: str) -> web.Response:
        """Tell what is wrong beside its field; what is wrong with an address leads back to where it is asked for."""
        status = note_refusal(request, refusal, who.signed_in)
        field, words = FAULTS[type(refusal)]
        filled = Filled({ADDRESS: typed}, {field: words})
        return await self.of.page(request, who, status=status, filled=filled, sent=typed if field == CODE else "")


ASKED = {200: html("The form."), 303: ELSEWHERE, 400: html("A parameter is repeated."), **FAILED}
REFUSED = {
    400: html("The form cannot be read, or there is no such address."), 403: html("The form is none of ours."),
    404: html("There is nobody like that any more."), **UNREADABLE, **FAILED,
}  # fmt: skip
SENT = {
    200: html("The form for the code."), 303: ELSEWHERE, 409: html("The code could not be sent."),
    429: html("Too many codes.", "Retry-After"), **REFUSED,
}  # fmt: skip
KEPT = {303: ELSEWHERE, 409: html("The code is wrong or spent, or the address somebody else's."), **REFUSED}
GONE = {303: ELSEWHERE, 409: html("Codes are sent to it at sign-in."), **REFUSED}


def _endpoints(of: Addresses, called: str) -> tuple[Endpoint, ...]:
    change, acts = Change(of), done(of.path, of.page)
    return (
        Endpoint(
            "GET", of.path, seen(of.path)(change.show), Group.PAGES, "pages",
            f"The {called} of whoever is signed in", ASKED, query=PageLink,
        ),
        Endpoint(
            "POST", of.path, acts(change.send), Group.PAGES, "pages",
            f"Have a code sent to another {called}", SENT, body=AddressForm, reads=(FORM,),
        ),
        Endpoint(
            "POST", of.confirming, acts(change.confirm), Group.PAGES, "pages",
            f"Confirm another {called} by its code", KEPT, body=AddressCodeForm, reads=(FORM,),
        ),
    )  # fmt: skip


ENDPOINTS = (
    *_endpoints(EMAIL, "e-mail address"),
    *_endpoints(PHONE, "phone number"),
    Endpoint(
        "POST", PHONE.removing, done(PHONE.path, PHONE.page)(Change(PHONE).remove), Group.PAGES, "pages",
        "Have one's phone number forgotten", GONE, body=RemoveNumberForm, reads=(FORM,),
    ),
)  # fmt: skip

"""/api/verification-codes: codes that show who reads what arrives at an address (spec/logto.md section 5).

`write_user` sends and verifies them. Nobody needs to have the address: a new one is verified before it is given to a
user. `/api/verification/verification-codes` is the same by another name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pydantic

from domain.refusals import (
    AccountNotActive,
    CodeBurnt,
    CodeExpired,
    CodeMismatch,
    InvalidEmail,
    InvalidPhone,
    MessageRefused,
    MessageThrottled,
    NoCodeSent,
    NoSender,
    SendLimited,
    UnknownAccount,
)
from domain.verification import GENERIC
from service.commands.verifications import normalised
from service.doors.account_settings.frame import AccountSettingsDoor, Body
from service.http.call import Answer, Call, no_content
from service.http.input import Id  # noqa: TC001 - pydantic reads it
from service.pages.language import preferred

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from domain.caller import Caller
    from service.messages.sender import Channel
    from service.store.decision import Origin
    from service.store.pending import Remembered
    from service.store.store import Outcome, Store
    from service.verifications import Verifications

DOOR = AccountSettingsDoor("verification-codes")
PATHS = ("/api/verification-codes", "/api/verification/verification-codes")
EITHER = "either email or phone is needed"


class Recipient(Body):
    """Whom a code is for: by `email`, else by `phone`. `organizationId` is the caller's own, but root may name one."""

    organization_id: Id | None = None
    email: str | None = pydantic.Field(default=None, pattern=r"^\S+@\S+\.\S+$")
    phone: str | None = pydantic.Field(default=None, pattern=r"^[0-9]+$")

    @pydantic.model_validator(mode="before")
    @classmethod
    def _email_wins(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("email") is not None:
            return {name: value for name, value in given.items() if name != "phone"}
        return given

    @pydantic.field_validator("email")
    @classmethod
    def _an_address(cls, email: str | None) -> str | None:
        return email and _checked("email", email)

    @pydantic.field_validator("phone")
    @classmethod
    def _a_number(cls, phone: str | None) -> str | None:
        return phone and _checked("sms", phone)

    @pydantic.model_validator(mode="after")
    def _somebody(self) -> Recipient:
        if self.email is None and self.phone is None:
            raise ValueError(EITHER)
        return self


class TypedCode(Recipient):
    """A code that somebody typed, and exactly whom it was sent to."""

    verification_code: str = pydantic.Field(min_length=1)


def _checked(channel: Channel, recipient: str) -> str:
    """Return a recipient as it came, for codes go to exactly what was asked for. Raises ValueError."""
    try:
        normalised(channel, recipient)
    except (InvalidEmail, InvalidPhone) as refusal:
        raise ValueError(refusal.sentence) from None
    return recipient


def _to(call: Call) -> tuple[UUID, Channel, str]:
    """Return the organization, the channel and the recipient that a request is about. Raises UnknownAccount."""
    body: Recipient = call.body
    organization = body.organization_id or call.by.organization
    if not call.by.sees(organization):
        raise UnknownAccount
    return (organization, "email", body.email) if body.email is not None else (organization, "sms", body.phone or "")


async def _sent(
    _: Store,
    origin: Origin,
    __: Caller,
    verifications: Verifications,
    to: tuple[UUID, Channel, str],
    locale: str,
    *,
    remember: Callable[[None], Remembered] | None = None,
) -> Outcome[None]:
    organization, channel, recipient = to
    return await verifications.send(
        origin,
        organization=organization,
        purpose=GENERIC,
        channel=channel,
        recipient=recipient,
        locale=locale,
        remember=remember,
    )


async def _verified(
    _: Store,
    origin: Origin,
    __: Caller,
    verifications: Verifications,
    to: tuple[UUID, Channel, str],
    code: str,
    *,
    remember: Callable[[None], Remembered] | None = None,
) -> Outcome[None]:
    organization, channel, recipient = to
    return await verifications.verify(
        origin,
        organization=organization,
        purpose=GENERIC,
        channel=channel,
        recipient=recipient,
        code=code,
        remember=remember,
    )


async def send(call: Call) -> Answer:
    locale = preferred(call.request.headers.get("Accept-Language", ""))
    return await call.carry_out(_sent, no_content, call.parts.verifications, _to(call), locale)


async def verify(call: Call) -> Answer:
    code = call.body.verification_code
    return await call.carry_out(_verified, no_content, call.parts.verifications, _to(call), code)


for _path in PATHS:
    DOOR.route(
        "POST",
        _path,
        permission="write_user",
        summary="Send a verification code to an e-mail address or a phone number",
        body=Recipient,
        status=204,
        refuses=(UnknownAccount, AccountNotActive, NoSender, SendLimited, MessageRefused, MessageThrottled),
    )(send)
    DOOR.route(
        "POST",
        f"{_path}/verify",
        permission="write_user",
        summary="Use up a verification code that somebody typed",
        body=TypedCode,
        status=204,
        refuses=(UnknownAccount, AccountNotActive, NoCodeSent, CodeExpired, CodeBurnt, CodeMismatch),
    )(verify)

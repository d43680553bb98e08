"""What a typed code lets be written down, and what is left of codes when a user goes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from domain.caller import SYSTEM
from domain.refusals import CodeMismatch, InvalidEmail, NoCodeSent, NotVerified, UnknownAccount
from service.commands import accounts, verifications
from service.secrets import verification_codes
from service.store.decision import Origin
from tests.app_fixture import app_database, app_template, running
from tests.fake_clock import FakeClock
from tests.service.doors.account_settings.codes import code_to, wrong

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from domain.verification import Verification
    from service.store.decision import Decision
    from tests.app_fixture import Running

__all__ = ["app_database", "app_template"]

NOBODY = UUID(int=0)
ADA = "Ada@Example.com"


@asynccontextmanager
async def firm(dsn: str, clock: FakeClock | None = None, *, verified: bool = True) -> AsyncIterator[Firm]:
    async with running(dsn, clock=clock) as app:
        opened = Firm(app, UUID(await app.organization()))
        if verified:
            await opened.settle(verified_identifiers=True)
        yield opened


class Firm:
    """An organization, and what is done about its people's addresses."""

    def __init__(self, app: Running, organization: UUID) -> None:
        self.app = app
        self.organization = organization
        self.origin = Origin(NOBODY, organization, None, app.parts.clock.new_id())

    async def settle(self, **settings: Any) -> None:
        await accounts.change_settings(self.app.parts.store, self.origin, SYSTEM, account=self.organization, **settings)

    async def send(
        self, to: str = ADA, purpose: str = "generic", user: UUID | None = None, channel: Any = "email"
    ) -> str:
        about = {"organization": self.organization, "purpose": purpose, "channel": channel, "user": user}
        await self.app.parts.verifications.send(self.origin, recipient=to, **about)
        return code_to(self.app, to, channel)

    async def verify(
        self, code: str, to: str = ADA, purpose: str = "generic", user: UUID | None = None, channel: Any = "email"
    ) -> None:
        about = {"organization": self.organization, "purpose": purpose, "channel": channel, "user": user}
        await self.app.parts.verifications.verify(self.origin, recipient=to, code=code, **about)

    async def write_down(self, recipient: str = ADA, channel: str = "email") -> bool:
        """Do what a command does that gives a new address to a user."""

        async def command(decision: Decision) -> bool:
            decision.organization = self.organization
            return await verifications.require_recently_verified(
                decision, self.organization, channel, recipient, self.app.parts.clock.now()
            )

        return (await self.app.parts.store.decide(command, self.origin)).value

    async def claims(self) -> int:
        count: int = await self.app.parts.store.pool.fetchval(
            "SELECT count(*) FROM muniment.claims WHERE space IN ('verification', 'verified')"
        )
        return count


async def test_nobody_has_to_verify_an_address_unless_the_organization_says_so(app_database: str) -> None:
    async with firm(app_database, verified=False) as acme:
        assert await acme.write_down() is False
        await acme.verify(await acme.send())
        assert await acme.claims() == 0
        await acme.settle(verified_identifiers=True)
        with pytest.raises(NotVerified):
            await acme.write_down()


async def test_an_address_is_written_down_once_after_its_code_was_typed(app_database: str) -> None:
    async with firm(app_database) as acme:
        code = await acme.send()
        for attempt in (wrong(code), None):
            if attempt is not None:
                with pytest.raises(CodeMismatch):
                    await acme.verify(attempt)
            with pytest.raises(NotVerified) as refused:
                await acme.write_down()
        assert refused.value.field == "email"
        await acme.verify(code)
        with pytest.raises(NotVerified):
            await acme.write_down("ada2@example.com")
        assert await acme.write_down("Ada@EXAMPLE.com") is True, "the same mailbox by another spelling of its domain"
        with pytest.raises(NotVerified):
            await acme.write_down()
        assert await acme.claims() == 0


async def test_a_phone_number_is_another_thing_than_an_address(app_database: str) -> None:
    async with firm(app_database) as acme:
        await acme.verify(await acme.send("436601234567", channel="sms"), "436601234567", channel="sms")
        with pytest.raises(InvalidEmail):
            await acme.write_down("436601234567")
        assert await acme.write_down("4306601234567", "sms") is True, "as it is dialled, too"


async def test_ten_minutes_later_it_is_verified_again(app_database: str) -> None:
    clock = FakeClock()
    async with firm(app_database, clock) as acme:
        await acme.verify(await acme.send())
        clock.move(timedelta(seconds=600))
        with pytest.raises(NotVerified):
            await acme.write_down()
        await acme.verify(await acme.send())
        clock.move(timedelta(seconds=600) - timedelta(microseconds=1))
        assert await acme.write_down() is True


async def test_of_two_who_write_the_same_address_down_at_once_one_may(app_database: str) -> None:
    async with firm(app_database) as acme:
        await acme.verify(await acme.send())
        answers = await asyncio.gather(acme.write_down(), acme.write_down(), return_exceptions=True)
        assert sorted(map(str, answers)) == sorted(["True", str(NotVerified(field="email"))])


@pytest.mark.parametrize("purpose", ["account", "sign-in"])
async def test_a_code_for_something_else_verifies_no_address(app_database: str, purpose: str) -> None:
    async with firm(app_database) as acme:
        await acme.verify(await acme.send(purpose=purpose), purpose=purpose)
        with pytest.raises(NotVerified):
            await acme.write_down()


async def test_a_code_for_one_user_is_none_for_another(app_database: str) -> None:
    async with firm(app_database) as acme:
        ada, eve = UUID(int=7), UUID(int=8)
        code = await acme.send(purpose="account", user=ada)
        for other in (eve, None):
            with pytest.raises(NoCodeSent):
                await acme.verify(code, purpose="account", user=other)
        await acme.verify(code, purpose="account", user=ada)


async def test_a_code_that_is_sent_while_the_one_before_is_typed_stays_alive(app_database: str) -> None:
    async with firm(app_database) as acme:
        former, parts, later = await acme.send(), acme.app.parts, []
        to = verifications.Addressee(acme.organization, "generic", "email", ADA)

        def is_former(waiting: Verification) -> bool:
            return verification_codes.is_code(parts.ring, waiting.key, waiting.id, former)

        async def command(decision: Decision) -> bool:
            right = await verifications.verify(decision, to, is_code=is_former, now=parts.clock.now())
            if not later:
                assert right
                later.append(await acme.send())
            return right

        assert (await parts.store.decide(command, acme.origin)).value is False, "it is decided on what waits now"
        await acme.verify(later[0])


async def test_an_organization_that_is_none_sends_no_codes(app_database: str) -> None:
    async with firm(app_database) as acme:
        acme.organization = UUID(int=7)
        with pytest.raises(UnknownAccount):
            await acme.send()


async def test_nothing_finds_the_codes_of_a_user_who_is_gone(app_database: str) -> None:
    async with firm(app_database) as acme:
        person = await acme.app.made(
            "/api/users",
            {"organizationId": str(acme.organization), "primaryEmail": ADA, "primaryPhone": "436601234567"},
        )
        user = UUID(person["id"])
        email, phone = person["primaryEmail"], person["primaryPhone"]
        await acme.verify(await acme.send(email), email)
        for purpose in ("generic", "account", "sign-in"):
            for whose in (None, user):
                await acme.send(email, purpose, whose)
                await acme.send(phone, purpose, whose, "sms")
        code = await acme.send("grace@example.com")
        assert await acme.claims() == 14
        reply = await acme.app.call("DELETE", f"/api/users/{user}")
        assert reply.status == 204, reply.text
        assert await acme.claims() == 1
        await acme.verify(code, "grace@example.com")

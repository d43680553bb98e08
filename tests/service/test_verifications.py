"""Codes when what sends them fails, and when another process has a key that this one has not heard of."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from domain.refusals import CodeMismatch, MessageRefused, MessageThrottled, NoCodeSent, SendLimited
from service.messages.sender import Messages
from service.messages.smtp import Throttled, Undelivered
from service.secrets.master_key import MasterKeys
from service.store.decision import Origin
from service.verifications import Verifications
from tests.app_fixture import app, app_database, app_template

if TYPE_CHECKING:
    from tests.app_fixture import Running

__all__ = ["app", "app_database", "app_template"]

NEW, OLD = bytes(reversed(range(32))), bytes(range(32))
ADA = "ada@example.com"
COUNT = "SELECT count(*) FROM muniment.code_sends"


class Told:
    """A sender that keeps what it is told, and fails as it is told."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.templates: list[str] = []
        self.fault: BaseException | None = None

    async def send(self, to: str, subject: str, body: str, code: str | None, template: str, *, id: UUID) -> str:
        if self.fault is not None:
            raise self.fault
        self.codes.append(code or "")
        self.templates.append(template)
        return f"{id} {to} {subject} {body}"


class Firm:
    """An organization whose codes go to a sender of its own."""

    def __init__(self, app: Running, organization: str, ring: MasterKeys | None = None, reload: Any = None) -> None:
        self.app, self.told, self.organization = app, Told(), UUID(organization)
        self.connecting: BaseException | None = None
        self.verifications = Verifications(
            app.parts.store,
            Messages(app.parts.clock, email=None, sms=None, connected=self.connected),
            ring or app.parts.ring,
            reload or (lambda: pytest.fail("there is nothing to learn")),
        )

    async def connected(self, **_: object) -> Told:
        if self.connecting is not None:
            raise self.connecting
        return self.told

    @property
    def about(self) -> dict[str, Any]:
        return {"organization": self.organization, "purpose": "generic", "channel": "email", "recipient": ADA}

    @property
    def origin(self) -> Origin:
        return Origin(UUID(int=0), self.organization, None, self.app.parts.clock.new_id())

    async def send(self, **more: Any) -> str:
        await self.verifications.send(self.origin, **{**self.about, **more})
        return self.told.codes[-1]

    async def verify(self, code: str, **more: Any) -> None:
        await self.verifications.verify(self.origin, code=code, **{**self.about, **more})

    async def counted(self) -> int:
        number: int = await self.app.parts.store.pool.fetchval(COUNT)
        return number


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        (Undelivered("550 <ada@example.com> is unknown", final=True), MessageRefused),
        (Undelivered("no connection: OSError", final=False), MessageRefused),
        (Throttled("429 too many"), MessageThrottled),
        (ZeroDivisionError("a defect"), ZeroDivisionError),
    ],
)
async def test_what_is_not_sent_leaves_everything_as_it_was(
    app: Running, fault: BaseException, refusal: type[Exception]
) -> None:
    acme = Firm(app, await app.organization())
    code = await acme.send()
    acme.told.fault = fault
    for _ in range(11):
        with pytest.raises(refusal) as refused:
            await acme.send()
        assert ADA not in str(refused.value)
    assert await acme.counted() == 1
    await acme.verify(code)


async def test_how_long_to_wait_is_told_on(app: Running) -> None:
    acme = Firm(app, await app.organization())
    for seconds, told in ((7, 7), (None, 60)):
        acme.told.fault = Throttled("429 too many", seconds)
        with pytest.raises(MessageThrottled) as throttled:
            await acme.send()
        assert throttled.value.seconds == told


async def test_nobody_is_kept_from_signing_in_by_codes_that_others_had_sent(app: Running) -> None:
    firm, user = Firm(app, await app.organization()), app.parts.clock.new_id()
    for number in range(10):
        await firm.send(**({"purpose": "account", "user": user} if number % 2 else {}))
    for more in ({}, {"purpose": "account", "user": user}, {"recipient": ADA.upper()}):
        with pytest.raises(SendLimited):
            await firm.send(**more)
    for _ in range(10):
        code = await firm.send(purpose="sign-in", user=user)
    with pytest.raises(SendLimited):
        await firm.send(purpose="sign-in", user=user)
    await firm.verify(code, purpose="sign-in", user=user)


async def test_what_an_organization_sends_by_itself_keeps_no_other_from_sending(app: Running) -> None:
    acme, other = Firm(app, await app.organization()), Firm(app, await app.organization("Other"))
    operators = Told()
    shared = Verifications(
        app.parts.store, Messages(app.parts.clock, email=operators, sms=None), app.parts.ring, lambda: None
    )
    for _ in range(10):
        await acme.send()
    with pytest.raises(SendLimited):
        await acme.send()
    await other.send()
    for organization in (acme, other) * 5:
        await shared.send(organization.origin, **organization.about)
    for organization in (acme, other):  # who shares a sender shares its limit
        with pytest.raises(SendLimited):
            await shared.send(organization.origin, **organization.about)
    assert len(operators.codes) == 10


async def test_a_sender_of_ones_own_that_cannot_be_used_is_told(app: Running) -> None:
    acme = Firm(app, await app.organization())
    acme.connecting = Undelivered("its configuration does not fit", final=False)
    with pytest.raises(MessageRefused):
        await acme.send()
    assert await acme.counted() == 0


async def test_a_message_that_nobody_knows_the_end_of_counts(app: Running) -> None:
    acme = Firm(app, await app.organization())
    acme.told.fault = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await acme.send()
    assert await acme.counted() == 1


async def test_a_sender_is_told_what_a_code_is_for(app: Running) -> None:
    acme = Firm(app, await app.organization())
    for purpose in ("generic", "account", "sign-in"):
        await acme.send(purpose=purpose)
    assert acme.told.templates == ["Generic", "BindNewIdentifier", "SignIn"]


async def test_a_key_that_another_process_uses_already_is_learnt(app: Running) -> None:
    organization = await app.organization()
    ring, times = MasterKeys([OLD]), 0

    def reload() -> None:
        nonlocal times
        times += 1
        ring.adopt(MasterKeys([NEW, OLD]))

    ahead, behind = Firm(app, organization, MasterKeys([NEW, OLD])), Firm(app, organization, ring, reload)
    code = await ahead.send()
    with pytest.raises(CodeMismatch):
        await behind.verify(f"{(int(code) + 1) % 1_000_000:06d}")
    await behind.verify(code)
    assert times == 1
    await behind.verify(await ahead.send())
    assert times == 1


async def test_with_its_key_gone_no_code_is_right(app: Running) -> None:
    organization = await app.organization()
    code = await Firm(app, organization).send()
    forgotten = Firm(app, organization, MasterKeys([NEW]), lambda: None)
    for attempt in (code, ""):
        with pytest.raises(CodeMismatch):
            await forgotten.verify(attempt)


async def test_a_code_is_right_for_its_channel_alone(app: Running) -> None:
    acme = Firm(app, await app.organization())
    code = await acme.send()
    with pytest.raises(NoCodeSent):
        await acme.verify(code, channel="sms")
    await acme.verify(code)

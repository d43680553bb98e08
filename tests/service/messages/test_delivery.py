"""Mail that the log asks for is sent, in the end once, whatever happens to processes and mail servers in between."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain.caller import SYSTEM
from domain.invitation import LIFETIME
from service.commands import email_verifications, invitations, users
from service.messages import log as message_log
from service.messages.delivery import FIRST_DELAY, LEASE, LONGEST_DELAY, MOST_ATTEMPTS, Delivery
from service.messages.links import Links
from service.messages.sender import Messages
from service.outbound import Outbound
from service.secrets.master_key import MasterKeys
from service.settings import Settings
from service.store import connections, outgoing
from service.store.follower import Bell
from tests.service.commands.given import an_application, an_organization, origin
from tests.service.messages.mail_host import mail_host

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from uuid import UUID

    from domain.user import User
    from tests.service.messages.mail_host import MailHost
    from tests.store_fixture import StoreParts

ISSUER = "https://muniment.test"


def a_delivery(parts: StoreParts, folder: Path, host: MailHost | None = None, *, url: str | None = None) -> Delivery:
    url = url if host is None else f"smtp://127.0.0.1:{host.port}"
    settings = Settings(issuer=ISSUER, data_dir=folder, smtp_url=url)
    return Delivery(
        parts.pool,
        parts.vault,
        Bell(connections.connector(parts.dsn, name="bell")),
        parts.clock,
        links=Links(parts.master_keys, ISSUER),
        messages=Messages.of(settings, parts.clock, Outbound()),
    )


async def invited(parts: StoreParts, email: str = "ada@example.com", **more: Any) -> User:
    home = await an_application(parts, (await an_organization(parts)).id)
    links = Links(parts.master_keys, ISSUER)
    made = await invitations.invite(
        parts.store, origin(), SYSTEM, links=links, application=home.id, email=email, **more
    )
    return made.value.user


def outbox(folder: Path) -> list[Any]:
    files = sorted((folder / "outbox").glob("*")) if (folder / "outbox").exists() else []
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


async def row(parts: StoreParts) -> Any:
    [found] = await parts.owner.fetch("SELECT * FROM muniment.messages")
    return found


async def response(parts: StoreParts) -> str | None:
    """Return what the one attempted message came to, as managers read it."""
    organization = (await row(parts))["organization"]
    [shown] = await message_log.page(parts.pool, parts.vault, organization, channel="email", limit=10, offset=0)
    told: str | None = shown["response"]
    return told


async def test_what_the_log_asks_for_is_sent_once(parts: StoreParts, tmp_path: Path) -> None:
    delivery = a_delivery(parts, tmp_path)
    user = await invited(parts, given_name="Ada", locale="zh")
    assert (await delivery.look(), await delivery.look()) == (1, 0)
    assert (await delivery.send_due(), await delivery.send_due()) == (1, 0)
    [message] = outbox(tmp_path)
    assert (message["to"], message["subject"], message["channel"]) == ("ada@example.com", "邀请您加入 Acme", "email")
    sent = await row(parts)
    assert (sent["subject"], sent["success"], sent["attempts"], sent["next_at"]) == (user.id, True, 1, None)


async def test_a_letter_is_in_its_receivers_language_which_the_log_does_not_tell(
    parts: StoreParts, tmp_path: Path
) -> None:
    user = await invited(parts, locale="zh-Hant-MO")
    links = Links(parts.master_keys, ISSUER)
    await email_verifications.request(parts.store, origin(), SYSTEM, links=links, user=user.id)
    delivery = a_delivery(parts, tmp_path)
    await delivery.look()
    await delivery.send_due()
    assert [message["subject"] for message in outbox(tmp_path)] == ["邀请您加入 Acme", "请确认您在 Acme 的邮箱地址"]
    states = await parts.owner.fetch("SELECT state FROM muniment.events")
    assert not any(b"zh-Hant-MO" in row["state"] for row in states)


async def test_what_was_recorded_before_messages_were_is_not_sent(parts: StoreParts, tmp_path: Path) -> None:
    await invited(parts)
    await parts.owner.execute("UPDATE muniment.followers SET position = (SELECT max(last) FROM muniment.batches)")
    assert await a_delivery(parts, tmp_path).look() == 0


async def test_many_events_are_found_in_pages(
    parts: StoreParts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "PAGE", 2)
    monkeypatch.setattr(outgoing.asked, "__kwdefaults__", {"limit": 2})
    home = await an_application(parts, (await an_organization(parts)).id)
    links = Links(parts.master_keys, ISSUER)
    for n in range(5):
        await invitations.invite(
            parts.store, origin(), SYSTEM, links=links, application=home.id, email=f"{n}@example.com"
        )
    delivery = a_delivery(parts, tmp_path)
    assert await delivery.look() == 5
    await delivery.send_due()
    assert sorted(message["to"] for message in outbox(tmp_path)) == [f"{n}@example.com" for n in range(5)]


async def test_several_processes_send_each_message_once(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]], tmp_path: Path
) -> None:
    home = await an_application(parts, (await an_organization(parts)).id)
    links = Links(parts.master_keys, ISSUER)
    for n in range(12):
        await invitations.invite(
            parts.store, origin(), SYSTEM, links=links, application=home.id, email=f"{n}@example.com"
        )
    processes = [parts, await open_parts(), await open_parts()]
    deliveries = [a_delivery(each, tmp_path) for each in processes]
    assert sum(await asyncio.gather(*(delivery.look() for delivery in deliveries))) == 12
    for _ in range(2):
        await asyncio.gather(*(delivery.send_due() for delivery in deliveries))
    assert len({message["to"] for message in outbox(tmp_path)}) == len(outbox(tmp_path)) == 12


async def test_a_message_whose_process_ended_in_the_middle_is_sent_by_another(
    parts: StoreParts, tmp_path: Path
) -> None:
    await invited(parts)
    delivery = a_delivery(parts, tmp_path)
    await delivery.look()
    now = parts.clock.now()
    [taken] = await outgoing.take(parts.pool, now=now, until=now + LEASE, limit=10)  # and nothing more
    assert (taken.attempts, await delivery.send_due()) == (1, 0)
    parts.clock.move(LEASE)
    assert await delivery.send_due() == 1
    assert len(outbox(tmp_path)) == 1
    assert (await row(parts))["attempts"] == 2


async def test_a_dead_mail_server_delays_and_loses_nothing(parts: StoreParts, tmp_path: Path) -> None:
    async with mail_host() as host:
        delivery = a_delivery(parts, tmp_path, host)
    await invited(parts)
    await delivery.look()
    for attempt in range(1, 10):
        assert await delivery.send_due() == 1
        waiting = await row(parts)
        assert (waiting["attempts"], waiting["success"]) == (attempt, False)
        assert "SMTPConnectError" in str(await response(parts))
        delay = min(FIRST_DELAY * 2 ** (attempt - 1), LONGEST_DELAY)
        assert waiting["next_at"] == parts.clock.now() + delay
        assert await delivery.send_due() == 0, "not before it is due"
        parts.clock.move(delay)
    async with mail_host(host.port) as again:
        assert await delivery.send_due() == 1
        assert again.receivers == ["ada@example.com"]
    sent = await row(parts)
    assert (sent["success"], sent["next_at"]) == (True, None)


async def test_attempts_come_to_an_end(parts: StoreParts, tmp_path: Path) -> None:
    async with mail_host() as host:
        delivery = a_delivery(parts, tmp_path, host)
    await invited(parts)
    await delivery.look()
    await parts.owner.execute("UPDATE muniment.messages SET attempts = $1", MOST_ATTEMPTS - 2)
    await delivery.send_due()
    assert (await row(parts))["next_at"] is not None
    parts.clock.move(LONGEST_DELAY)
    await delivery.send_due()
    assert ((await row(parts))["next_at"], (await row(parts))["success"]) == (None, False)


async def test_what_a_server_refuses_for_good_is_given_up(parts: StoreParts, tmp_path: Path) -> None:
    await invited(parts)
    async with mail_host() as host:
        host.rcpt_answers = ["550 5.1.1 <ada@example.com> is nobody"]
        delivery = a_delivery(parts, tmp_path, host)
        await delivery.look()
        await delivery.send_due()
    refused = await row(parts)
    assert (refused["next_at"], refused["success"]) == (None, False)
    assert await response(parts) == "550 5.1.1 <ada@example.com> is nobody"
    assert "ada" not in refused["response"]


LINK_KILLERS: list[Callable[[StoreParts, User], Awaitable[object]]] = [
    lambda parts, user: invitations.revoke(parts.store, origin(), SYSTEM, user=user.id),
    lambda parts, user: users.delete(parts.store, origin(), SYSTEM, user=user.id),
]


@pytest.mark.parametrize("happening", LINK_KILLERS, ids=["revoked", "deleted"])
async def test_a_link_that_is_dead_by_now_is_not_sent(
    parts: StoreParts, tmp_path: Path, happening: Callable[[StoreParts, User], Awaitable[object]]
) -> None:
    user = await invited(parts)
    delivery = a_delivery(parts, tmp_path)
    await delivery.look()
    await happening(parts, user)
    await delivery.send_due()
    assert outbox(tmp_path) == []
    given_up = await row(parts)
    assert (given_up["next_at"], given_up["success"], given_up["receiver"]) == (None, False, None)
    assert given_up["response"].startswith("not sent: ")


async def test_of_two_links_that_wait_the_living_one_is_sent(parts: StoreParts, tmp_path: Path) -> None:
    user = await invited(parts)
    links = Links(parts.master_keys, ISSUER)
    await invitations.resend(parts.store, origin(), SYSTEM, links=links, user=user.id)
    for _ in range(2):
        await email_verifications.request(parts.store, origin(), SYSTEM, links=links, user=user.id)
    delivery = a_delivery(parts, tmp_path)
    assert (await delivery.look(), await delivery.send_due()) == (4, 4)
    subjects = [message["subject"] for message in outbox(tmp_path)]
    assert subjects == ["You are invited to Acme", "Confirm your e-mail address for Acme"]


async def test_an_invitation_that_expired_while_the_server_was_away_is_not_sent(
    parts: StoreParts, tmp_path: Path
) -> None:
    await invited(parts)
    delivery = a_delivery(parts, tmp_path)
    await delivery.look()
    parts.clock.move(LIFETIME)
    await delivery.send_due()
    assert (outbox(tmp_path), (await row(parts))["response"]) == ([], "not sent: its link is dead")


async def test_a_link_whose_master_key_is_gone_is_not_sent(parts: StoreParts, tmp_path: Path) -> None:
    await invited(parts)
    delivery = a_delivery(parts, tmp_path)
    await delivery.look()
    delivery._links = Links(MasterKeys([bytes(reversed(range(32)))]), ISSUER)
    await delivery.send_due()
    assert outbox(tmp_path) == []
    assert "master key" in (await row(parts))["response"]


async def test_a_message_that_cannot_be_made_keeps_no_other_waiting(
    parts: StoreParts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await invited(parts, "bad@example.com")
    await invited(parts, "good@example.com")
    delivery = a_delivery(parts, tmp_path)
    await delivery.look()
    send = delivery._messages.send

    async def fragile(organization: UUID, channel: Any, to: str, **more: Any) -> str:
        if to == "bad@example.com":
            raise RuntimeError
        return await send(organization, channel, to, **more)

    monkeypatch.setattr(delivery._messages, "send", fragile)
    assert await delivery.send_due() == 2
    assert [message["to"] for message in outbox(tmp_path)] == ["good@example.com"]
    waiting = await parts.owner.fetch("SELECT response FROM muniment.messages WHERE next_at IS NOT NULL")
    assert [each["response"] for each in waiting] == ["it could not be made"]


async def test_a_running_delivery_hears_of_what_happens_and_ends_in_order(parts: StoreParts, tmp_path: Path) -> None:
    delivery = a_delivery(parts, tmp_path)
    await delivery.start()
    try:
        await invited(parts)
        async with asyncio.timeout(10):
            while not outbox(tmp_path):  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.02)
    finally:
        await delivery.stop()
    await invited(parts, "grace@example.com")
    assert await delivery.look() == 1, "a delivery that was stopped looks no more by itself"


async def test_the_record_is_sealed_and_read_by_the_organization_alone(parts: StoreParts, tmp_path: Path) -> None:
    user = await invited(parts)
    delivery = a_delivery(parts, tmp_path)
    await delivery.look()
    assert await message_log.page(
        parts.pool, parts.vault, user.organization, channel="email", limit=10, offset=0
    ) == [], "nothing was tried yet"  # fmt: skip
    await delivery.send_due()
    sent = await row(parts)
    sealed = sent["receiver"] + sent["content"]  # base64, in which any short text stands by chance one day
    assert "ada@example.com" not in sealed
    [shown] = await message_log.page(parts.pool, parts.vault, user.organization, channel="email", limit=10, offset=0)
    assert (shown["receiver"], shown["success"]) == ("ada@example.com", True)
    assert "token=…" in shown["content"]
    assert await message_log.one(parts.pool, parts.vault, user.organization, sent["id"], channel="email") == shown
    for organization, channel, id in (
        (uuid4(), "email", sent["id"]), (user.organization, "sms", sent["id"]), (user.organization, "email", uuid4()),
    ):  # fmt: skip
        assert await message_log.one(parts.pool, parts.vault, organization, id, channel=channel) is None
    assert await message_log.count(parts.pool, user.organization, channel="email") == 1
    await users.delete(parts.store, origin(), SYSTEM, user=user.id)
    [left] = await message_log.page(parts.pool, parts.vault, user.organization, channel="email", limit=10, offset=0)
    assert (left["receiver"], left["content"], left["response"], left["success"]) == (None, None, None, True)


async def test_the_record_is_shortened_but_for_what_still_waits(parts: StoreParts, tmp_path: Path) -> None:
    user = await invited(parts)
    delivery = a_delivery(parts, tmp_path)
    await delivery.look()
    later = parts.clock.now() + timedelta(days=1)
    wanted = {"channel": "email", "before": later}
    assert await message_log.delete_before(parts.pool, user.organization, **wanted) == 0  # type: ignore[arg-type]
    await delivery.send_due()
    assert await message_log.delete_before(parts.pool, uuid4(), **wanted) == 0  # type: ignore[arg-type]
    before = parts.clock.now() - timedelta(days=1)
    assert await message_log.delete_before(parts.pool, user.organization, channel="email", before=before) == 0
    assert await message_log.delete_before(parts.pool, user.organization, **wanted) == 1  # type: ignore[arg-type]
    assert await delivery.look() == 0, "what was sent and forgotten is not found in the log again"


async def test_mail_of_a_service_that_sends_none_is_given_up(parts: StoreParts, tmp_path: Path) -> None:
    delivery = a_delivery(parts, tmp_path, url="off")
    await invited(parts)
    await delivery.look()
    await delivery.send_due()
    given_up = await row(parts)
    assert (given_up["success"], given_up["next_at"], outbox(tmp_path)) == (False, None, [])
    assert await response(parts) == "not sent: there is no sender"

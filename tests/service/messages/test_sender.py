"""Messages go out by the organization's own sender, else by the operator's, else into the outbox, else not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain.refusals import NoSender
from service.messages.sender import Mail, Messages, Outbox
from service.messages.smtp import AT_ONCE_SECONDS, WHOLE_SECONDS
from service.messages.webhook import Webhook
from service.outbound import Outbound
from service.settings import Settings
from tests.fake_clock import FakeClock
from tests.service.messages.mail_host import mail_host

if TYPE_CHECKING:
    from pathlib import Path

    from service.messages.sender import Channel, Sender

HOME, ELSEWHERE = uuid4(), uuid4()


def messages(folder: Path, connected: Sender | None = None, **settings: Any) -> Messages:
    async def of(*, organization: UUID, channel: Channel) -> Sender | None:
        return connected if (organization, channel) == (HOME, "sms") else None

    told = Settings(issuer="https://muniment.test", data_dir=folder, **settings)
    return Messages.of(told, FakeClock(), Outbound(), connected=of)


async def test_without_senders_messages_go_to_the_outbox(tmp_path: Path) -> None:
    out = messages(tmp_path)
    for channel in ("email", "sms"):
        assert isinstance(await out.sender(HOME, channel), Outbox)
    told = await out.send(HOME, "sms", "4366012345", subject="", body="Body", template="Generic", code="123456")
    [file] = (tmp_path / "outbox").iterdir()
    assert told == f"written to outbox/{file.name}"
    assert json.loads(file.read_text())["code"] == "123456"


async def test_the_operators_senders_are_for_every_organization(tmp_path: Path) -> None:
    out = messages(tmp_path, smtp_url="smtp://mail.test", sms_webhook_url="https://sms.test/send")
    for organization in (HOME, ELSEWHERE):
        mail, texts = await out.sender(organization, "email"), await out.sender(organization, "sms")
        assert isinstance(mail, Mail)
        assert (mail.server.host, mail.server.sender) == ("mail.test", "no-reply@muniment.test")
        assert isinstance(texts, Webhook)
        assert (texts.url, texts.channel) == ("https://sms.test/send", "sms")


async def test_an_organizations_own_sender_comes_first(tmp_path: Path) -> None:
    own = Outbox(tmp_path / "own", "sms", FakeClock())
    for url in (None, "https://sms.test", "off"):
        out = messages(tmp_path, own, sms_webhook_url=url)
        assert await out.sender(HOME, "sms") is own
        assert isinstance(await out.sender(HOME, "email"), Outbox)


@pytest.mark.parametrize("channel", ["email", "sms"])
async def test_a_channel_that_is_off_sends_nothing(tmp_path: Path, channel: Channel) -> None:
    out = messages(tmp_path, smtp_url="off", sms_webhook_url="off")
    with pytest.raises(NoSender):
        await out.send(ELSEWHERE, channel, "ada@example.com", subject="Hello", body="Body", template="Generic")
    assert not (tmp_path / "outbox").exists()


async def test_mail_is_handed_to_the_operators_server(tmp_path: Path) -> None:
    async with mail_host() as host:
        out = messages(tmp_path, smtp_url=f"smtp://127.0.0.1:{host.port}")
        id = uuid4()
        told = await out.send(HOME, "email", "ada@example.com", subject="Hi", body="Body", template="Generic", id=id)
        assert "taken" in told
    [mail] = host.taken
    assert mail["Message-ID"] == f"<{id}@muniment.test>"


async def test_somebody_who_waits_waits_shorter_than_the_log_does(tmp_path: Path) -> None:
    mail: Any = await messages(tmp_path, smtp_url="smtp://mail.test").sender(HOME, "email")
    assert mail.seconds == AT_ONCE_SECONDS < WHOLE_SECONDS

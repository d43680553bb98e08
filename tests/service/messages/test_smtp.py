"""Mail is handed to a real server, and what the server says decides whether to try again."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from service.messages import smtp
from service.messages.mail_server import MailServer
from service.messages.smtp import Throttled, Undelivered
from tests.service.messages.mail_host import MailHost, accepting, certificate, mail_host

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = UUID(int=9)


def server(host: MailHost, user: str = "", query: str = "") -> MailServer:
    return MailServer.of(f"smtp://{user}127.0.0.1:{host.port}{query}", issuer="https://id.example.com")


async def send(to: MailServer, receiver: str = "ada@example.com") -> str:
    return await smtp.send(to, receiver, "Grüße ☃", "Line one\nÜber\n" + "x" * 2000 + "\n.\n", id=ID, now=NOW)


async def test_a_message_arrives_as_it_was_written() -> None:
    async with mail_host() as host:
        assert "taken" in await send(server(host))
    [message] = host.taken
    assert host.receivers == ["ada@example.com"]
    assert (message["Subject"], message["From"], message["To"]) == (
        "Grüße ☃", "no-reply@id.example.com", "ada@example.com",
    )  # fmt: skip
    assert message["Message-ID"] == f"<{ID}@id.example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == NOW
    assert message.get_content().splitlines() == ["Line one", "Über", "x" * 2000, "."]


async def test_an_address_in_another_script_arrives_too() -> None:
    async with mail_host() as host:
        await send(server(host), "ada@bücher.example.com")
        await send(server(host), "李@example.com")
    assert host.receivers == ["ada@xn--bcher-kva.example.com", "李@example.com"]


@pytest.mark.parametrize(
    ("rcpt", "data", "final"),
    [
        ("550 5.1.1 no such user", None, True),
        ("450 4.2.1 try again later", None, False),
        (None, "554 5.7.1 looks like spam", True),
        (None, "452 4.3.1 disk full", False),
    ],
)
async def test_what_the_server_refuses_for_good_is_not_tried_again(
    rcpt: str | None,
    data: str | None,
    final: bool,  # noqa: FBT001 - a column of the table
) -> None:
    async with mail_host() as host:
        host.rcpt_answers, host.data_answers = [rcpt], [data]
        with pytest.raises(Undelivered) as undelivered:
            await send(server(host))
        assert undelivered.value.final is final
        assert isinstance(undelivered.value, Throttled) is not final
        assert (rcpt or data or "")[:3] in undelivered.value.response
        assert host.taken == []


async def test_a_server_that_is_away_is_tried_again() -> None:
    async with mail_host() as host:
        away = server(host)
    with pytest.raises(Undelivered) as undelivered:
        await send(away)
    assert undelivered.value.final is False


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # the test server's own advice
async def test_a_server_that_wants_to_know_who_sends_is_told() -> None:
    async with mail_host(**accepting("ada", "secret")) as host:
        assert "taken" in await send(server(host, "ada:secret@"))
        with pytest.raises(Undelivered) as undelivered:
            await send(server(host, "ada:wrong@"))
    assert (undelivered.value.final, "wrong" in undelivered.value.response) == (False, False)


async def test_mail_is_encrypted_where_it_is_insisted_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with mail_host(tls_context=context) as host:
        await send(server(host, query="?starttls"))
        await send(server(host))
        await send(server(host, query="?starttls=never"))
    assert host.encrypted == [True, True, False]


async def test_a_server_that_nobody_vouches_for_gets_no_mail(tmp_path: Path) -> None:
    async with mail_host(tls_context=certificate(tmp_path)) as host:
        with pytest.raises(Undelivered) as undelivered:
            await send(server(host, query="?starttls"))
    assert (host.taken, undelivered.value.final) == ([], False)


async def test_where_encryption_is_insisted_on_and_not_offered_no_mail_goes_out() -> None:
    async with mail_host() as host:
        with pytest.raises(Undelivered) as undelivered:
            await send(server(host, query="?starttls"))
    assert (host.taken, undelivered.value.final) == ([], False)


async def test_a_server_that_never_answers_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "WHOLE_SECONDS", 0.2)

    over, left = asyncio.Event(), asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()
        left.set()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    with pytest.raises(Undelivered) as undelivered:
        await send(MailServer.of(f"smtp://127.0.0.1:{port}", issuer="https://id.example.com"))
    assert undelivered.value.final is False
    over.set()
    await left.wait()
    listening.close()
    await listening.wait_closed()


async def test_a_message_goes_over_a_connection_that_is_there() -> None:
    async with mail_host() as host:
        there = socket.create_connection(("127.0.0.1", host.port))
        there.settimeout(0)
        elsewhere = MailServer.of("smtp://mail.test:1", issuer="https://id.example.com")
        await smtp.send(elsewhere, "ada@example.com", "Hello", "Body", id=ID, now=NOW, sock=there)
    assert host.receivers == ["ada@example.com"]


async def test_who_waits_waits_for_so_long_only() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = MailServer.of(f"smtp://127.0.0.1:{silent.getsockname()[1]}", issuer="https://id.example.com")
        began = asyncio.get_running_loop().time()
        with pytest.raises(Undelivered) as undelivered:
            await smtp.send(slow, "ada@example.com", "Hello", "Body", id=ID, now=NOW, seconds=0.2)
        assert asyncio.get_running_loop().time() - began < 2
        assert undelivered.value.final is False

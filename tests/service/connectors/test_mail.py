"""Mail goes through a server of the organization's own, which is a real one here, and never one inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from domain.refusals import MessageRefused, MessageThrottled
from service.clock import Clock
from service.connectors import sending
from service.connectors.mail import SmtpConfig
from service.messages.smtp import Undelivered
from tests.service.connectors.hosting import outbound
from tests.service.messages.mail_host import MailHost, accepting, certificate, mail_host

if TYPE_CHECKING:
    from pathlib import Path

    from domain.refusals import Refusal

ID = UUID(int=9)
SMTP = "simple-mail-transfer-protocol"


def config(server: MailHost, **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": server.port, "fromEmail": "Acme <no-reply@acme.example>", **more}


async def send(server: MailHost, *, allowed: bool = True, **more: Any) -> str:
    async with outbound(*[("127.0.0.1", server.port)] * allowed) as calls:
        by = sending.sender(SMTP, config(server, **more), calls, Clock())
        return await by.send("ada@example.com", "Code", "Your code is 123456", "123456", "Generic", id=ID)


async def test_a_message_goes_through_the_server_in_the_organizations_name() -> None:
    async with mail_host() as host:
        assert "taken" in await send(host)
    [message] = host.taken
    assert (host.receivers, message["From"], message["Subject"]) == (
        ["ada@example.com"], "Acme <no-reply@acme.example>", "Code",
    )  # fmt: skip
    assert message["Message-ID"] == f"<{ID}@acme.example>"
    assert message.get_content().strip() == "Your code is 123456"


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # the test server's own advice
async def test_a_server_that_wants_to_know_who_sends_is_told() -> None:
    async with mail_host(**accepting("ada", "s3cr3t")) as host:
        assert "taken" in await send(host, auth={"user": "ada", "pass": "s3cr3t"})
        with pytest.raises(Undelivered) as refused:
            await send(host, auth={"user": "ada", "pass": "wr0ng"})
    assert "wr0ng" not in refused.value.response


async def test_mail_is_encrypted_where_it_is_insisted_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = certificate(tmp_path)
    async with mail_host(tls_context=context) as host:
        with pytest.raises(Undelivered):  # nobody vouches for it
            await send(host, requireTLS=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        await send(host, requireTLS=True)
        await send(host, ignoreTLS=True)
    async with mail_host() as plain:
        with pytest.raises(Undelivered):
            await send(plain, requireTLS=True)
        with pytest.raises(Undelivered):
            await send(plain, secure=True)
    assert (host.encrypted, plain.taken) == ([True, False], [])


@pytest.mark.parametrize(
    ("given", "tls", "starttls"),
    [
        ({}, False, None),
        ({"secure": True}, True, False),
        ({"requireTLS": True}, False, True),
        ({"ignoreTLS": True}, False, False),
        ({"auth": {"user": "u", "pass": "p"}}, False, True),
        ({"auth": {"user": "u", "pass": "p"}, "host": "127.0.0.1"}, False, None),
        ({"auth": {"user": "u", "pass": "p"}, "ignoreTLS": True}, False, False),
    ],
)
def test_a_password_crosses_no_network_in_the_clear_unless_somebody_says_so(
    given: dict[str, Any],
    tls: bool,  # noqa: FBT001 - a column of the table
    starttls: bool | None,  # noqa: FBT001
) -> None:
    told = {"host": "mail.example", "port": 25, "fromEmail": "a@b.example", **given}
    server = SmtpConfig.model_validate(told).server
    assert (server.tls, server.starttls) == (tls, starttls)


async def test_a_private_server_is_not_connected_to_and_nobody_is_told_why() -> None:
    async with mail_host() as host:
        responses = set()
        for name in ("127.0.0.1", "localhost", "0177.0.0.1", "::1", "nobody.invalid"):
            with pytest.raises(Undelivered) as refused:
                await send(host, allowed=False, host=name)
            responses.add(refused.value.response)
        assert (host.taken, responses) == ([], {"the mail server cannot be reached"})


@pytest.mark.parametrize(
    ("answer", "refusal", "detail"),
    [
        ("550 5.1.1 <ada@example.com>: nobody here", MessageRefused, "550"),
        ("450 4.2.1 ada@example.com has too much mail", MessageThrottled, "450"),
    ],
)
async def test_of_a_trial_that_fails_no_log_has_the_address(answer: str, refusal: type[Refusal], detail: str) -> None:
    async with mail_host() as host, outbound(("127.0.0.1", host.port)) as calls:
        host.rcpt_answers.append(answer)
        with pytest.raises(refusal) as refused:
            await sending.tried(sending.sender(SMTP, config(host), calls, Clock()), "ada@example.com", id=ID)
        assert refused.value.detail == detail
    async with mail_host() as host, outbound() as calls:
        with pytest.raises(MessageRefused) as refused:
            await sending.tried(sending.sender(SMTP, config(host), calls, Clock()), "ada@example.com", id=ID)
        assert refused.value.detail == "the mail server cannot be reached"


@pytest.mark.parametrize(
    "sender",
    ["nobody", "a@b.example\r\nBcc: e@x.example", "=?utf-8?b?DQpCY2M6IGVAeC5leGFtcGxl?= <a@b.example>", "é@b.example"],
)
def test_a_sender_of_whom_no_header_can_be_made_is_refused(sender: str) -> None:
    with pytest.raises(ValidationError):
        SmtpConfig.model_validate({"host": "mail.example", "port": 25, "fromEmail": sender})

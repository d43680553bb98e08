"""What MUNIMENT_SMTP_URL may say, and that what is wrong with it is told without quoting it."""

from __future__ import annotations

import pytest

from service.messages.mail_server import BadAddress, MailServer
from service.settings import BadSetting, Settings, read

ISSUER = "https://id.example.com/auth"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("smtp://mail.example.com", ("mail.example.com", 25, False, None, None, None)),
        ("smtp://mail.example.com:587?starttls", ("mail.example.com", 587, False, True, None, None)),
        ("smtp://mail.example.com/?starttls=never", ("mail.example.com", 25, False, False, None, None)),
        ("smtps://ada:a%40b%3A@mail.example.com", ("mail.example.com", 465, True, False, "ada", "a@b:")),
        ("smtp://ada:secret@mail.example.com", ("mail.example.com", 25, False, True, "ada", "secret")),
        ("smtp://ada:secret@mail.example.com?starttls=offered", ("mail.example.com", 25, False, None, "ada", "secret")),
        ("smtp://ada:secret@127.0.0.1:2525", ("127.0.0.1", 2525, False, None, "ada", "secret")),
        ("smtp://[::1]:2525", ("::1", 2525, False, None, None, None)),
    ],
)
def test_an_address_tells_server_encryption_and_credentials(url: str, told: tuple[object, ...]) -> None:
    server = MailServer.of(url, issuer=ISSUER)
    assert (server.host, server.port, server.tls, server.starttls, server.user, server.password) == told
    assert server.sender == "no-reply@id.example.com"


def test_the_sender_can_be_named() -> None:
    server = MailServer.of("smtp://h?from=Muniment%20%3Cid%40example.com%3E", issuer=ISSUER)
    assert server.sender == "Muniment <id@example.com>"


@pytest.mark.parametrize(
    "url",
    ["http://secret@h", "smtp://", "smtp://:secret@", "smtp://h:secret", "smtp://h:99999", "smtp://h/secret",
     "smtp://h?secret=1", "smtp://h?starttls=secret", "smtps://h?starttls", "smtp://h?from=a&from=secret",
     "smtp://h#secret", "secret"],
)  # fmt: skip
def test_what_is_wrong_is_told_without_quoting_it(url: str) -> None:
    with pytest.raises(BadAddress) as refused:
        MailServer.of(url, issuer=ISSUER)
    assert "secret" not in str(refused.value)
    with pytest.raises(BadSetting, match="MUNIMENT_SMTP_URL") as told:
        read({"MUNIMENT_SMTP_URL": url})
    assert "secret" not in str(told.value)


def test_the_settings_show_no_password() -> None:
    settings = read({"MUNIMENT_SMTP_URL": "smtp://ada:secret@h", "MUNIMENT_ISSUER": ISSUER})
    assert "secret" not in repr(settings)
    assert settings.mail_server is not None
    assert "secret" not in repr(settings.mail_server)
    assert Settings().mail_server is None

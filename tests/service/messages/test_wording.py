"""Messages are written in the language of a locale, and shown to managers without their secret."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.messages.delivery import KINDS
from service.messages.wording import CODES, PURPOSES, Worded, worded, worded_code

LINK = "https://muniment.test/invitation?token=mun_inv_secret"


def a_message(topic: str, locale: str | None = "en", name: str | None = None, organization: str = "Acme") -> Worded:
    return worded(
        topic, locale=locale, organization=organization, name=name, link=LINK,
        expires_at=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
    )  # fmt: skip


@pytest.mark.parametrize("topic", KINDS)
@pytest.mark.parametrize(("locale", "chinese"), [("zh", True), ("zh-Hans-CN", True), ("ZH", True), ("en", False),
                                                 ("fr", False), (None, False), ("", False)])  # fmt: skip
def test_every_message_is_there_in_both_languages(topic: str, locale: str | None, chinese: bool) -> None:  # noqa: FBT001
    message = a_message(topic, locale)
    assert ("您" in message.body) is chinese
    assert LINK in message.body
    assert "2026-03-01 12:30" in message.body
    assert "Acme" in message.subject
    assert "\n" not in message.subject


@pytest.mark.parametrize("topic", KINDS)
def test_what_managers_read_holds_no_secret(topic: str) -> None:
    shown = a_message(topic).shown
    assert "mun_inv_secret" not in shown
    assert "https://muniment.test/invitation?token=…" in shown


def test_names_are_put_in_as_they_are() -> None:
    message = a_message("invitation.issued", name="{link}", organization="{0} & <b>Söhne</b>")
    assert message.body.startswith("Hello {link},\n")
    assert message.subject == "You are invited to {0} & <b>Söhne</b>"


@pytest.mark.parametrize("purpose", sorted({purpose for purpose, _ in PURPOSES}))
@pytest.mark.parametrize(("channel", "language"), CODES)
def test_every_code_is_told_in_both_languages_and_shown_without(purpose: str, channel: str, language: str) -> None:
    message = worded_code(purpose, channel, locale=language, organization="{code} & Söhne", code="012345", minutes=10)
    assert message.body.count("012345") == 1
    assert "{code} & Söhne" in message.body
    assert ("验证码" in message.body) is (language == "zh")
    assert "10" in message.body
    assert PURPOSES[purpose, language] in message.body
    assert "\n" not in message.subject
    assert "012345" not in message.shown
    assert (message.subject == "") is (channel == "sms")


def test_a_code_that_is_texted_fits_into_one_message() -> None:
    for purpose, language in PURPOSES:
        told = worded_code(purpose, "sms", locale=language, organization="Muniment Ltd", code="012345", minutes=10)
        assert len(told.body) <= (70 if language == "zh" else 160)

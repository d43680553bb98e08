"""Without a sender, messages go to files that their owner alone reads, a line each."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from service.messages.sender import Outbox
from service.messages.smtp import Undelivered
from tests.fake_clock import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

ID = UUID(int=9)


async def test_a_message_is_a_line_of_its_channels_file_of_the_day(tmp_path: Path) -> None:
    clock = FakeClock()
    mail, texts = Outbox(tmp_path, "email", clock), Outbox(tmp_path, "sms", clock)
    today = clock.now()
    response = await mail.send("ada@example.com", "Hello", "One\nTwo ☃", None, "Generic", id=ID)
    assert response == f"written to outbox/email-{today:%Y-%m-%d}.jsonl"
    await texts.send("4366012345", "", "Your code is 123456", "123456", "Generic", id=ID)
    clock.move(timedelta(days=1))
    await mail.send("ada@example.com", "Again", "Body", None, "Generic", id=ID)
    files = sorted((tmp_path / "outbox").iterdir())
    assert [file.name for file in files] == [
        f"email-{today:%Y-%m-%d}.jsonl", f"email-{clock.now():%Y-%m-%d}.jsonl", f"sms-{today:%Y-%m-%d}.jsonl",
    ]  # fmt: skip
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "outbox").stat().st_mode & 0o777 == 0o700
    assert [json.loads(line) for line in files[0].read_text().splitlines()] == [
        {"to": "ada@example.com", "channel": "email", "subject": "Hello", "body": "One\nTwo ☃", "code": None}
    ]
    assert json.loads(files[2].read_text())["code"] == "123456"


async def test_an_outbox_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("in the way")
    with pytest.raises(Undelivered) as undelivered:
        await Outbox(tmp_path, "email", FakeClock()).send("ada@example.com", "Hello", "Body", None, "Generic", id=ID)
    assert undelivered.value.final is False
    assert str(tmp_path) not in undelivered.value.response

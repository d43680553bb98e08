"""Verification codes as tests ask for them, and as the outbox of a service without senders has them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.app_fixture import Reply, Running

SEND, VERIFY = "/api/verification-codes", "/api/verification-codes/verify"
OTHER_SEND, OTHER_VERIFY = "/api/verification/verification-codes", "/api/verification/verification-codes/verify"
PATHS = [(SEND, VERIFY), (OTHER_SEND, OTHER_VERIFY)]


def messages(data_dir: Path, to: str | None = None, channel: str = "email") -> list[Any]:
    """Return what was sent to somebody (None: to anybody), the oldest first."""
    lines = [
        json.loads(line)
        for file in sorted((data_dir / "outbox").glob(f"{channel}-*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    return [line for line in lines if to is None or line["to"] == to]


def code_to(app: Running, to: str, channel: str = "email") -> str:
    """Return the code that was sent to somebody last."""
    code: str = messages(app.parts.settings.data_dir, to, channel)[-1]["code"]
    return code


def wrong(code: str) -> str:
    """Return another code."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def sent(app: Running, token: str | None, email: str, **more: Any) -> str:
    """Have a code sent by e-mail and return it."""
    reply = await app.call("POST", SEND, token, json={"email": email, **more})
    assert reply.status == 204, reply.text
    return code_to(app, email)


async def typed(app: Running, token: str | None, email: str, code: str, **more: Any) -> Reply:
    """Type a code that was sent by e-mail."""
    return await app.call("POST", VERIFY, token, json={"email": email, "verificationCode": code, **more})


def told(reply: Reply) -> tuple[int, str]:
    """Return the status of an answer, and the code of its refusal."""
    return reply.status, "" if reply.status == 204 else reply.json["code"]

"""What tests about the second step of a sign-in share: people with factors, and what they type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyotp

from tests.service.pages.people import sign_in
from tests.service.pages.visitor import Visitor

if TYPE_CHECKING:
    from datetime import timedelta

    from tests.app_fixture import Running
    from tests.service.pages.people import Firm, Person
    from tests.service.pages.visitor import Answer

STEP = "/login/factor"
SECOND = "__Host-muniment-second-step"


async def add(firm: Firm, person: Person, **body: Any) -> Any:
    """Give somebody a factor; return what is told of it."""
    return await firm.app.made(f"/api/users/{person.id}/mfa-verifications", body, firm.token)


async def an_app(firm: Firm, person: Person) -> str:
    """Give somebody an app; return its secret."""
    secret: str = (await add(firm, person, type="Totp"))["secret"]
    return secret


async def codes(firm: Firm, person: Person) -> list[str]:
    """Give somebody backup codes."""
    made: list[str] = (await add(firm, person, type="BackupCode"))["codes"]
    return made


async def remove_all(firm: Firm, person: Person) -> None:
    path = f"/api/users/{person.id}/mfa-verifications"
    for factor in (await firm.app.call("GET", path, firm.token)).json:
        assert (await firm.app.call("DELETE", f"{path}/{factor['id']}", firm.token)).status == 204


async def require(firm: Firm, person: Person, *flags: str) -> None:
    """Have somebody prove themselves with these besides."""
    for flag in flags:
        reply = await firm.app.call("POST", f"/api/v1/users/{person.id}/{flag}-mfa", firm.token)
        assert reply.status == 204, reply.text


def shown(app: Running, secret: str, later: timedelta | None = None) -> str:
    """Return what an app with this secret shows now, or so much later."""
    now = app.parts.clock.now()
    return pyotp.TOTP(secret).at(now if later is None else now + later)


def sent(app: Running, to: str, channel: str = "email") -> list[str]:
    """Return the codes that were sent to somebody."""
    folder = app.parts.settings.data_dir / "outbox"
    lines = [
        json.loads(line)
        for file in sorted(folder.glob(f"{channel}-*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    return [line["code"] for line in lines if line["to"] == to]


async def halfway(firm: Firm, person: Person, visitor: Visitor | None = None, **more: str) -> tuple[Visitor, Answer]:
    """Let somebody show their password; return them, and the page of the second step."""
    visitor = visitor or Visitor(firm.app)
    page = await visitor.open("/login", organization=firm.organization, **more)
    answer = await sign_in(visitor, page, person)
    assert answer.next.startswith(f"{STEP}?"), answer.next
    assert SECOND in visitor.cookies
    return visitor, await visitor.open(answer.next)

"""Enterprise identities from the command line: what is recorded, what is refused, and that nobody is quoted."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from domain.identity import DETAILS_LIMIT
from projections import identities
from tests.fake_clock import FakeClock
from tests.service.commands.given import a_user, an_application, an_organization, head
from tests.store_fixture import MASTER_KEY, opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    Import = Callable[..., tuple[int, str, list[str]]]

ISSUER = "https://idp.acme.example"


@pytest.fixture
def users(store_database: str) -> list[UUID]:
    """The ids of two users of one organization."""

    async def make() -> list[UUID]:
        async with opened(store_database, FakeClock()) as parts:
            application = (await an_application(parts, (await an_organization(parts)).id)).id
            return [(await a_user(parts, application)).id for _ in range(2)]

    return asyncio.run(make())


@pytest.fixture
def importing(store_database: str, tmp_path: Path) -> Import:
    """A function that imports lines, objects or raw, and returns the status, what was told and what was wrong."""

    def run(*lines: Any) -> tuple[int, str, list[str]]:
        file = tmp_path / "identities.jsonl"
        file.write_bytes(
            b"".join(each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in lines)
        )
        done = subprocess.run(
            [sys.executable, "-c", "from service.cli import main; main()", "identities", "import", str(file)],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")},
                "MUNIMENT_DATA_DIR": str(tmp_path / "var"),
                "MUNIMENT_DATABASE_URL": store_database,
                "MUNIMENT_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout.strip(), done.stderr.splitlines()

    return run


def line(user: UUID | str, **more: Any) -> dict[str, Any]:
    told = {
        "user": str(user),
        "ssoConnectorId": "acme",
        "issuer": ISSUER,
        "identityId": "ada",
        "detail": {"name": "Ada"},
    }
    return {**told, **more}


def recorded(store_database: str, user: UUID) -> tuple[list[tuple[Any, ...]], int]:
    """Return a user's enterprise identities, and how long the log is."""

    async def read() -> tuple[list[tuple[Any, ...]], int]:
        async with opened(store_database, FakeClock()) as parts:
            rows = await identities.enterprise_of(parts.pool, user)
            told = ("connector", "issuer", "identity_id")
            return [(*(row[name] for name in told), json.loads(row["detail"])) for row in rows], await head(parts)

    return asyncio.run(read())


def test_every_line_is_recorded_and_may_come_again(store_database: str, users: list[UUID], importing: Import) -> None:
    ada, eve = users
    lines = [line(ada), line(eve, identityId="eve", detail={}), line(ada, ssoConnectorId="zoo", identityId="lovelace")]
    del lines[2]["detail"]
    assert importing(*lines) == (0, "recorded 3 identities", [])
    shown, length = recorded(store_database, ada)
    assert shown == [("acme", ISSUER, "ada", {"name": "Ada"}), ("zoo", ISSUER, "lovelace", {})]
    assert importing(*lines) == (0, "recorded 3 identities", [])
    assert recorded(store_database, ada) == (shown, length), "nothing was new"
    assert importing(line(ada, identityId="countess", detail={})) == (0, "recorded 1 identities", [])
    assert recorded(store_database, ada)[0][0] == ("acme", ISSUER, "countess", {})


def test_what_is_refused_is_told_by_its_line_and_the_others_are_recorded(
    store_database: str, users: list[UUID], importing: Import
) -> None:
    ada, eve = users
    status, told, wrong = importing(
        line("01a205fc-5eb9-748a-b196-7503ef3bbeb4"),
        line(ada),
        line(eve),
        line(eve, identityId=""),
        line(eve, ssoConnectorId="a b"),
        line(eve, detail={"a": "x" * DETAILS_LIMIT}),
        line(eve, detail={"a": "\x00"}),
        b'{"user": \n',
        b"\n",
        line(eve, surname="Secret"),
        line(eve, issuer=7),
        line("eve"),
        b'{"user": "' + b"x" * 300_000 + b'"}\n',
        b"\xff\n",
        b'{"user": "' + b"x" * 300_000,
    )
    assert (status, told) == (1, "recorded 1 identities, refused 14 lines")
    assert [each.partition(":")[0] for each in wrong] == [f"line {n}" for n in range(1, 16) if n != 2]
    assert not any("Secret" in each or "ada" in each or "xxx" in each for each in wrong)
    assert wrong[0] == "line 1: No such user"
    assert wrong[1] == "line 3: The identity belongs to another user already"
    assert wrong[-1] == "line 15: longer than 128 KiB"
    assert recorded(store_database, ada)[0] == [("acme", ISSUER, "ada", {"name": "Ada"})]
    assert recorded(store_database, eve)[0] == []


def test_an_empty_file_says_nothing_of_anybody(importing: Import) -> None:
    assert importing() == (0, "recorded 0 identities", [])

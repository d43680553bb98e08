"""Once a person is deleted, nothing that is known of them can be read: in no table, line, file, answer or page.

Everything that can be known of a person is made of one, through doors and pages; then they are deleted. Every value is
looked for as it was given, in another case, encoded, and digested without a key, for that is to be found by guessing.
What is left are ids that name nobody, and what is sealed under a key that no longer exists.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio
import structlog

from domain import EVENTS
from projections import MODELS
from service.operations.logging import LibraryHandler, configure
from service.store import archive, rebuilder
from service.store.archive import Ages
from tests.app_fixture import PATIENCE, SETTINGS, app_template, copied, running
from tests.receiver import receiver
from tests.service.doors.examples import things
from tests.service.messages.mail_host import mail_host
from tests.service.openapi.operations import every
from tests.service.pages.people import a_firm
from tests.service.searching import found, found_alone, found_in, tables
from tests.service.whole_life import (
    ASKED,
    FORMER,
    INVITED,
    KNOWN,
    SECRETS,
    a_person,
    add_factors,
    an_old_token,
    be_called_for,
    be_refused,
    change,
    invite,
    issue_token,
    link,
    move,
    send_codes,
    use,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.app_fixture import Running
    from tests.service.messages.mail_host import MailHost
    from tests.service.pages.people import Firm, Person
    from tests.service.pages.visitor import Visitor

__all__ = ["app_template"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROGRAM = [sys.executable, "-c", "from service.cli import main; main()"]

# What tables hold in plain form as long as the person is there, so that people can be searched.
IN_PLAIN = ("username", "phone", "name", "custom value", "street", "nickname", "social id", "social raw value")


@dataclass
class Story:
    """What was looked at before the person was deleted, and after."""

    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    tokens: dict[str, str] = field(default_factory=dict)
    """What nobody guesses, so that it may stand somewhere as a digest."""
    codes: dict[str, str] = field(default_factory=dict)
    before: dict[str, bytes] = field(default_factory=dict)
    tables: dict[str, bytes] = field(default_factory=dict)
    shown_before: bytes = b""
    shown: bytes = b""
    logged: bytes = b""
    exported: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict)
    claims: int = 0
    called: list[tuple[bool, str, str]] = field(default_factory=list)
    again: dict[str, int] = field(default_factory=dict)
    other: bytes = b""

    @property
    def personal(self) -> dict[str, str]:
        return {**KNOWN, **FORMER, **INVITED, **ASKED}

    @property
    def everything(self) -> dict[str, str]:
        return {**self.personal, **self.secrets}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(postgres_dsn: str, app_template: str, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The life of a person with everything, their deletion, and what is left."""
    told = Story()
    stream = io.BytesIO()
    root = logging.getLogger()
    level = root.level
    configure("debug", stream=stream, secrets=[], final=False)
    try:
        with copied(postgres_dsn, app_template) as dsn:
            async with mail_host() as mail, receiver() as phone:
                settings = replace(
                    SETTINGS,
                    smtp_url=f"smtp://127.0.0.1:{mail.port}?from=muniment@muniment.test",
                    sms_webhook_url=phone.url,
                    outbound_allow=frozenset({(phone.host, phone.port)}),
                )
                async with running(dsn, settings) as app:
                    await lived(app, told, dsn, tmp_path_factory.mktemp("archive"), mail)
    finally:
        structlog.reset_defaults()
        for handler in [each for each in root.handlers if isinstance(each, LibraryHandler)]:
            root.removeHandler(handler)
        root.setLevel(level)
        logging.captureWarnings(capture=False)
    # The mail server has a log of its own, in this very process.
    told.logged = b"".join(line for line in stream.getvalue().splitlines(keepends=True) if b'"mail.log"' not in line)
    return told


async def lived(app: Running, told: Story, dsn: str, archived: Path, mail: MailHost) -> None:
    """Let the story happen."""
    firm = await a_firm(app, grant_types=["authorization_code", "refresh_token"])
    owner = await asyncpg.connect(dsn)
    try:
        other = await firm.person(name="Somebody who stays")
        person = await a_person(firm)
        invited = await invite(firm)
        await change(firm, person)
        await link(firm, person)
        told.tokens["personal access token"] = await issue_token(firm, person)
        visitor, secrets = await use(firm, person)
        told.tokens |= secrets
        await be_called_for(firm, secrets["access_token"])
        told.codes = await move(firm, person, visitor, mail)
        told.secrets |= await add_factors(firm, person)
        told.codes |= await send_codes(firm, person, mail)
        await be_refused(firm, person, other)
        month = await an_old_token(firm, person, owner)
        await settled(app, owner)
        await archive.archive(owner, month, archived, Ages(timedelta(0), timedelta(0)))
        await rebuilt(app, *HOLD_PEOPLE)
        await settled(app, owner)
        told.before = await tables(owner)
        browsers = visitor, await firm.signed_in(await firm.administrator("read_token", "revoke_token"))
        told.shown_before = await everything_shown(firm, person, *browsers)
        for user in (person.id, invited):
            reply = await app.call("DELETE", f"/api/users/{user}", firm.token)
            assert reply.status == 204, reply.text
        with pytest.MonkeyPatch.context() as sooner:
            sooner.setattr(rebuilder, "FOLLOW_SECONDS", 0.0)  # a minute otherwise
            await settled(app, owner, formers=True)
        told.tables = await tables(owner)
        told.claims = await owner.fetchval(CLAIMS, person.id)
        told.shown = await everything_shown(firm, person, *browsers)
        called = await app.call("GET", "/api/interface-logs", firm.token, params={"user": person.id})
        told.called = [(call["user"] == person.id, call["path"], call["cause"]) for call in called.json["items"]]
        told.other = (await app.call("GET", f"/api/users/{other.id}", firm.token)).text.encode()
        told.exported = await asyncio.to_thread(exported, dsn, app.parts.settings.data_dir)
        told.files = read_all(app.parts.settings.data_dir) | read_all(archived)
        told.again = await taken_again(firm, other)
    finally:
        await owner.close()


HOLD_PEOPLE = [
    name for name, model in MODELS.items() if any(EVENTS[topic].PERSONAL for topic in model.handlers if topic in EVENTS)
]


async def rebuilt(app: Running, *models: str) -> None:
    """Grow another generation of read models; what was live is kept beside it."""
    for model in models:
        reply = await app.call("POST", f"/api/projections/{model}/rebuild", json={})
        assert reply.status == 202, reply.text
        async with asyncio.timeout(10 * PATIENCE):
            while True:
                jobs = (await app.call("GET", f"/api/projections/{model}/rebuilds")).json["items"]
                if jobs[0]["state"] == "promoted":
                    break
                assert jobs[0]["state"] not in {"failed", "cancelled"}, jobs[0]
                await asyncio.sleep(0.05)


# Of the user, and of whatever is theirs: identities, tokens, factors.
CLAIMS = """
SELECT count(*) FROM muniment.claims c
 WHERE owner::text = $1 OR EXISTS (
       SELECT FROM muniment.events e
        WHERE e.originator_id = c.owner AND convert_from(e.state, 'UTF8')::json ->> 'user' = $1)
"""
CAUGHT_UP = """
SELECT (SELECT bool_and(m.position >= h.head) FROM muniment.models m WHERE m.mode = 'eventual')
       AND (SELECT bool_and(f.position >= h.head) FROM muniment.followers f)
       AND NOT EXISTS (SELECT FROM muniment.messages WHERE next_at IS NOT NULL)
  FROM (SELECT max(last) AS head FROM muniment.batches) h
"""
FORMERS_CAUGHT_UP = """
SELECT bool_and(position >= (SELECT max(last) FROM muniment.batches)) FROM muniment.former_generations
"""


async def settled(app: Running, owner: asyncpg.Connection, *, formers: bool = False) -> None:
    """Wait until everything that is written a little later is written; `formers`: in former generations, too."""
    async with asyncio.timeout(10 * PATIENCE):
        while (  # noqa: ASYNC110 - tables and queues tell nobody
            not await owner.fetchval(CAUGHT_UP)
            or len(app.parts.refused.rows)
            or len(app.parts.journal.rows)
            or len(app.parts.call_log.rows)
            or (formers and not await owner.fetchval(FORMERS_CAUGHT_UP))
        ):
            await asyncio.sleep(0.05)


async def everything_shown(firm: Firm, person: Person, *visitors: Visitor) -> bytes:
    """Return all that can be read: by root and their organization at doors, by browsers at pages."""
    app = firm.app
    made = await things(app, firm.organization, servers=True)
    ids = made.ids | {"user_id": person.id, "auth_id": person.id, "application_id": firm.application["id"]}
    texts: set[str] = set()  # what everybody is told counts once
    for name, operation in every().items():
        method, _, path = name.partition(" ")
        if method == "GET" and operation.declared["tags"] != ["documents"]:  # of the service itself
            where = re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], "salon"), path)
            if operation.declared["security"]:
                texts |= {(await app.call("GET", where, token)).text for token in (app.root, firm.token)}
            else:
                texts |= {(await visitor.open(where)).text for visitor in visitors}
    more = (
        f"/api/events?subject={person.id}&limit=200",
        f"/api/events?organization={firm.organization}&limit=200",
        f"/api/refusals?organization={firm.organization}&limit=200",
        f"/api/users/{person.id}?includeSsoIdentities=true",
        "/api/users?page_size=100",
        *(f"/api/users?search=%25{KNOWN[name]}%25" for name in ("username", "phone")),
        *(f"/api/v1/users?search={KNOWN[name]}" for name in ("username", "e-mail")),
        f"/api/tokens?user={person.id}",
    )
    texts |= {(await app.call("GET", path, firm.token)).text for path in more}
    return "\n".join(texts).encode()


def exported(dsn: str, folder: Path) -> bytes:
    """Return what the command line exports of the log."""
    assert SETTINGS.master_key is not None
    named = {"DATA_DIR": str(folder), "DATABASE_URL": dsn, "MASTER_KEY": SETTINGS.master_key}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")}
    env = {**inherited, **{f"MUNIMENT_{name}": value for name, value in named.items()}}
    done = subprocess.run([*PROGRAM, "events", "export"], env=env, capture_output=True, timeout=60, check=True)
    return done.stdout + done.stderr


def read_all(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


async def taken_again(firm: Firm, other: Person) -> dict[str, int]:
    """Return what comes of somebody else's taking what was theirs."""
    taken = {"username": KNOWN["username"], "primaryEmail": KNOWN["e-mail"], "primaryPhone": KNOWN["phone"]}
    user = await firm.app.call("POST", "/api/users", firm.token, json=taken)
    identity = await firm.app.call(
        "PUT", f"/api/users/{other.id}/identities/salon", firm.token, json={"userId": KNOWN["social id"]}
    )
    return {"user": user.status, "identity": identity.status}


def of_former(model: str, rows: dict[str, bytes]) -> bytes:
    """Return what the former generation of a read model holds."""
    return b"\n".join(text for name, text in rows.items() if re.match(rf"models_{model}_\d+\.", name))


async def test_what_is_looked_for_is_found_as_long_as_the_person_is_there(story: Story) -> None:
    there = found(KNOWN, b"\n".join(story.before.values()))
    assert set(IN_PLAIN) <= set(there)
    assert set(IN_PLAIN) <= set(found(KNOWN, story.shown_before))
    assert "muniment.events" in story.before
    for kept in (story.before, story.tables):
        assert {"audit", "users", "identities", "invitations"} <= {
            name for name in HOLD_PEOPLE if of_former(name, kept)
        }
    assert "name" in found(KNOWN, of_former("users", story.before))
    assert "social id" in found(KNOWN, of_former("identities", story.before))


async def test_secrets_stand_in_no_table_and_no_line_even_then(story: Story) -> None:
    assert found_in(story.secrets, story.before.items()) == []
    assert found_in(story.tokens, story.before.items(), guessed=False) == []
    assert found(story.secrets | story.tokens, story.logged) == []
    assert len(story.secrets) == len(SECRETS) + 11
    assert len(story.tokens) == 6
    assert len(story.codes) == 3
    for text in (*story.before.values(), story.logged):
        assert found_alone(story.codes, text) == []


async def test_no_table_of_any_schema_tells_anything_of_who_was_deleted(story: Story) -> None:
    assert len(story.tables) > 40
    assert found_in(story.everything, story.tables.items()) == []
    assert found_in(story.tokens, story.tables.items(), guessed=False) == []


async def test_of_calls_made_for_who_was_deleted_an_id_stays_that_leads_to_nobody(story: Story) -> None:
    assert story.called == [(True, "/orders/7", "grant_missing")]


async def test_no_claim_is_left_of_who_was_deleted(story: Story) -> None:
    assert story.claims == 0
    assert story.again == {"user": 200, "identity": 201}


async def test_no_log_line_tells_anything_of_anybody(story: Story) -> None:
    assert story.logged.count(b"\n") > 100
    assert found(story.everything | story.tokens, story.logged) == []


async def test_what_is_exported_and_archived_tells_nothing_of_who_was_deleted(story: Story) -> None:
    assert story.exported.count(b'"topic":"user.created"') >= 3
    assert found(story.everything, story.exported) == []
    assert found(story.tokens, story.exported, guessed=False) == []
    assert any(path.endswith("manifest.json") for path in story.files)
    assert any(path.endswith("erased.jsonl") for path in story.files)
    assert found_in(story.everything | story.tokens, story.files.items()) == []


async def test_no_answer_and_no_page_tells_anything_of_who_was_deleted(story: Story) -> None:
    assert found(story.everything | story.tokens, story.shown) == []


async def test_who_stays_is_as_they_were(story: Story) -> None:
    assert json.loads(story.other)["name"] == "Somebody who stays"

"""Documents are judged in a process of their own, within limits, and fetched from public addresses alone."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
import uvloop

from domain.refusals import DocumentNotFetched, ImportsUnderWay, InvalidDocument
from service.interface_import import documents
from service.interface_import.documents import ENVIRONMENT, LIMIT, Documents
from service.outbound import Outbound
from service.store.refusals import Overloaded
from tests.receiver import Answer, receiver
from tests.service.interface_import.given import openapi, operation, parameters, swagger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.receiver import Receiver

# A text that this pattern takes hours to look at.
ACME = UUID(int=1)
ENDLESS = {"type": "string", "pattern": "^(a+)+$", "default": "a" * 60 + "!"}
NOTHING_OPENS = """
import os, socket
from service.interface_import import child
from service.interface_import.imported import Judged

def tried(kind, raw):
    found = []
    for act in (lambda: open("/etc/hostname"), socket.socket, os.pipe, lambda: socket.getaddrinfo("localhost", 9)):
        try:
            act()
            found.append(("opened", str(act)))
        except OSError as error:
            found.append((type(error).__name__, str(error.errno)))
    return Judged(faults=found)

prepare, child.judged = child.prepare, tried
child.prepare = lambda: None
child.main("text")
"""

ALL_OF_THEM = """
import json
from service.interface_import import child
from service.interface_import.imported import Judged

prepare, judged = child.prepare, child.judged
child.prepare = lambda: (prepare(), setattr(child, "judged", each))

def each(kind, raw):
    answers = [judged(kind, text.encode()) for text in json.loads(raw)]
    return Judged(faults=[("right" if one.document else "wrong", str(one.faults)) for one in answers])

child.main("text")
"""


@asynccontextmanager
async def reading(*allowed: Receiver, **more: Any) -> AsyncIterator[Documents]:
    outbound = Outbound(frozenset((one.host, one.port) for one in allowed))
    await outbound.start()
    try:
        yield Documents(outbound, **more)
    finally:
        await outbound.stop()


def endless() -> str:
    return json.dumps(openapi({"/a/{b}": {"get": operation(parameters=[{**parameters("b")[0], "schema": ENDLESS}])}}))


def children() -> set[str]:
    found: set[str] = set()
    for thread in Path(f"/proc/{os.getpid()}/task").iterdir():
        with suppress(OSError):  # it ended meanwhile
            found.update((thread / "children").read_text().split())
    return found


def message(refused: pytest.ExceptionInfo[InvalidDocument]) -> str:
    [fault] = refused.value.faults
    return fault.message


async def test_a_text_is_read_in_json_and_in_yaml() -> None:
    async with reading() as read:
        one = await read.read_text(ACME, json.dumps(openapi()))
        other = await read.read_text(ACME, f"# YAML\n{json.dumps(openapi())}".encode())
        body = await read.read_body(ACME, json.dumps({"mode": "normal", "document": openapi()}).encode())
    assert one == other == body
    assert [operation.identifier for operation in one.operations] == ["listOrders", "createOrder", "readOrder"]


async def test_what_is_wrong_is_told_with_its_place() -> None:
    async with reading() as read:
        with pytest.raises(InvalidDocument) as refused:
            await read.read_text(ACME, json.dumps({**swagger(), "info": {}}))
    assert {fault.place for fault in refused.value.faults} == {"info"}
    assert refused.value.field == "document"


async def test_a_text_that_names_no_standard_costs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "CHILD", "raise SystemExit(1)")
    async with reading() as read:
        for text in ("", "<html></html>", '{"a": 1}', b"\xff"):
            with pytest.raises(InvalidDocument) as refused:
                await read.read_text(ACME, text)
            assert message(refused) == "It does not say by which standard it is written"


async def test_letters_may_be_escaped_in_the_name_of_the_standard() -> None:
    async with reading() as read:
        text = json.dumps(openapi()).replace("openapi", "\\u006fpenapi")
        assert len((await read.read_text(ACME, text)).operations) == 3


async def test_what_takes_too_long_is_ended_and_refused() -> None:
    before = children()
    async with reading(seconds=2.0) as read:
        start = time.monotonic()
        with pytest.raises(InvalidDocument) as refused:
            await read.read_text(ACME, endless())
        assert time.monotonic() - start < 10
    assert message(refused) == "It takes too much time or memory to be judged"
    assert children() == before


async def test_whoever_does_not_wait_leaves_no_process_behind() -> None:
    before = children()
    async with reading() as read:
        asked = asyncio.create_task(read.read_text(ACME, endless()))
        async with asyncio.timeout(10):
            while children() == before:  # noqa: ASYNC110 - nobody tells that a process was started
                await asyncio.sleep(0.01)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert children() == before
        assert (await read.read_text(ACME, json.dumps(openapi()))).operations


async def test_a_process_that_dies_refuses_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "CHILD", "import os; os.kill(os.getpid(), 9)")
    async with reading() as read:
        with pytest.raises(InvalidDocument) as refused:
            await read.read_text(ACME, json.dumps(openapi()))
    assert message(refused) == "It takes too much time or memory to be judged"


async def test_one_is_judged_at_a_time_and_not_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "CHILD", "import time; time.sleep(0.5)")
    before = children()
    async with reading(waiting=1) as read:
        asked = [asyncio.create_task(read.read_text(uuid4(), json.dumps(openapi()))) for _ in range(4)]
        await asyncio.sleep(0.3)
        assert len(children() - before) == 1
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == [
        "InvalidDocument",
        "InvalidDocument",
        "Overloaded",
        "Overloaded",
    ]
    assert any(isinstance(answer, Overloaded) for answer in answers)


async def test_documents_of_one_organization_keep_no_other_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "CHILD", "import time; time.sleep(0.2)")
    async with reading() as read:
        for _ in range(2):
            asked = [asyncio.create_task(read.read_text(ACME, json.dumps(openapi()))) for _ in range(documents.SHARE)]
            await asyncio.sleep(0)
            with pytest.raises(ImportsUnderWay):
                await read.read_text(ACME, json.dumps(openapi()))
            with pytest.raises(InvalidDocument):  # judged, after those that came before
                await read.read_text(uuid4(), json.dumps(openapi()))
            for one in await asyncio.gather(*asked, return_exceptions=True):
                assert isinstance(one, InvalidDocument)


def test_once_it_has_its_text_the_process_can_open_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", NOTHING_OPENS],
        input=b"{}",
        env=ENVIRONMENT,
        cwd="/",
        capture_output=True,
        check=True,
    )
    *opened, (looked_up, _) = json.loads(done.stdout)["faults"]
    assert (opened, looked_up) == ([["OSError", "24"]] * 3, "gaierror")  # 24: too many open files


def test_the_process_is_told_nothing_of_our_environment() -> None:
    assert set(ENVIRONMENT) == {"PYTHONPATH", "PYTHONUTF8"}


def test_all_that_judging_takes_is_there_before_nothing_can_be_opened() -> None:
    wrong = [
        {**openapi(), "info": {}},
        openapi({"/a/{b}": {"get": operation()}}),
        openapi({"/a": {"get": operation(parameters=[{"name": "x", "in": "body"}])}}),
        openapi({"/a": {"get": operation(parameters=[{"$ref": "#/nowhere"}])}}, version="3.1.0"),
        swagger(
            {"/a": {"get": operation(parameters=[{"name": "x", "in": "query", "type": "integer", "default": "y"}])}}
        ),
        {**openapi(version="3.1.0"), "components": {"schemas": {"A": {"type": 1}, "B": {"$schema": "http://a.test/"}}}},
        {**openapi(), "components": {"schemas": {"A": {"type": "string", "format": "date-time", "default": "x"}}}},
    ]
    right = [openapi(), openapi(version="3.1.0"), swagger(), openapi(title="订单")]
    texts = [f"{start}{json.dumps(one)}" for one in (*wrong, *right) for start in ("", "# YAML\n")]
    done = subprocess.run(
        [sys.executable, "-P", "-c", ALL_OF_THEM], input=json.dumps([*texts, "openapi: ["]).encode(), env=ENVIRONMENT,
        cwd="/", capture_output=True, check=True,
    )  # fmt: skip
    found = dict(enumerate(json.loads(done.stdout)["faults"]))
    assert [found[number][0] for number in range(len(texts) + 1)] == [
        *["wrong"] * 2 * len(wrong), *["right"] * 2 * len(right), "wrong",
    ]  # fmt: skip
    assert not [told for _, told in found.values() if "cannot be judged" in told or "Too many open files" in told]


async def test_a_document_is_fetched() -> None:
    async with receiver() as other, reading(other) as read:
        other.always = Answer(body=json.dumps(openapi()).encode(), headers={"Content-Type": "text/html"})
        assert (await read.fetched(ACME, f"{other.url}openapi.json?x=1#y")).identifier == "orders"
        assert other.requests == [("GET", "/openapi.json?x=1")]


async def test_private_addresses_are_not_asked_also_when_redirected_to() -> None:
    async with receiver() as inside, receiver() as outside, reading(outside) as read:
        outside.always = Answer(302, {"Location": inside.url})
        for url in (inside.url, outside.url, f"http://localhost:{inside.port}/", "http://169.254.169.254/latest/"):
            with pytest.raises(DocumentNotFetched) as refused:
                await read.fetched(ACME, url)
            assert [tuple(fault) for fault in refused.value.faults] == [
                ("url", "The address may not be called from here")
            ]
            assert refused.value.detail
        assert inside.requests == []


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://a.test/", "file:///etc/passwd", "http://user:pw@a.test/", "http://[::1"]
)
async def test_only_http_addresses_are_fetched(url: str) -> None:
    async with reading() as read:
        with pytest.raises(DocumentNotFetched):
            await read.fetched(ACME, url)


async def test_redirects_are_followed_a_few_times() -> None:
    async with receiver() as other, reading(other) as read:
        other.answers.extend([Answer(302, {"Location": "/next"})] * documents.REDIRECTS)
        other.always = Answer(body=json.dumps(openapi()).encode())
        assert (await read.fetched(ACME, other.url)).operations
        other.answers.extend([Answer(302, {"Location": "/next"})] * (documents.REDIRECTS + 1))
        with pytest.raises(DocumentNotFetched) as refused:
            await read.fetched(ACME, other.url)
        assert refused.value.faults[0].message == "The answer has the status 302"


async def test_what_is_too_large_too_late_or_not_there_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "FETCH_SECONDS", 0.5)
    answers = {
        f"It came to nothing: the answer is larger than {LIMIT} bytes": Answer(body=b" " * (LIMIT + 1)),
        "It came to nothing: no answer within 0.5 seconds": Answer(pause=1.0),
        "The answer has the status 404": Answer(404, body=b"secret"),
        "The answer has the status 204": Answer(204),
    }
    async with receiver() as other, reading(other) as read:
        for told, answer in answers.items():
            other.answers.append(answer)
            with pytest.raises(DocumentNotFetched) as refused:
                await read.fetched(ACME, other.url)
            assert refused.value.faults[0].message == told


async def test_nothing_that_is_no_document_is_told_of_what_was_fetched() -> None:
    async with receiver() as other, reading(other) as read:
        for body in (
            b"openapi hunter2-is-the-password",
            b"openapi: {hunter2-is-the-password: [",
            b'{"openapi": "hunter2-is-the-password"}',
        ):
            other.answers.append(Answer(body=body))
            with pytest.raises(InvalidDocument) as refused:
                await read.fetched(ACME, other.url)
            assert "hunter2" not in str([refused.value.faults, refused.value.detail, refused.value.sentence])


def test_no_worker_loads_what_judges() -> None:
    heavy = {"openapi_spec_validator", "jsonschema", "yaml"}
    loaded = f"import sys, service.worker; print(*sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", loaded], env=ENVIRONMENT, cwd="/", capture_output=True, check=True
    )
    assert done.stdout.split() == []


def test_a_worker_reads_documents_on_its_own_event_loop() -> None:
    async def read() -> int:
        async with reading() as documents_of_worker:
            return len((await documents_of_worker.read_text(ACME, json.dumps(openapi()))).operations)

    assert uvloop.run(read()) == 3

"""Two workers on one database, as `muniment serve --workers 2` runs them: what one did, the other knows at once."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import stat
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import jwt
import pytest
import pytest_asyncio

from service.bootstrap import FILE
from tests.postgres_fixture import make_open_folder
from tests.service.postgres.observing import alive, eventually
from tests.service.serving import PROGRAM, Service, environment, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUNDS = 40
PAUSE = 0.005  # seconds between the requests of a load: what it shows needs no more


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service with two workers in a path with spaces. The last tests of this file end it."""
    folder = make_open_folder()
    started = Service(folder / 'it\'s "my" data folder', ("--workers", "2"))
    yield started
    started.kill()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def root(service: Service) -> dict[str, str]:
    return json.loads((service.data_dir / FILE).read_text())


@pytest_asyncio.fixture(loop_scope="module")
async def workers(service: Service) -> AsyncIterator[list[aiohttp.ClientSession]]:
    async with service.each_worker() as sessions:
        yield sessions


async def post(session: aiohttp.ClientSession, path: str, root: dict[str, str], **form: str) -> Any:
    async with session.post(path, data={**root, **form}) as response:
        assert response.status == 200, await response.text()
        return await response.json() if response.content_length else None


async def token(session: aiohttp.ClientSession, root: dict[str, str]) -> str:
    audience = f"{session._base_url}/api"
    form = {"grant_type": "client_credentials", "audience": audience}
    return (await post(session, "/oauth2/token", root, **form))["access_token"]


async def active(session: aiohttp.ClientSession, root: dict[str, str], text: str) -> bool:
    return (await post(session, "/oauth2/introspect", root, token=text))["active"]


async def test_the_first_start_tells_its_credentials_once(service: Service, root: dict[str, str]) -> None:
    told = service.told.read_text()
    assert told.count(root["client_secret"]) == 2  # alone, and in the call to paste
    assert root["client_secret"] not in service.logged.read_text()
    assert stat.S_IMODE((service.data_dir / FILE).stat().st_mode) == 0o600
    assert f"Muniment serves on {service.url} (issuer {service.url})" in told
    assert len(service.workers()) == 2


async def test_the_call_to_paste_gets_a_token(service: Service) -> None:
    lines = service.told.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.strip().startswith("curl"))
    body = lines[start + 2].strip().removeprefix("-d ").strip("'")
    assert lines[start].split()[2] == f"{service.url}/oauth2/token"
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{service.url}/oauth2/token", data=body, headers={"Content-Type": "application/json"}) as reply,
    ):
        assert reply.status == 200
        assert (await reply.json())["token_type"] == "Bearer"


async def test_a_token_that_one_worker_ended_is_never_active_on_another(
    workers: list[aiohttp.ClientSession], root: dict[str, str]
) -> None:
    for number in range(ROUNDS):
        here, there = workers[number % 2], workers[1 - number % 2]
        text = await token(here, root)
        assert await active(there, root, text)
        await post(here, "/oauth2/revoke", root, token=text)
        assert not await active(there, root, text)
        async with there.get("/api/applications", headers={"Authorization": f"Bearer {text}"}) as reply:
            assert reply.status == 401


async def test_who_asks_after_the_answer_to_a_revocation_never_hears_an_older_one(
    service: Service, workers: list[aiohttp.ClientSession], root: dict[str, str]
) -> None:
    """The other worker is kept busy with look-ups of the same token: nobody may share one that began too early."""
    async with aiohttp.ClientSession(service.url, connector=aiohttp.TCPConnector(limit=16)) as crowd:
        for number in range(10):
            here, there = workers[number % 2], workers[1 - number % 2]
            text = await token(here, root)
            asking = [asyncio.ensure_future(active(crowd, root, text)) for _ in range(64)]
            await asyncio.sleep(0)
            await post(here, "/oauth2/revoke", root, token=text)
            assert not await active(there, root, text)
            await asyncio.gather(*asking)


async def test_an_application_that_one_worker_disabled_gets_nothing_from_another(
    workers: list[aiohttp.ClientSession], root: dict[str, str]
) -> None:
    here, there = workers
    headers = {"Authorization": f"Bearer {await token(here, root)}"}
    body = {"name": "x", "kind": "machine", "audiences": [f"{here._base_url}/api"], "secrets": [{"name": "first"}]}
    async with here.post("/api/applications", json=body, headers=headers) as reply:
        made = await reply.json()
    back = {"client_id": made["client_id"], "client_secret": made["secrets"][0]["secret"]}
    for _ in range(10):
        text = await token(there, back)
        async with here.post(f"/api/applications/{made['id']}/disable", json={}, headers=headers) as reply:
            assert reply.status == 200
        form = {**back, "grant_type": "client_credentials", "audience": f"{here._base_url}/api"}
        async with there.post("/oauth2/token", data=form) as reply:
            assert reply.status == 401
        assert not await active(there, root, text)
        async with here.post(f"/api/applications/{made['id']}/enable", json={}, headers=headers) as reply:
            assert reply.status == 200


async def command(service: Service, *arguments: str) -> str:
    return await asyncio.to_thread(run, service.data_dir, *arguments)


async def test_keys_rotate_under_load_and_every_token_verifies(
    service: Service, workers: list[aiohttp.ClientSession], root: dict[str, str]
) -> None:
    issued: list[str] = []
    done = False

    async def load(session: aiohttp.ClientSession) -> None:
        while not done:
            issued.append(await token(session, root))
            await asyncio.sleep(PAUSE)

    loads = [asyncio.ensure_future(load(session)) for session in workers]
    for arguments in (("--now",), ("--publish-ahead", "0", "--now")):
        assert "introduced" in await command(service, "keys", "rotate", *arguments)
    await asyncio.sleep(0.2)
    done = True
    await asyncio.gather(*loads)
    used = {jwt.get_unverified_header(text)["kid"] for text in issued}
    assert len(used) >= 3
    for session in workers:
        async with session.get("/.well-known/jwks.json") as reply:
            keys = jwt.PyJWKSet.from_dict(await reply.json())
        found = {kid: keys[kid] for kid in used}
        for text in issued[:: max(1, len(issued) // 50)]:
            key = found[jwt.get_unverified_header(text)["kid"]]
            jwt.decode(text, key, algorithms=["ES256"], audience=f"{service.url}/api", issuer=service.url)


async def test_the_master_key_rotates_under_load_and_nothing_fails_afterwards(
    service: Service, workers: list[aiohttp.ClientSession], root: dict[str, str]
) -> None:
    headers = {"Authorization": f"Bearer {await token(workers[0], root)}"}
    async with workers[0].get("/api/applications", headers=headers) as reply:
        [application, *_] = (await reply.json())["items"]
    place = f"/api/applications/{application['id']}/users"
    made: dict[str, str] = {}
    done = False

    async def load(session: aiohttp.ClientSession, name: str) -> None:
        while not done:
            wanted = f"{name} {len(made)}"
            body = {"status": "active", "name": wanted}
            async with session.post(place, json=body, headers=headers) as reply:
                assert reply.status == 201, await reply.text()
                made[(await reply.json())["id"]] = wanted
            await asyncio.sleep(PAUSE)

    loads = [asyncio.ensure_future(load(session, f"Person {number}")) for number, session in enumerate(workers)]
    for _ in range(2):
        assert "wraps" in await command(service, "keys", "rotate-master")
    await asyncio.sleep(0.2)
    done = True
    await asyncio.gather(*loads)
    # What was sealed before, between and after is readable: its events are opened again, here and by either worker.
    assert "DIFFERENT" not in await command(service, "projections", "verify", "users")
    for session in workers:
        async with session.post(place, json={"status": "active", "name": "Late"}, headers=headers) as reply:
            assert reply.status == 201
        for user, name in list(made.items())[:: max(1, len(made) // 20)]:
            wanted = f"{name}, renamed by {session}"[:100]
            async with session.patch(f"/api/users/{user}", json={"name": wanted}, headers=headers) as reply:
                assert reply.status == 200, (name, await reply.text())
    assert "introduced" in await command(service, "keys", "rotate", "--now")
    for session in workers:
        assert await active(session, root, await token(session, root))


async def test_the_command_line_works_beside_the_service(service: Service) -> None:
    assert " active " in await command(service, "keys", "list")
    assert "tokens" in await command(service, "projections", "list")
    verified = await command(service, "projections", "verify", "all")
    assert verified.splitlines()
    assert all(line.endswith(": equal") for line in verified.splitlines())
    listed = (await command(service, "events", "list", "--limit", "3")).splitlines()
    assert [line.split()[0] for line in listed] == ["1", "2", "3"]
    exported = [json.loads(line) for line in (await command(service, "events", "export", "--after", "2")).splitlines()]
    assert [event["position"] for event in exported] == list(range(3, 3 + len(exported)))
    assert all(len(event["leaf"]) == 64 for event in exported)


async def test_a_tail_follows_what_happens(
    service: Service, workers: list[aiohttp.ClientSession], root: dict[str, str]
) -> None:
    tail = await asyncio.create_subprocess_exec(
        *PROGRAM, "events", "tail", env=environment(service.data_dir), stdout=asyncio.subprocess.PIPE
    )
    assert tail.stdout is not None
    line = asyncio.ensure_future(tail.stdout.readline())
    try:
        async with asyncio.timeout(30):
            while not line.done():
                await token(workers[0], root)
                await asyncio.wait([line], timeout=0.2)
            assert b"token.issued" in await line
    finally:
        line.cancel()
        tail.send_signal(signal.SIGINT)
        await tail.wait()


async def test_a_request_that_is_under_way_is_answered_before_the_end(service: Service, root: dict[str, str]) -> None:
    form = "&".join(f"{k}={v}" for k, v in {**root, "grant_type": "client_credentials"}.items()).encode()
    form += f"&audience={service.url}/api".encode()
    head = f"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: {len(form)}\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    _, idle = await asyncio.open_connection("127.0.0.1", service.port)
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(head.encode() + form[:20])
    await asyncio.sleep(0.3)
    ending, children = asyncio.ensure_future(asyncio.to_thread(service.end)), [*service.workers(), service.database()]
    await asyncio.sleep(0.5)
    with pytest.raises(OSError, match=r"111|Connect"):
        await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(form[20:])
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        assert b'"access_token"' in await reader.read()
    assert await ending == 0
    assert not any(alive(child) for child in children)
    for each in (writer, idle):
        each.close()
    complaints = [line for line in service.logged.read_text().splitlines() if '"level":"info"' not in line]
    assert all('"level":"warning"' in line for line in complaints), complaints


async def test_the_command_line_works_without_the_service(service: Service) -> None:
    assert " active " in await command(service, "keys", "list")
    assert "The database is up to date." in await command(service, "init")


async def test_nothing_is_left_of_a_service_whose_parent_was_killed(service: Service, root: dict[str, str]) -> None:
    again = await asyncio.to_thread(Service, service.data_dir, ("--workers", "2"))
    assert root["client_secret"] not in again.told.read_text()
    left = [*again.workers(), again.database()]
    assert len(left) == 3
    again.process.kill()
    again.process.wait()
    started = time.monotonic()
    assert eventually(lambda: not any(alive(process) for process in left), seconds=30)
    assert time.monotonic() - started < 30
    with pytest.raises(OSError, match=r"111|Connect"):
        await asyncio.open_connection("127.0.0.1", again.port)

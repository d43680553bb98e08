"""Operators see how read models stand and rebuild them; to all others there are none."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from projections import MODELS
from service.store import rebuilder
from service.store.connections import owner
from service.store.rebuilder import Rebuilder
from tests.app_fixture import copied, running
from tests.service.store.given import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEMBERS = {
    "name", "state", "mode", "version", "generation", "position", "head", "lag_events", "lag_seconds", "rate", "error",
    "quarantined", "former", "rebuild",
}  # fmt: skip
COMMANDS = ("rebuild", "verify", "pause", "resume", "cancel", "retry", "switch-back")
ACCOUNTS = "/api/projections/accounts"
LEADER = "SELECT pg_try_advisory_lock(5567012650)"
END_LEADER = """
SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1 AND objid = 1272045354
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND granted
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def operated(postgres_dsn: str, app_template: str):
    """The service, and the address of its database."""
    with copied(postgres_dsn, app_template) as dsn:
        async with running(dsn) as service:
            yield service, dsn


@pytest_asyncio.fixture(loop_scope="module")
async def lead(operated):
    """The lead of those who work off jobs, taken from whoever has it, so that nobody does."""
    connection = await asyncpg.connect(operated[1])
    while not await connection.fetchval(LEADER):
        await connection.execute(END_LEADER)
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="module")
async def app(operated, lead):
    """The service with nothing under way, and nobody at work."""
    await lead.execute("TRUNCATE muniment.rebuilds, muniment.rebuild_requests, muniment.quarantine")
    await lead.execute("UPDATE muniment.models SET error = NULL")
    await operated[0].events(limit=1)  # the audit has come to the head
    return operated[0]


@pytest_asyncio.fixture(loop_scope="module")
async def database(operated):
    connection = await asyncpg.connect(operated[1])
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="module")
async def at_work(app, operated, lead, monkeypatch):
    await lead.execute("SELECT pg_advisory_unlock_all()")
    monkeypatch.setattr(rebuilder, "POLL_SECONDS", 0.02)
    worker = Rebuilder(lambda: owner(operated[1]), MODELS.values(), app.parts.store.vault)
    await worker.start()
    yield worker
    await worker.stop()


async def ended(app, path=ACCOUNTS):
    async def there() -> bool:
        return (await app.call("GET", path)).json["rebuild"]["ended_at"] is not None

    await until(there)
    return (await app.call("GET", path)).json["rebuild"]


async def test_every_read_model_is_listed_with_how_it_stands_to_the_log(app):
    items = (await app.call("GET", "/api/projections")).json["items"]
    assert {item["name"] for item in items} == set(MODELS)
    head = await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")
    for item in items:
        model = MODELS[item["name"]]
        assert set(item) == MEMBERS
        assert (item["mode"], item["version"], item["state"]) == (model.mode, model.version, "live")
        assert (item["head"], item["position"] + item["lag_events"]) == (head, head)
        assert (item["error"], item["quarantined"], item["rebuild"]) == (None, 0, None)
        if model.mode == "immediate":
            assert (item["lag_events"], item["lag_seconds"]) == (0, 0)
    shown = (await app.call("GET", ACCOUNTS)).json
    assert {**shown, "rate": 0} == {**next(item for item in items if item["name"] == "accounts"), "rate": 0}


async def test_a_stopped_read_model_says_so_and_where(app, database):
    await database.execute("UPDATE muniment.models SET error = 'position 3, user.created: bad' WHERE name = 'audit'")
    shown = (await app.call("GET", "/api/projections/audit")).json
    assert (shown["state"], shown["error"]) == ("stopped", "position 3, user.created: bad")


async def test_a_rebuild_is_accepted_carried_out_and_told(app, at_work):
    reply = await app.call("POST", f"{ACCOUNTS}/rebuild")
    assert reply.status == 202, reply.text
    assert (reply.json["projection"], reply.json["kind"], reply.json["state"]) == ("accounts", "rebuild", "waiting")
    assert reply.position == await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")
    job = await ended(app)
    assert (job["id"], job["state"], job["error"]) == (reply.json["id"], "promoted", None)
    assert job["differences"] == {"count": 0, "more": False, "rows": []}
    shown = (await app.call("GET", ACCOUNTS)).json
    assert (shown["generation"], shown["former"]) == (job["generation"], job["former"])
    assert (await app.call("POST", f"{ACCOUNTS}/switch-back")).status == 202
    assert (await ended(app))["state"] == "switched_back"
    assert (await app.call("POST", f"{ACCOUNTS}/verify")).status == 202
    assert (await ended(app))["state"] == "verified"
    assert (await app.call("GET", "/api/accounts")).status == 200


async def test_a_rebuild_rests_goes_on_and_ends_as_it_is_told(app):
    for command, state, wish in (
        ("rebuild", "waiting", "go"),
        ("pause", "paused", "pause"),
        ("resume", "paused", "go"),  # whoever takes it up says so
        ("cancel", "cancelled", "cancel"),
    ):
        reply = await app.call("POST", f"{ACCOUNTS}/{command}")
        assert (reply.status, reply.json["state"], reply.json["wish"]) == (202, state, wish), command


async def test_the_second_of_two_rebuilds_is_refused(app):
    replies = await asyncio.gather(*(app.call("POST", f"{ACCOUNTS}/rebuild") for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [202, 409, 409, 409]
    assert {reply.json["code"] for reply in replies if reply.status == 409} == {"rebuild_under_way"}


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("pause", "no_rebuild"),
        ("resume", "no_rebuild"),
        ("cancel", "no_rebuild"),
        ("retry", "nothing_to_retry"),
        ("switch-back", "no_former_generation"),
    ],
)
async def test_what_makes_no_sense_now_is_refused_and_leaves_nothing(app, database, command, code):
    reply = await app.call("POST", f"/api/projections/roles/{command}")
    assert (reply.status, reply.json["code"]) == (409, code)
    assert await database.fetchval("SELECT count(*) FROM muniment.rebuild_requests") == 0


@pytest.mark.parametrize(("before", "command", "code"), [
    (["rebuild"], "resume", "rebuild_not_paused"),
    (["rebuild", "pause"], "pause", "rebuild_not_running"),
    (["rebuild", "cancel"], "cancel", "no_rebuild"),
    (["rebuild"], "verify", "rebuild_under_way"),
    (["verify"], "pause", "no_rebuild"),
])  # fmt: skip
async def test_what_cannot_follow_is_refused(app, before, command, code):
    for each in before:
        assert (await app.call("POST", f"{ACCOUNTS}/{each}")).status == 202
    reply = await app.call("POST", f"{ACCOUNTS}/{command}")
    assert (reply.status, reply.json["code"]) == (409, code)


async def test_every_command_leaves_who_gave_it_and_under_which_request(app):
    replies = [await app.call("POST", f"{ACCOUNTS}/{command}") for command in ("rebuild", "pause", "cancel")]
    [job] = (await app.call("GET", f"{ACCOUNTS}/rebuilds")).json["items"]
    root = (await app.call("GET", "/api/applications", params={"limit": 1})).json["items"][0]["id"]
    assert [(one["command"], one["actor"], one["client"], one["request_id"]) for one in job["requests"]] == [
        (command, root, root, reply.headers["X-Request-Id"])
        for command, reply in zip(("rebuild", "pause", "cancel"), replies, strict=True)
    ]


async def test_the_history_is_paged_newest_first(app):
    made = []
    for _ in range(5):
        made.append((await app.call("POST", f"{ACCOUNTS}/rebuild")).json["id"])
        await app.call("POST", f"{ACCOUNTS}/cancel")
    seen, after = [], None
    while True:
        query = {"limit": 2} | ({"after": after} if after else {})
        page = (await app.call("GET", f"{ACCOUNTS}/rebuilds", params=query)).json
        seen += [item["id"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == made[::-1]
    assert (await app.call("GET", "/api/projections/users/rebuilds")).json == {"items": [], "next": None}


async def test_the_events_that_a_model_goes_without_are_listed_and_counted(app, database):
    for position in range(1, 6):
        await database.execute(
            "INSERT INTO muniment.quarantine (model, generation, position, topic, error)"
            " SELECT name, generation, $1, 'user.created', 'ValueError: bad' FROM muniment.models WHERE name = 'audit'",
            position,
        )
    assert (await app.call("GET", "/api/projections/audit")).json["quarantined"] == 5
    first = (await app.call("GET", "/api/projections/audit/quarantine", params={"limit": 3})).json
    assert ([item["position"] for item in first["items"]], first["next"]) == ([1, 2, 3], 3)
    assert set(first["items"][0]) == {"position", "topic", "error", "at"}
    rest = (await app.call("GET", "/api/projections/audit/quarantine", params={"after": 3})).json
    assert ([item["position"] for item in rest["items"]], rest["next"]) == ([4, 5], None)
    assert (await app.call("POST", "/api/projections/audit/retry")).json["kind"] == "retry"


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 201}, {"after": "x"}, {"other": "1"}])
async def test_a_malformed_page_is_refused(app, query):
    for path in ("rebuilds", "quarantine"):
        reply = await app.call("GET", f"{ACCOUNTS}/{path}", params=query)
        assert (reply.status, reply.json["code"]) == (400, "invalid_query")


async def test_only_operators_see_and_operate_read_models(app, database):
    stranger = await app.manager(await app.organization())
    for permitted in (stranger, await app.manager(await app.organization(), "read_projection", "operate_projection")):
        for path in ("/api/projections", ACCOUNTS, f"{ACCOUNTS}/rebuilds", f"{ACCOUNTS}/quarantine"):
            reply = await app.call("GET", path, permitted)
            assert (reply.status, reply.json["code"]) == (404, "unknown_projection"), path
        for command in COMMANDS:
            reply = await app.call("POST", f"{ACCOUNTS}/{command}", permitted)
            assert (reply.status, reply.json["code"]) == (404, "unknown_projection"), command
    assert await database.fetchval("SELECT count(*) FROM muniment.rebuild_requests") == 0


async def test_operators_need_no_root_but_the_permission(app):
    items = (await app.call("GET", "/api/applications", params={"limit": 1})).json["items"]
    home = items[0]["organization"]
    reader = await app.manager(home, "read_projection")
    operator = await app.manager(home, "operate_projection")
    assert (await app.call("GET", ACCOUNTS, reader)).status == 200
    assert (await app.call("POST", f"{ACCOUNTS}/rebuild", reader)).status == 403
    assert (await app.call("GET", ACCOUNTS, operator)).status == 403
    assert (await app.call("POST", f"{ACCOUNTS}/rebuild", operator)).status == 202


async def test_a_read_model_that_does_not_exist_is_unknown(app):
    for name in ("nothing", "Accounts", "x" * 300, str(uuid4())):
        for path in (f"/api/projections/{name}", f"/api/projections/{name}/rebuilds"):
            assert (await app.call("GET", path)).json["code"] == "unknown_projection"
        assert (await app.call("POST", f"/api/projections/{name}/rebuild")).status == 404


async def test_a_repeated_command_is_answered_alike_and_given_once(app, database):
    headers = {"Idempotency-Key": str(uuid4())}
    replies = await asyncio.gather(*(app.call("POST", f"{ACCOUNTS}/rebuild", headers=headers) for _ in range(4)))
    assert {(reply.status, reply.text) for reply in replies} == {(202, replies[0].text)}
    again = await app.call("POST", f"{ACCOUNTS}/rebuild", headers=headers)
    assert (again.status, again.text, again.headers["Idempotency-Replayed"]) == (202, replies[0].text, "true")
    assert await database.fetchval("SELECT count(*) FROM muniment.rebuild_requests") == 1
    other = await app.call("POST", "/api/projections/users/rebuild", headers=headers)
    assert (other.status, other.json["code"]) == (422, "idempotency_mismatch")


async def test_a_refused_command_may_be_given_again_under_its_key(app):
    headers = {"Idempotency-Key": str(uuid4())}
    assert (await app.call("POST", f"{ACCOUNTS}/cancel", headers=headers)).status == 409
    await app.call("POST", f"{ACCOUNTS}/rebuild")
    assert (await app.call("POST", f"{ACCOUNTS}/cancel", headers=headers)).status == 202


async def test_the_operators_organization_is_that_of_the_first_start(app, database):
    first = await database.fetchval("SELECT originator_id FROM muniment.events WHERE notification_id = 1")
    assert isinstance(first, UUID)
    items = (await app.call("GET", "/api/applications", params={"limit": 1})).json["items"]
    assert items[0]["organization"] == str(first)

"""Searches find what evaluations allow, and nothing else."""

from __future__ import annotations

import base64
import json
from itertools import product
from typing import Any

import pytest
import pytest_asyncio

from domain.permissions import MEMBERSHIP_ROLES
from tests.app_fixture import AUDIENCE
from tests.service.access.authzen.given import (
    EVALUATIONS,
    FILES,
    SEARCHES,
    a_firm,
    called,
    named,
    question,
    thing,
    user,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
ACTIONS: dict[str, list[Any]] = {
    "organization": ["read_user", "write_app", "root"],
    "account": list(MEMBERSHIP_ROLES),
    "role": ["hold"],
    "interface": ["call", called("GET"), called("POST")],
    "audience": ["read", "read_user", "write"],
}
PAIRS = [(subject, resource) for subject, resource in product(("user", "application"), ACTIONS)]


class World:
    """Two organizations with some of everything, in force and not, and all of their ids by type."""

    def __init__(self, firm, other) -> None:
        self.firm, self.other = firm, other
        self.things: dict[str, list[str]] = {name: [] for name in ("user", "application", *ACTIONS)}
        self.things["audience"] = [AUDIENCE, FILES, "https://mail.test"]
        self.ways: list[str | None] = [None]

    async def fill(self) -> None:
        for firm in (self.firm, self.other):
            await self._people(firm)
            await self._applications(firm)
        root = await self.firm.app.application(permissions=["root"], organization=self.other.organization)
        self.things["application"].append(root["id"])

    async def _people(self, firm) -> None:
        roles = [(await firm.role(*held))["id"] for held in (["read_user"], ["all"], ["root", "files.read"], [])]
        accounts = [firm.organization, *[await firm.account() for _ in range(3)]]
        users = [await firm.user() for _ in range(6)]
        for n, one in enumerate(users):
            for role in roles[n % 4 : n % 4 + 2]:
                await firm.assign(one, role)
            for account in accounts[n % 3 : n % 3 + 2]:
                await firm.member(account, MEMBERSHIP_ROLES[n % 3], one)
        await firm.done("POST", f"/api/users/{users[5]}/suspend", json={})
        await firm.done("PATCH", f"/api/accounts/{accounts[2]}", json={"status": "suspended"})
        self.things["organization"].append(firm.organization)
        self.things["user"] += users
        self.things["account"] += accounts
        self.things["role"] += roles

    async def _applications(self, firm) -> None:
        settings: list[dict[str, Any]] = [
            {"permissions": ["read_user", "read"], "audiences": [AUDIENCE, FILES]},
            {"permissions": ["all"]},
            {"permissions": ["write_app", "write"], "audiences": [FILES]},
            {"permissions": ["all", "read"], "audiences": [AUDIENCE, FILES]},
        ]
        made = [(await firm.application(**each))["id"] for each in settings]
        third_parties = [await firm.third_party(kind) for kind in ("sso", "api", "api")]
        made += [each["id"] for each in third_parties]
        await firm.allowed_at(made[2], AUDIENCE, "read_user")
        for one in made[5:]:
            await firm.allowed_at(one, "https://mail.test", "read", "write")
        interfaces = [
            await firm.interface(method=method, scope=scope, submit_limited=limited)
            for method, scope, limited in [
                ("GET", "authorized", False), ("POST", "authorized", False), ("*", "authorized", True),
                ("GET", "anonymous", False), ("POST", "anonymous", True), ("*", "anonymous", True),
            ]
        ]  # fmt: skip
        for application, interface in ((0, 0), (0, 1), (0, 2), (1, 0), (3, 2), (5, 0), (6, 0)):
            await firm.granted(made[application], interfaces[interface]["id"])
        await firm.requested(made[1], interfaces[1]["id"])
        await firm.done("POST", f"/api/applications/{made[3]}/disable", json={})
        await firm.turned(third_parties[2])
        self.things["application"] += made
        self.things["interface"] += [each["id"] for each in interfaces]
        self.ways += [made[0], made[4]]

    def subjects(self, kind: str, resource: str) -> list[Any]:
        """Return the subjects of a type; people call interfaces in several ways."""
        if (kind, resource) != ("user", "interface"):
            return [thing(kind, one) for one in self.things[kind]]
        some = self.things[kind][::5]  # one who is active, one who is not, and one of the other organization
        return [user(one, **({"application": way} if way else {})) for one in some for way in self.ways]

    async def allowed(self, token: str, questions: list[Any]) -> list[bool]:
        told: list[bool] = []
        for n in range(0, len(questions), 100):
            reply = await self.firm.ask(EVALUATIONS, {"evaluations": questions[n : n + 100]}, token)
            assert reply.status == 200, reply.text
            told += [one["decision"] for one in reply.json["evaluations"]]
        return told


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(app):
    made = World(await a_firm(app, "Own"), await a_firm(app, "Other"))
    await made.fill()
    return made


@pytest.fixture(params=["root", "own"])
def token(request, world):
    return world.firm.app.root if request.param == "root" else world.firm.token


@pytest.mark.parametrize(("kind", "resource"), PAIRS)
async def test_a_subject_search_finds_whom_an_evaluation_allows(world, token, kind, resource):
    for action, target in product(ACTIONS[resource], world.things[resource]):
        ways: dict[str, list[str]] = {}
        for subject in world.subjects(kind, resource):
            ways.setdefault(subject.get("properties", {}).get("application", ""), []).append(subject["id"])
        for way, ids in ways.items():
            properties = {"properties": {"application": way}} if way else {}
            aim = thing(resource, target)
            asked = [question({"type": kind, "id": one, **properties}, action, aim) for one in ids]
            allowed = await world.allowed(token, asked)
            subject = {"type": kind, "id": "ignored", **properties}
            found = await world.firm.found("subject", token, subject=subject, action=named(action), resource=aim)
            expected = [one for one, may in zip(ids, allowed, strict=True) if may]
            assert sorted(set(found) & set(ids)) == sorted(expected), (action, target, way)
            assert len(found) == len(set(found))
            strangers = [
                question({"type": kind, "id": one, **properties}, action, aim) for one in set(found) - set(ids)
            ]
            assert all(await world.allowed(token, strangers))


@pytest.mark.parametrize(("kind", "resource"), PAIRS)
async def test_a_resource_search_finds_what_an_evaluation_allows(world, token, kind, resource):
    for action, subject in product(ACTIONS[resource], world.subjects(kind, resource)):
        ids = world.things[resource]
        allowed = await world.allowed(token, [question(subject, action, thing(resource, one)) for one in ids])
        target = {"type": resource, "id": "ignored"}
        found = await world.firm.found("resource", token, subject=subject, action=named(action), resource=target)
        expected = [one for one, may in zip(ids, allowed, strict=True) if may]
        assert sorted(set(found) & set(ids)) == sorted(expected), (action, subject)
        assert len(found) == len(set(found))
        strangers = [question(subject, action, thing(resource, one)) for one in set(found) - set(ids)]
        assert all(await world.allowed(token, strangers))


@pytest.mark.parametrize(("kind", "resource"), PAIRS)
async def test_an_action_search_finds_what_an_evaluation_allows(world, kind, resource):
    names = [action for action in ACTIONS[resource] if isinstance(action, str)]
    for subject, target in product(world.subjects(kind, resource)[::3], world.things[resource][::2]):
        aim = thing(resource, target)
        found = await world.firm.found("action", subject=subject, resource=aim)
        assert found == sorted(set(found))
        asked = sorted({*names, *found})
        allowed = await world.allowed(world.firm.token, [question(subject, name, aim) for name in asked])
        assert found == [name for name, may in zip(asked, allowed, strict=True) if may]


async def test_something_is_found_of_every_kind(world):
    """Or all of the above would hold of searches that find nothing."""
    for kind, resource in PAIRS:
        if (kind, resource) not in {("user", "audience"), ("application", "account"), ("application", "role")}:
            assert await _anybody(world, kind, resource), (kind, resource)


async def _anybody(world, kind: str, resource: str) -> bool:
    for action, target in product(ACTIONS[resource], world.things[resource]):
        aim = thing(resource, target)
        if await world.firm.found("subject", subject={"type": kind}, action=named(action), resource=aim):
            return True
    return False


async def test_pages_go_on_where_the_one_before_ended(firm_of_many):
    firm, users, role = firm_of_many
    asked = {"subject": {"type": "user"}, "action": {"name": "hold"}, "resource": thing("role", role)}
    reply = (await firm.ask(SEARCHES["subject"], asked)).json
    assert [one["id"] for one in reply["results"]] == sorted(users)
    assert reply["page"] == {"next_token": "", "count": len(users)}
    assert await firm.found("subject", **asked) == sorted(users)


async def test_a_token_alone_goes_on_as_it_began(firm_of_many):
    firm, users, role = firm_of_many
    asked = {"subject": {"type": "user"}, "action": {"name": "hold"}, "resource": thing("role", role)}
    page, found, counts = {"limit": 3, "properties": {"sort": "id"}}, [], []
    while page.get("token") != "":
        told = (await firm.ask(SEARCHES["subject"], {**asked, "page": page})).json
        found += [one["id"] for one in told["results"]]
        counts.append(told["page"]["count"])
        page = {"token": told["page"]["next_token"]}
    assert (found, counts) == (sorted(users), [3, 3, 1])


async def test_a_page_has_a_hundred_results_at_most_and_may_have_none(firm_of_many):
    firm, users, role = firm_of_many
    asked = {"subject": {"type": "user"}, "action": {"name": "hold"}, "resource": thing("role", role)}
    every = (await firm.ask(SEARCHES["subject"], {**asked, "page": {"limit": 10_000}})).json
    assert every["page"]["count"] == len(users)
    none = (await firm.ask(SEARCHES["subject"], {**asked, "page": {"limit": 0}})).json
    assert (none["results"], none["page"]["count"]) == ([], 0)
    assert none["page"]["next_token"]


async def test_a_hundred_are_told_where_there_are_more(app):
    firm = await a_firm(app, "Crowd")
    for _ in range(101):
        await firm.user()
    interface = await firm.interface(scope="anonymous")
    asked = {"subject": {"type": "user"}, "action": {"name": "call"}, "resource": thing("interface", interface["id"])}
    for page in ({}, {"limit": 101}, {"limit": 2**40}):
        told = (await firm.ask(SEARCHES["subject"], {**asked, "page": page})).json
        assert told["page"]["count"] == len(told["results"]) == 100
        rest = {"page": {"token": told["page"]["next_token"]}}
        assert (await firm.ask(SEARCHES["subject"], asked | rest)).json["page"] == {"next_token": "", "count": 1}


async def test_a_token_is_of_one_search_and_one_size(firm_of_many):
    firm, _, role = firm_of_many
    asked = {"subject": {"type": "user"}, "action": {"name": "hold"}, "resource": thing("role", role)}
    by = {"limit": 1, "properties": {"sort": "id"}}
    token = (await firm.ask(SEARCHES["subject"], {**asked, "page": by})).json["page"]["next_token"]
    assert (await firm.ask(SEARCHES["subject"], {**asked, "page": {**by, "token": token}})).status == 200
    another = {**asked, "resource": thing("role", (await firm.role())["id"])}
    changed = [
        ("token", another, {}), ("token", {**asked, "context": {}}, {}), ("limit", asked, {"limit": 2}),
        ("limit", asked, {"limit": 100}), ("properties", asked, {"properties": {"sort": "name"}}),
    ]  # fmt: skip
    for member, body, page in changed:
        reply = await firm.ask(SEARCHES["subject"], {**body, "page": {"token": token, **page}})
        assert (reply.status, reply.json["errors"][0]["field"]) == (400, f"page.{member}"), page


async def test_a_token_that_is_none_of_ours_is_refused(firm_of_many):
    firm, _, role = firm_of_many
    asked = {"subject": {"type": "user"}, "action": {"name": "hold"}, "resource": thing("role", role)}
    token = (await firm.ask(SEARCHES["subject"], {**asked, "page": {"limit": 1}})).json["page"]["next_token"]
    of, by, after, _ = json.loads(base64.urlsafe_b64decode(token))
    forged = [
        base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
        for value in ([of, by, after, 101], [of, by, after, -1], [of, by, None, 1], [of, by], {}, [after, by, of, 1])
    ]
    for wrong in ("x", "é", token[:-8], token + "AAAA", "AAAA", "W10=", *forged):
        reply = await firm.ask(SEARCHES["subject"], {**asked, "page": {"token": wrong}})
        assert (reply.status, reply.json["errors"][0]["field"]) == (400, "page.token"), wrong
    begin = base64.urlsafe_b64encode(json.dumps([of, by, "nowhere", 100]).encode()).decode()
    told = (await firm.ask(SEARCHES["subject"], {**asked, "page": {"token": begin}})).json
    assert told["page"]["count"] == 7  # what it says is only where to begin


async def test_what_does_not_exist_finds_nothing(firm_of_many):
    firm, users, role = firm_of_many
    whole, somebody = thing("organization", firm.organization), user(users[0])
    read = {"name": "read_user"}
    searches = [
        ("subject", {"subject": {"type": "spaceship"}, "action": read, "resource": whole}),
        ("subject", {"subject": {"type": "user"}, "action": {"name": "fly"}, "resource": whole}),
        ("subject", {"subject": {"type": "user"}, "action": read, "resource": thing("organization", "123")}),
        ("subject", {"subject": {"type": "user"}, "action": {"name": "hold"}, "resource": thing("rôle", role)}),
        ("resource", {"subject": user("nonexistent"), "action": read, "resource": {"type": "organization"}}),
        ("resource", {"subject": somebody, "action": read, "resource": {"type": "spaceship"}}),
        ("resource", {"subject": somebody, "action": {"name": "fly"}, "resource": {"type": "role"}}),
        ("action", {"subject": user("nonexistent"), "resource": whole}),
        ("action", {"subject": thing("spaceship", "1"), "resource": whole}),
        ("action", {"subject": thing("application", "1"), "resource": thing("audience", FILES)}),
        ("action", {"subject": somebody, "resource": thing("organization", "123")}),
    ]
    for kind, asked in searches:
        reply = await firm.ask(SEARCHES[kind], asked)
        assert reply.status == 200
        assert reply.json == {"results": [], "page": {"next_token": "", "count": 0}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def firm_of_many(app):
    """A firm with a role that seven users hold."""
    firm = await a_firm(app, "Many")
    role = (await firm.role("read_user"))["id"]
    users = [await firm.user() for _ in range(7)]
    for one in users:
        await firm.assign(one, role)
    return firm, users, role

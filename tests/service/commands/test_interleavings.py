"""Commands of two processes, decided and committed in any order, leave a log in which each event was right in its place.

What a command decided on may have gone, in every way there is, when it comes to its append.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.application import ApplicationSettings
from domain.caller import SYSTEM, Caller
from domain.refusals import Refusal
from service.commands import (
    accounts,
    applications,
    grants,
    memberships,
    revocations,
    roles,
    signing_keys,
    tokens,
    users,
)
from service.commands.secrets import SecretRequest
from service.http.bearer import Bearer, Unauthenticated
from service.oauth.client_authentication import Credentials
from service.oauth.clients import Clients
from service.oauth.errors import OAuthError
from service.oauth.issuing import IssuedToken, Issuer
from service.oauth.key_ring import KeyRing
from service.store import codec
from service.store.log import head, read_page
from service.tokens import Tokens
from tests.fake_clock import FakeClock
from tests.histories.agreement import of_streams, shown
from tests.histories.law import lawful
from tests.histories.schedule import Schedule
from tests.histories.verdict import folded, history, rebuilt_models_are_equal, the_log_is_whole
from tests.service.commands.given import (
    ROOT,
    a_child,
    a_member,
    a_role,
    a_user,
    an_application,
    an_organization,
    origin,
)
from tests.postgres_fixture import copied
from tests.store_fixture import opened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.store_fixture import StoreParts

API = "https://api.example.com"
HOUR = timedelta(hours=1)
USUAL = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
LONG = settings(USUAL, max_examples=3_000)


class Process:
    """One of the two, with what its memory holds of clients and keys."""

    def __init__(self, parts: StoreParts) -> None:
        self.parts, self.store = parts, parts.store
        self.keys = KeyRing(parts.store)
        self.issuer = Issuer(parts.store, Clients(parts.pool), self.keys, issuer="us", assertion_audiences=())
        self.bearer = Bearer(Tokens(parts.pool), parts.clock, (API,))

    async def issue(self, client_id: str, secret: str, scope: str | None = None) -> IssuedToken:
        credentials = Credentials(client_id, secret=secret)
        return await self.issuer.issue(credentials, audience=API, scope=scope, request_id=uuid4(), admit=lambda _: None)


class Scene:
    """An organization with something of everything in it; each number below is a command on it, for a process."""

    async def set(self, process: Process) -> None:
        """Make everything anew."""
        parts, store = process.parts, process.store
        self.organization = (await an_organization(parts)).id
        self.child = (await a_child(parts, self.organization)).id
        self.leaf = (await a_child(parts, self.child)).id
        made = await applications.register(
            store,
            origin(),
            SYSTEM,
            organization=self.organization,
            kind="machine",
            settings=ApplicationSettings("Client", permissions=["write_role"], audiences=[API]),
            secrets=[SecretRequest("only")],
        )
        self.application, (secret,) = made.value.application, made.value.secrets
        self.secret, self.text = secret.id, secret.text
        self.other = (await an_application(parts, self.organization)).id
        self.user, self.friend, self.rival = [(await a_user(parts, self.other)).id for _ in range(3)]
        self.owner, _ = [(await a_member(parts, self.child, u, "owner")).id for u in (self.friend, self.rival)]
        self.role = (await a_role(parts, self.organization)).id
        asked = {"application": self.application.id, "audience": API, "scope": ["print"]}
        self.grant, self.pending = [(await grants.request(store, origin(), SYSTEM, **asked)).value.id for _ in range(2)]
        await grants.approve(store, origin(ROOT), ROOT, grant=self.grant)
        self.token = (await process.issue(self.application.client_id, self.text)).access_token
        row = await process.bearer._tokens.find(self.token)
        self.token_id = row["id"]

    async def as_client(self, process: Process, command: Callable[..., Awaitable[Any]], **arguments: Any) -> Any:
        """Give a command as the client, with its token."""
        caller = await process.bearer.by_token(self.token)
        return await command(process.store, process.bearer.origin(caller, uuid4()), caller.caller, **arguments)

    def as_person(self, process: Process, command: Callable[..., Awaitable[Any]], **arguments: Any) -> Awaitable[Any]:
        """Give a command as an ordinary user, who may not leave an account without owner."""
        user = uuid4()
        by = Caller(user, self.organization, frozenset({"all"}), application=self.other, user=user)
        return command(process.store, origin(by), by, **arguments)


def _do(command: Callable[..., Awaitable[Any]], by: Caller = SYSTEM, **named: Any) -> Callable[..., Awaitable[Any]]:
    """Return a command on a scene: "@user" stands for the id of its user."""

    def given_to(scene: Scene, process: Process) -> Awaitable[Any]:
        values = {name: getattr(scene, v[1:]) if str(v).startswith("@") else v for name, v in named.items()}
        return command(process.store, origin(by), by, **values)

    return given_to


def _client(scene: Scene) -> Any:
    return scene.application.id


COMMANDS: dict[str, Callable[[Scene, Process], Awaitable[Any]]] = {
    "issue": lambda s, p: p.issue(s.application.client_id, s.text),
    "issue what is granted": lambda s, p: p.issue(s.application.client_id, s.text, "print"),
    "define a role as the client": lambda s, p: s.as_client(
        p, roles.define, organization=s.organization, name="auditor", permissions=[]
    ),
    "ask for a grant as the client": lambda s, p: s.as_client(
        p, grants.request, application=_client(s), audience=API, scope=["read"]
    ),
    "disable": lambda s, p: applications.disable(p.store, origin(), SYSTEM, application=_client(s)),
    "enable": lambda s, p: applications.enable(p.store, origin(), SYSTEM, application=_client(s)),
    "delete": lambda s, p: applications.delete(p.store, origin(), SYSTEM, application=_client(s)),
    "take permissions": lambda s, p: applications.update(
        p.store, origin(), SYSTEM, application=_client(s), permissions=[]
    ),
    "take the audience": lambda s, p: applications.update(
        p.store, origin(), SYSTEM, application=_client(s), audiences=[]
    ),
    "add a secret": lambda s, p: applications.add_secrets(
        p.store, origin(), SYSTEM, application=_client(s), secrets=[SecretRequest("another")]
    ),
    "retire the secret": lambda s, p: applications.retire_secret(
        p.store, origin(), SYSTEM, application=_client(s), secret=s.secret
    ),
    "revoke the token": _do(tokens.revoke, token="@token_id"),
    "revoke in bulk": lambda s, p: revocations.record(
        p.store, origin(), SYSTEM, organization=s.organization, application=_client(s)
    ),
    "revoke the grant": _do(grants.revoke, grant="@grant"),
    "approve": _do(grants.approve, ROOT, grant="@pending"),
    "reject": _do(grants.reject, grant="@pending"),
    "rotate": _do(signing_keys.rotate, published_for=HOUR, overlap=HOUR, force=True),
    "suspend the organization": _do(accounts.move_status, account="@organization", status="suspended"),
    "reinstate the organization": _do(accounts.move_status, account="@organization", status="active"),
    "branch": _do(accounts.create_child, parent="@leaf", name="Branch"),
    "suspend the leaf": _do(accounts.move_status, account="@leaf", status="suspended"),
    "delete the leaf": _do(accounts.delete, account="@leaf"),
    "delete the child": _do(accounts.delete, account="@child", cascade=True),
    "disable the other": _do(applications.disable, application="@other"),
    "enrol": _do(users.create, application="@other", name="Grace"),
    "rename": _do(users.rename, user="@user", name="Ada"),
    "suspend": _do(users.suspend, user="@user"),
    "reinstate": _do(users.reinstate, user="@user"),
    "expel": _do(users.delete, user="@user"),
    "assign": _do(users.assign_role, user="@user", role="@role"),
    "take away": _do(users.unassign_role, user="@user", role="@role"),
    "redefine": _do(roles.change, role="@role", name="auditor2"),
    "define": _do(roles.define, organization="@organization", name="auditor2"),
    "abolish": _do(roles.delete, role="@role"),
    "join": _do(memberships.add, account="@child", user="@user", role="owner"),
    "join the leaf": _do(memberships.add, account="@leaf", user="@user", role="viewer"),
    "demote the owner": lambda s, p: s.as_person(
        p, memberships.change_role, account=s.child, membership=s.owner, role="viewer"
    ),
    "expel the owner": lambda s, p: s.as_person(p, users.delete, user=s.friend),
    "expel the other owner": lambda s, p: s.as_person(p, users.delete, user=s.rival),
    "delete everything": _do(accounts.delete, account="@organization", cascade=True),
}


class Theatre:
    """Two processes on one database, and the judgement of what they did."""

    def __init__(self, stack: ExitStack, dsn: str) -> None:
        self._runner = stack.enter_context(asyncio.Runner())
        clock, self.processes = FakeClock(), []
        for _ in range(2):
            opening = opened(dsn, clock)
            self.processes.append(Process(self._runner.run(opening.__aenter__())))
            stack.callback(lambda opening=opening: self._runner.run(opening.__aexit__(None, None, None)))
        self._runner.run(self._open())

    def play(self, chosen: list[tuple[str, int]], order: list[int]) -> None:
        """Play commands, each in one of the processes, in an order; what they did must be lawful."""
        self._runner.run(self._play(chosen, order))

    def end(self) -> None:
        """Judge all that was played together."""
        self._runner.run(self._end())

    async def _open(self) -> None:
        await signing_keys.rotate(
            self.processes[0].store, origin(), SYSTEM, published_for=HOUR, overlap=HOUR, algorithm="ES256"
        )
        for process in self.processes:
            await process.keys.load()

    async def _play(self, chosen: list[tuple[str, int]], order: list[int]) -> None:
        one, other = self.processes
        start, scene = await head(one.parts.pool), Scene()
        await scene.set(one)
        await other.issue(scene.application.client_id, scene.text)  # which it remembers from now on
        begun = await head(one.parts.pool)
        schedule = Schedule([lambda name=name, n=n: COMMANDS[name](scene, self.processes[n]) for name, n in chosen])
        with schedule.holding(*(process.parts.appender for process in self.processes)):
            results = await schedule.run(order)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, (Refusal, OAuthError, Unauthenticated)):
                raise result
        await self._judge(start, begun, [result for result in results if not isinstance(result, BaseException)])

    async def _judge(self, start: int, begun: int, results: list[Any]) -> None:
        parts = self.processes[0].parts
        entries = await read_page(parts.pool, after=start, until=2**62, limit=10_000)
        ciphers = await parts.vault.for_entries(entries)
        events = [codec.decode(e.topic, e.stream, e.version, e.state, ciphers) for e in entries]
        own = [(e, entry.actor) for e, entry in zip(events, entries, strict=True) if entry.topic[:7] != "signing"]
        lawful(*zip(*own, strict=True))
        rows, expected = await shown(parts), of_streams(folded(event for event, _ in own))
        for table, of_table in expected.items():
            assert {id: rows[table].get(id) for id in of_table} == of_table, table
        for issued in results:
            if isinstance(issued, IssuedToken):
                assert issued.position > begun
                await self._signed_by_a_key_that_signed_then(issued)

    async def _signed_by_a_key_that_signed_then(self, issued: IssuedToken) -> None:
        kid, pool = jwt.get_unverified_header(issued.access_token)["kid"], self.processes[0].parts.pool
        key = await pool.fetchval("SELECT id FROM signing_keys WHERE kid = $1", kid)
        turns = await pool.fetch(
            "SELECT topic, notification_id FROM muniment.events WHERE originator_id = $1 AND topic = ANY ($2::text[])",
            key,
            ["signing_key.activated", "signing_key.retired"],
        )
        at = {row["topic"]: row["notification_id"] for row in turns}
        assert at["signing_key.activated"] < issued.position < at.get("signing_key.retired", 2**62)

    async def _end(self) -> None:
        parts = self.processes[0].parts
        await the_log_is_whole(parts)
        events = await history(parts)
        rows, expected = await shown(parts), of_streams(folded(events))
        assert expected == {table: rows[table] for table in expected}
        await rebuilt_models_are_equal(parts, 50, 5_000)


chosen_commands = st.lists(st.tuples(st.sampled_from(sorted(COMMANDS)), st.integers(0, 1)), min_size=2, max_size=5)
orders = st.lists(st.integers(0, 4), max_size=12)


def check(postgres_dsn: str, template: str, profile: settings) -> None:
    with ExitStack() as stack:
        theatre = Theatre(stack, stack.enter_context(copied(postgres_dsn, template)))

        @profile
        @given(chosen_commands, orders)
        def play(chosen: list[tuple[str, int]], order: list[int]) -> None:
            theatre.play(chosen, order)

        play()
        theatre.end()


def test_every_event_is_right_in_its_place(postgres_dsn: str, store_template: str) -> None:
    check(postgres_dsn, store_template, USUAL)


@pytest.mark.soak
def test_every_event_is_right_in_its_place_in_thousands_of_orders(postgres_dsn: str, store_template: str) -> None:
    check(postgres_dsn, store_template, LONG)


PAIRS = [
    ("issue", end)
    for end in ("disable", "delete", "take permissions", "retire the secret", "suspend the organization", "rotate")
]
PAIRS += [("issue what is granted", "revoke the grant"), ("define a role as the client", "revoke the token")]
PAIRS += [("join", "suspend"), ("join", "expel"), ("join", "delete the child"), ("branch", "delete the child")]
PAIRS += [("assign", "abolish"), ("define", "redefine"), ("enrol", "disable the other"), ("enrol", "delete everything")]
PAIRS += [
    ("demote the owner", "expel the other owner"),
    ("approve", "delete"),
    ("ask for a grant as the client", "disable"),
]


def test_what_is_ended_between_a_decision_and_its_append_is_not_relied_on(
    postgres_dsn: str, store_template: str
) -> None:
    """The orders that matter most, each pair in both processes: all that Hypothesis might not come upon."""
    with ExitStack() as stack:
        theatre = Theatre(stack, stack.enter_context(copied(postgres_dsn, store_template)))
        for one, other in PAIRS:
            for order in ([0, 1, 1, 0], [1, 0, 0, 1]):
                for there in (0, 1):
                    theatre.play([(one, 1), (other, there)], order)
        theatre.end()

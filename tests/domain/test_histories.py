"""Whatever is commanded in whatever order, an aggregate's events alone bring its state back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.account import Account
from domain.api_resource import ApiResource
from domain.application import Application
from domain.caller import SYSTEM
from domain.connector import Connector
from domain.connector import Kind as ConnectorKind
from domain.event import Recorded
from domain.grant import Grant
from domain.group import Group
from domain.identity import EnterpriseIdentity, Identity
from domain.interface import Interface
from domain.interface_grant import InterfaceGrant
from domain.membership import Membership
from domain.refusals import Refusal
from domain.scope_definition import ScopeDefinition, ScopeType
from domain.user import User
from tests.domain.given import (
    ELSEWHERE,
    HOUR,
    NOW,
    ORGANIZATION,
    a_role,
    a_user,
    an_account,
    an_api_resource,
    an_application,
    an_interface,
    an_org,
    backend,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventsourcing.domain import Aggregate

READER, BOSS = a_role("read_user", name="reader"), a_role("root", name="boss")
BILLING = an_application()
KEY = UUID(int=7)
PICTURE = "https://a.example/picture.png"

Steps = list[tuple[int, int]]
steps = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=15)


def play(aggregate: Aggregate, story: Steps, commands: list[Callable[[int], None]]) -> None:
    """Give the commands, refused or not, and compare the aggregate with one made from its events."""
    for number, value in story:
        with suppress(Refusal):
            commands[number % len(commands)](value)
    events = aggregate.collect_events()
    rebuilt = None
    for event in events:
        assert isinstance(event, Recorded)
        rebuilt = event.mutate(rebuilt)
    assert rebuilt == aggregate
    assert [event.originator_version for event in events] == list(range(1, len(events) + 1))


@given(steps)
def test_an_account_comes_back(story: Steps) -> None:
    account = Account.create(id=ORGANIZATION, name="Acme", parent=None, now=NOW)
    commands: list[Callable[[int], None]] = [
        lambda n: account.rename("ab\x00 "[n], NOW),
        lambda n: account.describe([None, "a", "b", "\x00"][n], None, [None, "#ABCDEF", "#abcdef", "red"][n], NOW),
        lambda n: account.move(["active", "suspended", "suspended", "deleted"][n], [SYSTEM, backend()][n % 2], NOW),
        lambda n: account.change_settings(
            code_lifetime=[600, 60, 3600, 3601][n],
            code_tries=[10, 1, 100, 0][n],
            verified_identifiers=n > 0,
            submit_limited=n == 1,
            now=NOW,
        ),
        lambda n: account.delete([SYSTEM, backend()][n // 2], NOW, has_children=n > 0),
    ]
    play(account, story, commands)


@given(steps)
def test_a_user_comes_back(story: Steps) -> None:
    user = User.create(id=KEY, organization=ORGANIZATION, application=BILLING.id, name="Ada", now=NOW)
    commands: list[Callable[[int], None]] = [
        lambda n: user.rename([None, "Ada", "Bob", ""][n], NOW),
        lambda n: user.move(["active", "suspended", "suspended", "deleted"][n], NOW),
        lambda n: user.assign_role([READER, BOSS][n % 2], [backend("all"), SYSTEM][n // 2], NOW),
        lambda n: user.unassign_role([READER.id, BOSS.id][n % 2], NOW),
        lambda n: user.delete(SYSTEM, NOW) if n == 0 else None,
    ]
    play(user, story, commands)


@given(steps)
def test_an_application_comes_back(story: Steps) -> None:
    application = Application.register(
        id=KEY,
        organization=ORGANIZATION,
        client_id="billing",
        kind="web",
        settings=BILLING.settings,
        by=SYSTEM,
        now=NOW,
    )
    secrets = [UUID(int=n) for n in range(4)]
    permissions = [[], ["read_user"], ["all"], ["root"]]
    commands: list[Callable[[int], None]] = [
        lambda n: application.update(replace(application.settings, permissions=permissions[n]), backend("all"), NOW),
        lambda n: application.update(replace(application.settings, rate_limit=n), backend(), NOW),
        lambda n: application.add_secret(secrets[n], "ab"[n % 2], "0" * 64, "wxyz", NOW + n * HOUR, by=SYSTEM, now=NOW),
        lambda n: application.retire_secret(secrets[n], SYSTEM, NOW),
        lambda n: application.disable([SYSTEM, backend(application=KEY)][n % 2], NOW),
        lambda n: application.enable(backend(organization=[ORGANIZATION, ELSEWHERE][n % 2]), NOW),
        lambda n: application.delete(SYSTEM, NOW) if n == 0 else None,
    ]
    play(application, story, commands)


@given(steps, st.timedeltas(timedelta(0), 4 * HOUR))
def test_a_grant_comes_back_and_nobody_ever_approved_their_own(story: Steps, later: timedelta) -> None:
    callers = [backend("root"), backend("root"), backend("root", application=BILLING.id), backend("all")]
    grant = Grant.request(
        id=KEY,
        application=BILLING,
        audience="https://api.example.com",
        scope=["read"],
        expires_at=NOW + 2 * HOUR,
        by=callers[0],
        now=NOW,
    )
    approvers = []

    def approve(n: int) -> None:
        grant.approve(callers[n], NOW + later)
        approvers.append(n)

    commands: list[Callable[[int], None]] = [
        approve,
        lambda n: grant.reject(callers[n], None, NOW),
        lambda n: grant.revoke(callers[n], None, NOW),
    ]
    play(grant, story, commands)
    assert set(approvers) <= {1, 3}
    assert len(approvers) <= 1
    assert not approvers or later < 2 * HOUR


@given(steps)
def test_an_org_comes_back(story: Steps) -> None:
    org = Account.create(id=KEY, name="Acme", parent=an_account(), now=NOW)
    commands: list[Callable[[int], None]] = [
        lambda n: org.profile(
            ["acme", "other", "a b", ""][n],
            public_registration=n % 2 == 0,
            branding_only=n == 1,
            branding={"layout_color": ["#fff", "", "red;", "red"][n]},
            now=NOW,
        ),
        lambda n: org.rename("ab\x00 "[n], NOW),
        lambda n: org.delete(SYSTEM, NOW, has_children=n > 0),
    ]
    play(org, story, commands)


@given(steps)
def test_a_membership_comes_back(story: Steps) -> None:
    member = Membership.add(id=KEY, account=an_account(), user=a_user(), role="owner", now=NOW)
    commands: list[Callable[[int], None]] = [
        lambda n: member.change_role(["owner", "member", "viewer", "x"][n], owners=n, by=SYSTEM, now=NOW),
        lambda _: member.activate(NOW),
        lambda _: member.deactivate(NOW),
        lambda n: member.remove(n, SYSTEM, NOW) if n == 0 else None,
    ]
    play(member, story, commands)


@given(steps)
def test_a_scope_comes_back(story: Steps) -> None:
    scope = ScopeDefinition.define(
        id=KEY, organization=ORGANIZATION, name="files", type=ScopeType.S2S, note=None, locales={}, by=SYSTEM, now=NOW
    )
    commands: list[Callable[[int], None]] = [
        lambda n: scope.change(
            ["files", "mail", "root", "a b"][n], [None, "x", " ", "\x00"][n], {"en": "x"} if n else {}, SYSTEM, NOW
        ),
        lambda n: scope.delete([SYSTEM, backend(organization=ELSEWHERE)][n % 2], NOW) if n < 2 else None,
    ]
    play(scope, story, commands)


@given(steps)
def test_a_connector_comes_back(story: Steps) -> None:
    connector = Connector.create(
        id=KEY, organization=ORGANIZATION, type="github-universal", kind=ConnectorKind.SOCIAL, target="github",
        config=None, by=SYSTEM, now=NOW,
    )  # fmt: skip
    commands: list[Callable[[int], None]] = [
        lambda n: connector.configure({"clientId": "ab"[n % 2]}, SYSTEM, NOW),
        lambda n: connector.describe(
            target=[None, "github", "google", ""][n], name={"en": "x"} if n else {}, logo=[None, "", "x", PICTURE][n],
            logo_dark=PICTURE if n else None, by=SYSTEM, now=NOW,
        ),
        lambda n: connector.note_test([SYSTEM, backend(organization=ELSEWHERE)][n % 2], NOW),
        lambda n: connector.delete([SYSTEM, backend(organization=ELSEWHERE)][n % 2], NOW) if n < 2 else None,
    ]  # fmt: skip
    play(connector, story, commands)


@given(steps)
def test_an_api_resource_comes_back(story: Steps) -> None:
    resource = ApiResource.create(id=KEY, organization=ORGANIZATION, identifier="a", name="A", by=SYSTEM, now=NOW)
    told: dict[str, Any] = {"name": "A", "uri": None, "audience": None, "description": None, "by": SYSTEM, "now": NOW}
    changes: list[dict[str, Any]] = [{}, {"name": "B", "uri": PICTURE}, {"audience": "a b"}, {"description": " x "}]
    commands: list[Callable[[int], None]] = [
        lambda n: resource.change(**told | changes[n]),
        lambda n: resource.delete([SYSTEM, backend(organization=ELSEWHERE)][n % 2], NOW, has_interfaces=n > 1),
    ]
    play(resource, story, commands)


@given(steps)
def test_an_interface_comes_back(story: Steps) -> None:
    told: dict[str, Any] = {"name": "A", "method": "GET", "path": "/a", "by": SYSTEM, "now": NOW}
    interface = Interface.create(id=KEY, resource=an_api_resource(), identifier="a", **told)
    told |= {"frequency": 120, "test_frequency": 60, "submit_limited": False, "scope": "authorized"}
    told |= {"description": None}
    changes: list[dict[str, Any]] = [{}, {"method": "*", "path": "/{b}"}, {"frequency": 0}, {"scope": "anonymous"}]
    commands: list[Callable[[int], None]] = [
        lambda n: interface.change(**told | changes[n]),
        lambda n: interface.change(**told | {"submit_limited": n > 1, "test_frequency": n or 7}),
        lambda n: interface.delete([SYSTEM, backend(organization=ELSEWHERE)][n % 2], NOW) if n < 2 else None,
    ]
    play(interface, story, commands)


@given(steps, st.timedeltas(timedelta(0), 4 * HOUR))
def test_an_interface_grant_comes_back_and_nobody_ever_approved_their_own(story: Steps, later: timedelta) -> None:
    callers = [backend("root"), backend("root"), backend("root", application=BILLING.id), backend("write_app")]
    interface, until = an_interface(), [None, NOW + HOUR, NOW + 2 * HOUR, NOW]
    asked: dict[str, Any] = {"application": BILLING, "interface": interface}
    told: dict[str, Any] = {**asked, "frequency": None, "test_frequency": 1}
    grant = InterfaceGrant.request(id=KEY, **told, expires_at=None, by=callers[0], now=NOW)
    approvers = []

    def approve(n: int) -> None:
        requester = grant.requested_by
        grant.approve(**asked, by=callers[n], now=NOW, otherwise=NOW + 3 * HOUR, expires_at=until[n], frequency=n)
        approvers.append((requester, callers[n].actor))

    commands: list[Callable[[int], None]] = [
        approve,
        lambda n: grant.reject(callers[n], ["No", "", "a", "b"][n], NOW),
        lambda n: grant.request_again(**told, expires_at=until[n], by=callers[n], now=NOW + later) and None,
        lambda n: grant.delete(callers[n], NOW) if n == 0 else None,
        lambda n: grant.withdraw(SYSTEM, "It is gone", NOW) if n == 0 else None,
    ]
    play(grant, story, commands)
    for requester, approver in approvers:
        assert approver in {callers[0].actor, callers[1].actor} - {requester}


@given(steps)
def test_a_group_comes_back(story: Steps) -> None:
    group = Group.create(id=KEY, org=an_org(), name="Editors", now=NOW)
    commands: list[Callable[[int], None]] = [
        lambda n: group.rename(["Editors", "Writers", "", "\x00"][n], SYSTEM, NOW),
        lambda n: group.delete(SYSTEM, NOW) if n == 0 else None,
    ]
    play(group, story, commands)


@given(steps)
def test_an_identity_comes_back(story: Steps) -> None:
    identity = Identity.link(
        id=KEY, user=a_user(), target="github", connector=None, person="42", details=None, others=0, now=NOW
    )
    told = [None, {}, {"a": 1}, {"a": True}]
    commands: list[Callable[[int], None]] = [
        lambda n: identity.replace(connector=None, person=["42", "43", "", "x" * 257][n], details=None, now=NOW),
        lambda n: identity.replace(connector=KEY, person="42", details=told[n], now=NOW),
        lambda n: identity.unlink(NOW) if n == 0 else None,
    ]
    play(identity, story, commands)


@given(steps)
def test_an_enterprise_identity_comes_back(story: Steps) -> None:
    first = {"issuer": "https://idp.example", "identity_id": "42", "detail": {}}
    identity = EnterpriseIdentity.link(id=KEY, user=a_user(), connector="acme", others=0, now=NOW, **first)
    changes = [{}, {"issuer": "https://b.example"}, {"identity_id": "43"}, {"detail": {"a": "\x00"}}]
    commands: list[Callable[[int], None]] = [
        lambda n: identity.replace(**{**first, **changes[n]}, now=NOW),
        lambda n: identity.unlink(NOW) if n == 0 else None,
    ]
    play(identity, story, commands)

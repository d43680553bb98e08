"""A command commits only if its caller still had the right to it at that very position of the log."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from domain.token_family import TokenFamily
from service.commands import accounts, applications, grants, memberships, revocations, roles, tokens, users
from service.http.bearer import Bearer, Unauthenticated
from service.secrets.digests import ACCESS_TOKEN, new_secret, sha256_hex
from service.tokens import Tokens
from tests.service.commands.given import (
    ROOT,
    a_child,
    a_member,
    a_role,
    a_user,
    an_application,
    an_organization,
    head,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from service.http.bearer import Authenticated
    from service.store.decision import Decision, Origin
    from tests.store_fixture import StoreParts

AUDIENCE = "https://muniment.test/api"


class Someone:
    """A caller with a token issued for everything that a token can be issued for, all of which can be taken away."""

    def __init__(self, parts: StoreParts) -> None:
        self.parts = parts
        self.bearer = Bearer(Tokens(parts.pool), parts.clock, (AUDIENCE,))

    async def arrive(self) -> None:
        parts = self.parts
        self.organization = (await an_organization(parts)).id
        self.application = (await an_application(parts, self.organization, "all")).id
        self.other = (await an_application(parts, self.organization)).id
        self.account = (await a_child(parts, self.organization)).id
        self.user = (await a_user(parts, self.application)).id
        self.role = (await a_role(parts, self.organization, "all", name="administrator")).id
        await users.assign_role(parts.store, origin(), SYSTEM, user=self.user, role=self.role)
        self.membership = (await a_member(parts, self.account, self.user)).id
        asked = {"application": self.application, "audience": AUDIENCE, "scope": ["print"]}
        self.grant = (await grants.request(parts.store, origin(), SYSTEM, **asked)).value.id
        await grants.approve(parts.store, origin(ROOT), ROOT, grant=self.grant)
        self.text = new_secret(ACCESS_TOKEN)
        self.token = (await parts.store.decide(self._issue, origin())).value

    async def _issue(self, decision: Decision) -> UUID:
        decision.organization, now = self.organization, self.parts.clock.now()
        family = TokenFamily.issue(
            id=self.parts.clock.new_id(),
            organization=self.organization,
            application=self.application,
            user=self.user,
            account=self.account,
            membership=self.membership,
            end_user="7",
            scope="all print",
            audience=AUDIENCE,
            format="opaque",
            digest=sha256_hex(self.text),
            expires_at=now + timedelta(hours=1),
            grant_type="authorization_code",
            now=now,
        )
        decision.save(family)
        return family.id

    async def authenticate(self) -> tuple[Authenticated, Origin]:
        authenticated = await self.bearer.by_token(self.text)
        return authenticated, self.bearer.origin(authenticated, uuid4())

    async def define_role(self, caller: tuple[Authenticated, Origin]) -> None:
        who, whence = caller
        await roles.define(self.parts.store, whence, who.caller, organization=self.organization, name="auditor")


async def someone(parts: StoreParts) -> Someone:
    made = Someone(parts)
    await made.arrive()
    return made


LOSSES: dict[str, tuple[Callable[..., Awaitable[Any]], Callable[[Someone], dict[str, Any]]]] = {
    "their token is revoked": (tokens.revoke, lambda one: {"token": one.token}),
    "their family is revoked": (tokens.revoke, lambda one: {"family": one.token}),
    "their application's tokens are revoked": (
        revocations.record,
        lambda one: {"organization": one.organization, "application": one.application},
    ),
    "their tokens are revoked": (
        revocations.record,
        lambda one: {"organization": one.organization, "user": one.user},
    ),
    "their end user's tokens are revoked": (
        revocations.record,
        lambda one: {"organization": one.organization, "end_user": "7"},
    ),
    "their application is disabled": (applications.disable, lambda one: {"application": one.application}),
    "their application is deleted": (applications.delete, lambda one: {"application": one.application}),
    "their organization is suspended": (
        accounts.move_status,
        lambda one: {"account": one.organization, "status": "suspended"},
    ),
    "their account is suspended": (accounts.move_status, lambda one: {"account": one.account, "status": "suspended"}),
    "their account is deleted": (accounts.delete, lambda one: {"account": one.account}),
    "they are suspended": (users.suspend, lambda one: {"user": one.user}),
    "they are deleted": (users.delete, lambda one: {"user": one.user}),
    "their membership ends": (memberships.remove, lambda one: {"account": one.account, "membership": one.membership}),
}
REDUCTIONS: dict[str, tuple[Callable[..., Awaitable[Any]], Callable[[Someone], dict[str, Any]]]] = {
    "a permission is taken away": (
        applications.update,
        lambda one: {"application": one.application, "permissions": ["read_role"]},
    ),
    "a grant is revoked": (grants.revoke, lambda one: {"grant": one.grant}),
    "their role is taken away": (users.unassign_role, lambda one: {"user": one.user, "role": one.role}),
    "their role holds less": (roles.change, lambda one: {"role": one.role, "permissions": ["read_role"]}),
    "their role is deleted": (roles.delete, lambda one: {"role": one.role, "unassign": True}),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("when", ["before the decision", "after the decision"])
async def test_who_lost_their_right_since_they_were_authenticated_changes_nothing(
    parts: StoreParts, loss: str, when: str
) -> None:
    one = await someone(parts)
    command, arguments = LOSSES[loss]
    caller, before = await one.authenticate(), await head(parts)

    losing = command(parts.store, origin(), SYSTEM, **arguments(one))
    if when == "before the decision":
        await losing
        later = nullcontext()
    else:
        later = meanwhile(parts, lambda: losing)
    # The organization's own suspension is refused by the command itself, which looks at it too.
    with later, pytest.raises((Unauthenticated, refusals.AccountNotActive)):
        await one.define_role(caller)
    assert "role.defined" not in await topics(parts, after=before)


@pytest.mark.parametrize("loss", REDUCTIONS)
async def test_who_may_do_less_than_when_they_were_authenticated_does_nothing(parts: StoreParts, loss: str) -> None:
    one = await someone(parts)
    command, arguments = REDUCTIONS[loss]
    caller, before = await one.authenticate(), await head(parts)
    losing = command(parts.store, origin(), SYSTEM, **arguments(one))
    with meanwhile(parts, lambda: losing), pytest.raises(refusals.MissingPermission):
        await one.define_role(caller)
    assert "role.defined" not in await topics(parts, after=before)


async def test_a_right_that_was_lost_counts_for_commands_about_the_caller_itself_too(parts: StoreParts) -> None:
    """Such a command relies on its application anew, at a later position than the caller's authority was judged at."""
    one = await someone(parts)
    (who, whence), before = await one.authenticate(), await head(parts)
    await applications.disable(parts.store, origin(), SYSTEM, application=one.application)
    asked = {"application": one.application, "audience": AUDIENCE, "scope": ["print"]}
    with pytest.raises(Unauthenticated):
        await grants.request(parts.store, whence, who.caller, **asked)
    with pytest.raises(Unauthenticated):
        await revocations.record(
            parts.store, whence, who.caller, organization=one.organization, application=one.application
        )
    assert await topics(parts, after=before) == ["application.disabled"]


async def test_a_change_that_takes_nothing_away_is_in_nobodys_way(parts: StoreParts) -> None:
    one = await someone(parts)
    caller, before = await one.authenticate(), await head(parts)
    renaming = applications.update(parts.store, origin(), SYSTEM, application=one.application, name="Renamed")
    with meanwhile(parts, lambda: renaming) as decided:
        await one.define_role(caller)
    assert len(decided) == 2
    extending = applications.update(
        parts.store, origin(), SYSTEM, application=one.application, permissions=["all", "print"]
    )
    caller = await one.authenticate()
    with meanwhile(parts, lambda: extending) as decided:
        who, whence = caller
        await roles.define(parts.store, whence, who.caller, organization=one.organization, name="editor")
    assert len(decided) == 2
    caller = await one.authenticate()
    rewording = roles.change(parts.store, origin(), SYSTEM, role=one.role, permissions=["all", "read_role"])
    with meanwhile(parts, lambda: rewording) as decided:
        who, whence = caller
        await roles.define(parts.store, whence, who.caller, organization=one.organization, name="author")
    assert len(decided) == 2
    assert (await topics(parts, after=before)).count("role.defined") == 3


async def test_who_came_back_meanwhile_goes_on(parts: StoreParts) -> None:
    one = await someone(parts)
    caller = await one.authenticate()
    await applications.disable(parts.store, origin(), SYSTEM, application=one.application)
    await applications.enable(parts.store, origin(), SYSTEM, application=one.application)
    await one.define_role(caller)
    assert (await topics(parts))[-1] == "role.defined"

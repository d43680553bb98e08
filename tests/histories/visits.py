"""Rules about sessions and consents: users sign in and out, and let applications act for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from domain import refusals
from domain.caller import Caller
from domain.factor import Proof
from service.commands import consents, sessions
from tests.histories.machine import NTH, Machine, command, why
from tests.histories.tokens import HOUR, MAYBE
from tests.histories.world import ACTIVE, DELETED, SUSPENDED, ConsentFacts, EpochFacts, SessionFacts

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from domain.user import User
    from service.store.decision import Decision, Origin
    from service.store.store import Outcome, Store

SCOPES = st.sets(st.sampled_from(["files", "mail", "openid"]), min_size=1)


async def sign_in(store: Store, origin: Origin, _: Caller, **told: Any) -> Outcome[Any]:
    """Start a session, or go on in the one of before."""
    return await sessions.start(store, origin, methods=("pwd",), **told)


async def show(_: Decision, __: User, ___: datetime) -> set[Proof]:
    """Show all there is to show."""
    return {*Proof}


async def sign_out(store: Store, origin: Origin, _: Caller, **told: Any) -> Outcome[Any]:
    """End a session."""
    return await sessions.end(store, origin, reason=None, **told)


async def sign_out_everywhere(store: Store, origin: Origin, _: Caller, **told: Any) -> Outcome[Any]:
    """End all sessions but one."""
    return await sessions.end_all(store, origin, reason=None, **told)


async def consent(store: Store, origin: Origin, _: Caller, **told: Any) -> Outcome[Any]:
    """Let an application act for a user."""
    return await consents.give(store, origin, **told)


class Visits(Machine):
    """Users sign in where they or others were before, sign out, consent and take it back."""

    @command(weight=2, user=NTH, former=MAYBE, shows=st.sampled_from([True, True, False]))
    def sign_in(self, user: int, former: int | None, *, shows: bool) -> None:
        """Sign in, showing whatever is asked for besides the password, or not."""
        id, now, world = self.nth(self.world.users, user), self.clock.now(), self.world
        person, digest = world.users[id], self.clock.new_id().hex * 2
        before = world.sessions[self.nth(world.sessions, former)] if former is not None and world.sessions else None
        refused = why(
            (person.status == DELETED, refusals.UnknownUser),
            (person.status == SUSPENDED, refusals.UserNotActive),
            (world.accounts[person.organization].status == SUSPENDED, refusals.AccountNotActive),
            (not shows and world.has_app(id), refusals.FactorMissing),
        )
        told = {"user": id, "organization": person.organization, "digest": digest, "lifetime": HOUR}
        told["further"] = show if shows else None
        done = self.give(refused, sign_in, self._themselves(id), former=before and before.digest, **told)
        if done is None:
            return
        if before is not None and before.status == ACTIVE and before.user != id:
            before.status = DELETED
        for session in world.sessions.values():
            if session.user == id and session.expires_at <= now:
                session.status = DELETED
        world.sessions.pop(done.value.id, None)  # the newest again, if it goes on
        world.sessions[done.value.id] = SessionFacts(person.organization, id, digest, now + HOUR)

    @command(session=NTH, user=NTH)
    def sign_out(self, session: int, user: int) -> None:
        """End a session: one's own, or not."""
        id, actor = self.nth(self.world.sessions, session), self.nth(self.world.users, user)
        facts = self.world.sessions[id]
        refused = why((facts.user != actor, refusals.UnknownSession))
        if self.give(refused, sign_out, self._themselves(actor), session=id, user=actor):
            facts.status = DELETED

    @command(user=NTH, but=MAYBE)
    def sign_out_everywhere(self, user: int, but: int | None) -> None:
        id, world = self.nth(self.world.users, user), self.world
        kept = self.nth(world.sessions, but) if but is not None and world.sessions else None
        done = self.give(set(), sign_out_everywhere, self._themselves(id), user=id, but=kept)
        live = [each for each, facts in world.sessions.items() if (facts.user, facts.status) == (id, ACTIVE)]
        assert done is not None
        assert done.value == len([each for each in live if each != kept])
        for each in live:
            if each != kept:
                world.sessions[each].status = DELETED

    @command(weight=2, user=NTH, application=NTH, scope=SCOPES)
    def consent(self, user: int, application: int, scope: set[str]) -> None:
        id, client = self.nth(self.world.users, user), self.nth(self.world.applications, application)
        person, facts = self.world.users[id], self.world.applications[client]
        refused = why(
            (person.status == DELETED, refusals.UnknownUser),
            (person.status == SUSPENDED, refusals.UserNotActive),
            (facts.status == DELETED or facts.organization != person.organization, refusals.UnknownApplication),
            (not facts.usable(self.clock.now()), refusals.ApplicationNotActive),
        )
        told = {"user": id, "application": client, "organization": person.organization, "scope": scope}
        done = self.give(refused, consent, self._themselves(id), **told)
        if done:
            now = self.clock.now()
            fresh = ConsentFacts(person.organization, id, client, set(scope), now)
            given = self.world.consents.setdefault(done.value.id, fresh)
            counts = facts.submitted_at is None or given.decided_at > facts.submitted_at
            if not (counts and scope <= given.scope):
                given.scope, given.decided_at = scope | (given.scope if counts else set()), now

    @command(user=NTH, application=NTH)
    def withdraw(self, user: int, application: int) -> None:
        id, client = self.nth(self.world.users, user), self.nth(self.world.applications, application)
        person, head = self.world.users[id], self.head
        refused = why((person.status == DELETED, refusals.UnknownUser))
        done = self.give(refused, consents.withdraw, self._themselves(id), user=id, application=client)
        if done and done.position > head and self.world.applications[client].status != DELETED:
            self.world.epochs.append(EpochFacts(person.organization, client, id, None, done.position, refresh=True))
        if done:
            for facts in self.world.consents.values():
                if (facts.user, facts.application) == (id, client):
                    assert facts.status == DELETED or done.position > head
                    facts.status = DELETED

    def _themselves(self, user: UUID) -> Caller:
        person = self.world.users[user]
        return Caller(user, person.organization, frozenset(), application=person.application, user=user)

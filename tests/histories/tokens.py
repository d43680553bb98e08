"""Rules about tokens: issue, renew and end them one by one and in bulk, several at once too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from domain import refusals
from domain.token_family import NO_GRACE, TokenFamily, refresh_token_id
from service.commands import revocations, tokens
from service.store.log import read_page
from tests.histories.machine import CALLERS, NTH, ROOT, Asked, Machine, command, unknown, why
from tests.histories.world import EpochFacts, FamilyFacts, RefreshFacts, TokenFacts

if TYPE_CHECKING:
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.store import Outcome, Store

HOUR = timedelta(hours=1)
MAYBE = st.none() | NTH
ATTRIBUTES = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "1", '"rare":true', "\u00e9\U0001f511"]))
NAMED = st.sets(st.sampled_from(["application", "user", "end_user"]))
END_USERS = st.sampled_from([None, "7", "8"])


@dataclass(frozen=True)
class Wanted:
    """What a token is issued for, each by its number; `refresh` says for how long it can be renewed, if at all.

    `actor` acts in the user's name: from the first event on, or `marked` so by the second.
    """

    application: int
    user: int | None
    account: int | None
    membership: int | None
    end_user: str | None
    refresh: timedelta | str | None
    actor: int | None = None
    marked: bool = False


WANTED = st.builds(
    Wanted, NTH, MAYBE, MAYBE, MAYBE, END_USERS, st.sampled_from([None, HOUR, "for ever"]), MAYBE, st.booleans()
)  # fmt: skip


async def issue(store: Store, origin: Origin, _: Caller, *, of: FamilyFacts) -> Outcome[TokenFamily]:
    """Issue a token as the protocol will, without asking whether it should: that is not what histories are about."""

    async def command(decision: Decision) -> TokenFamily:
        decision.organization, now = of.organization, store.clock.now()
        family = TokenFamily.issue(
            id=store.clock.new_id(),
            organization=of.organization,
            application=of.application,
            user=of.user,
            account=of.account,
            membership=of.membership,
            end_user=of.end_user,
            **_token(store, now),
            grant_type="authorization_code",
            refresh_digest=of.current,
            refresh_expires_at=of.refresh[of.current].expires_at if of.current else None,
            actor=None if of.marked else of.actor,
            personal_access_token=of.personal_access_token,
            now=now,
        )
        if of.marked and of.actor:
            family.mark_impersonated(of.actor, now)
        decision.save(family)
        return family

    return await store.decide(command, origin)


async def renew(
    store: Store,
    origin: Origin,
    _: Caller,
    *,
    family: UUID,
    presented: str,
    following: str | None,
    grace: timedelta = NO_GRACE,
) -> Outcome[UUID | None]:
    """Issue another token for a refresh token; return its id, None when that refresh token was replaced already."""

    async def command(decision: Decision) -> UUID | None:
        renewing, now, token = await decision.load(TokenFamily, family), store.clock.now(), store.clock.new_id()
        assert renewing is not None
        decision.organization = renewing.organization
        until = now + HOUR if following else None
        values = {**_token(store, now), "refresh_digest": following, "refresh_expires_at": until}
        renewed = renewing.refresh(presented, token=token, now=now, grace=grace, **values)
        decision.save(renewing)
        return token if renewed else None

    return await store.decide(command, origin)


def _token(store: Store, now: datetime) -> dict[str, Any]:
    digest, until = _digest(store.clock.new_id()), now + HOUR
    return {"scope": "read", "audience": "api", "format": "opaque", "digest": digest, "expires_at": until}


def _digest(id: UUID) -> str:
    return sha256(id.bytes).hexdigest()


class Tokens(Machine):
    """Tokens are issued for whatever there is, and end for every reason there is."""

    @command(
        wanted=st.lists(WANTED, min_size=1, max_size=6),
        revoked=NAMED,
        before=st.sampled_from([None, "now", "later"]),
    )
    def issue(self, wanted: list[Wanted], revoked: set[str], before: str | None) -> None:
        """Issue tokens at once, and at the same time revoke what was issued for the same as the first one."""
        families = [self._family(each) for each in wanted]
        asked = [Asked(set(), issue, ROOT, {"of": family}) for family in families]
        first = families[0]
        bulk, refused = self._bulk(ROOT, first, revoked, before)
        if not refused:
            asked.append(Asked(set(), revocations.record, ROOT, bulk))
        outcomes = self.gather(asked)
        for family, outcome in zip(families, outcomes, strict=False):
            self.world.families[outcome.value.id] = family
            first = outcome.position - (family.marked and family.actor is not None)  # of the two events, the first
            self.world.tokens[outcome.value.id] = TokenFacts(outcome.value.id, first, self.clock.now() + HOUR)
            for refresh in family.refresh.values():
                refresh.position = first
        if len(outcomes) > len(families):
            self._remember(bulk, outcomes[-1].position, cascade=False)

    @command(
        family=NTH,
        presented=st.sampled_from([0, 0, 1]),
        rotates=st.sampled_from([True, True, False]),
        grace=st.sampled_from([NO_GRACE, HOUR]),
    )
    def renew(self, family: int, presented: int, *, rotates: bool, grace: timedelta) -> None:
        """Renew with the current refresh token, or with one before it."""
        id = self.nth({key: each for key, each in self.world.families.items() if each.refresh}, family)
        facts = self.world.families[id]
        digest = [*facts.refresh][-1 - presented % len(facts.refresh)]
        until, now = facts.refresh[facts.current].expires_at, self.clock.now()
        repeated = digest == facts.former and facts.replaced_at is not None and now - facts.replaced_at < grace
        over = (repeated or digest == facts.current) and until is not None and now >= until
        following = _digest(self.clock.new_id()) if rotates else None
        refused = why((facts.ended or over, refusals.TokenEnded))
        done = self.give(refused, renew, ROOT, family=id, presented=digest, following=following, grace=grace)
        if done and done.value is None:
            assert digest != facts.current
            assert not repeated
            facts.reused = True
            self.world.end_family(id)
        elif done:
            assert repeated or digest == facts.current
            self.world.tokens[done.value] = TokenFacts(id, done.position, now + HOUR)
            if following and not repeated:
                facts.refresh[digest].used = True
                facts.former, facts.replaced_at = digest, now
                facts.current, facts.refresh[following] = following, RefreshFacts(now + HOUR, done.position)

    @command(weight=2, who=CALLERS, token=NTH, what=st.sampled_from(["token", "family", "both", "cascade", "refresh"]))
    def revoke(self, who: str, token: int, what: str) -> None:
        by = self.caller(who)
        id, facts, family = self._one(token, refresh=what == "refresh")
        key = self._key(family)
        named = {
            "token": {"token": id},
            "family": {"family": key},
            "both": {"token": id, "family": key},
            "cascade": {"token": id, "cascade": True},
            "refresh": {"token": id},
        }
        hidden = facts.deleted and "family" not in named[what]
        seen = by.sees(family.organization)
        if self.give(why((not seen or hidden, refusals.UnknownToken)), tokens.revoke, by, **named[what]):
            if what in ("family", "cascade", "refresh"):
                self.world.end_family(key)
            facts.ended = True

    @command(weight=4, who=CALLERS, token=NTH, refresh=st.booleans(), cascade=st.booleans())
    def approve_again(self, who: str, token: int, *, refresh: bool, cascade: bool) -> None:
        """Undo a revocation, of an access token or of the refresh token of its family."""
        by = self.caller(who)
        id, facts, family = self._one(token, refresh=refresh)
        for_good = family.reused or (refresh and (facts.used or (family.ended and facts.expires_at is None)))
        refused = self._out_of_reach(by, facts, family) | why((for_good, refusals.TokenEnded))
        if self.give(refused, tokens.approve, by, token=id, cascade=cascade):
            facts.ended = False
            current = family.refresh.get(family.current)
            if current is not None and (cascade or refresh) and current.expires_at is not None and not current.deleted:
                family.ended = current.ended = False

    @command(who=CALLERS, token=NTH, refresh=st.booleans())
    def delete_token(self, who: str, token: int, *, refresh: bool) -> None:
        by = self.caller(who)
        id, facts, family = self._one(token, refresh=refresh)
        hidden = facts.deleted or not by.sees(family.organization)
        refused = why((hidden, refusals.UnknownToken), (refresh and facts.used, refusals.TokenEnded))
        if self.give(refused, tokens.delete, by, token=id):
            facts.ended = facts.deleted = True
            if refresh:
                self.world.end_family(self._key(family))

    @command(weight=2, who=CALLERS, token=NTH, refresh=st.booleans(), attributes=ATTRIBUTES)
    def describe_token(self, who: str, token: int, attributes: dict[str, str], *, refresh: bool) -> None:
        by = self.caller(who)
        id, facts, family = self._one(token, refresh=refresh)
        ended = family.ended or facts.used if refresh else facts.ended
        refused = self._out_of_reach(by, facts, family) | why((ended, refusals.TokenEnded))
        done = self.give(refused, tokens.describe, by, token=id, attributes=attributes)
        if done:
            facts.attributes |= attributes
            assert done.value == facts.attributes

    def _one(self, n: int, *, refresh: bool) -> tuple[UUID, TokenFacts | RefreshFacts, FamilyFacts]:
        """Return the nth token, or of the nth family that has refresh tokens the current or the first one."""
        if not refresh:
            id = self.nth(self.world.tokens, n)
            return id, self.world.tokens[id], self.world.families[self.world.tokens[id].family]
        renewable = {id: each for id, each in self.world.families.items() if each.refresh}
        family = self.world.families[self.nth(renewable, n)]
        digest = [*family.refresh][-1 if n % 2 else 0]
        return refresh_token_id(digest), family.refresh[digest], family

    def _key(self, family: FamilyFacts) -> UUID:
        return next(id for id, each in self.world.families.items() if each is family)

    def _out_of_reach(
        self, by: Caller, facts: TokenFacts | RefreshFacts, family: FamilyFacts
    ) -> set[type[refusals.Refusal]]:
        over = facts.expires_at is not None and self.clock.now() >= facts.expires_at
        swept = self.world.swept(family, facts.position, refresh=isinstance(facts, RefreshFacts))
        return why(
            (facts.deleted or not by.sees(family.organization), refusals.UnknownToken),
            (over, refusals.TokenExpired),
            (swept, refusals.TokenRevokedInBulk),
        )

    @command(
        who=CALLERS,
        like=NTH,
        named=NAMED,
        before=st.sampled_from([None, "ago", "then", "just after", "now", "later"]),
        cascade=st.booleans(),
    )
    def revoke_in_bulk(self, who: str, like: int, named: set[str], before: str | None, *, cascade: bool) -> None:
        """End whatever was issued for the same application, user or end user as some token was."""
        by, family = self.caller(who), self.world.families[self.nth(self.world.families, like)]
        bulk, refused = self._bulk(by, family, named, before)
        done = self.give(refused, revocations.record, by, cascade=cascade, **bulk)
        if done:
            self._remember(bulk, done.position, cascade=cascade)

    def _family(self, wanted: Wanted) -> FamilyFacts:
        world = self.world
        application = self.nth(world.applications, wanted.application)
        refresh = wanted.refresh and _digest(self.clock.new_id())
        until = self.clock.now() + HOUR if wanted.refresh == HOUR else None
        return FamilyFacts(
            organization=world.applications[application].organization,
            application=application,
            user=self._maybe(world.users, wanted.user),
            account=self._maybe(world.accounts, wanted.account),
            membership=self._maybe(world.memberships, wanted.membership),
            end_user=wanted.end_user,
            actor=self._maybe(world.users, wanted.actor),
            marked=wanted.marked,
            current=refresh,
            refresh={refresh: RefreshFacts(until)} if refresh else {},
        )

    def _maybe(self, things: dict[UUID, Any], n: int | None) -> UUID | None:
        return None if n is None or not things else self.nth(things, n)

    def _bulk(
        self, by: Caller, family: FamilyFacts, named: set[str], before: str | None
    ) -> tuple[dict[str, Any], set[type[refusals.Refusal]]]:
        """Return what to revoke in bulk, like a token of this family, and why it cannot be."""
        values = {name: getattr(family, name) for name in sorted(named)}
        client = self.world.applications[family.application] if "application" in named else None
        person = self.world.users.get(values.get("user"))
        refused = why(
            (unknown(by, self.world.accounts[family.organization]), refusals.UnknownAccount),
            (client is not None and unknown(by, client), refusals.UnknownApplication),
            (person is not None and unknown(by, person), refusals.UnknownUser),
            (person is not None and person.organization != family.organization, refusals.UnknownUser),
            (not any(values.values()), refusals.NothingToRevoke),
        )
        issued = [token.position for token in self.world.tokens.values() if self.world.families[token.family] is family]
        moment = self._moment(before, issued[-1] if issued else self.head)
        return {"organization": family.organization, **values, "before": moment}, refused

    def _moment(self, before: str | None, position: int) -> datetime | None:
        """Return a time as the log tells it: that of a position, or one right after it, for example."""
        entries = self.run(read_page(self.parts.pool, after=0, until=self.head, limit=self.head))
        then, now, instant = entries[position - 1].recorded_at, entries[-1].recorded_at, timedelta(microseconds=1)
        return {
            None: None,
            "ago": entries[0].recorded_at,
            "then": then,
            "just after": then + instant,
            "now": now + instant,
            "later": now + HOUR,
        }[before]

    def _remember(self, bulk: dict[str, Any], position: int, *, cascade: bool) -> None:
        before = bulk["before"]
        entries = self.run(read_page(self.parts.pool, after=0, until=position, limit=position))
        reached = max((e.position for e in entries if before is None or e.recorded_at < before), default=0)
        named = [bulk.get(name) for name in ("application", "user", "end_user")]
        self.world.epochs.append(EpochFacts(bulk["organization"], *named, reached, cascade))

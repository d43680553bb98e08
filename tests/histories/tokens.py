"""Rules about tokens: issue, renew and end them one by one and in bulk, several at once too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from domain import refusals
from domain.token_family import TokenFamily
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
NAMED = st.sets(st.sampled_from(["application", "user", "end_user"]))
END_USERS = st.sampled_from([None, "7", "8"])


@dataclass(frozen=True)
class Wanted:
    """What a token is issued for, each by its number; `refresh` says for how long it can be renewed, if at all."""

    application: int
    user: int | None
    account: int | None
    membership: int | None
    end_user: str | None
    refresh: timedelta | str | None


WANTED = st.builds(
    Wanted, NTH, MAYBE, MAYBE, MAYBE, END_USERS, st.sampled_from([None, HOUR, "for ever"])
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
            now=now,
        )
        decision.save(family)
        return family

    return await store.decide(command, origin)


async def renew(
    store: Store, origin: Origin, _: Caller, *, family: UUID, presented: str, following: str | None
) -> Outcome[UUID | None]:
    """Issue another token for a refresh token; return its id, None when that refresh token was replaced already."""

    async def command(decision: Decision) -> UUID | None:
        renewing, now, token = await decision.load(TokenFamily, family), store.clock.now(), store.clock.new_id()
        assert renewing is not None
        decision.organization = renewing.organization
        until = now + HOUR if following else None
        values = {**_token(store, now), "refresh_digest": following, "refresh_expires_at": until}
        renewed = renewing.refresh(presented, token=token, now=now, **values)
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
            self.world.tokens[outcome.value.id] = TokenFacts(outcome.value.id, outcome.position)
        if len(outcomes) > len(families):
            self._remember(bulk, outcomes[-1].position, cascade=False)

    @command(family=NTH, presented=st.sampled_from([0, 0, 1]), rotates=st.sampled_from([True, True, False]))
    def renew(self, family: int, presented: int, *, rotates: bool) -> None:
        """Renew with the current refresh token, or with one before it."""
        id = self.nth({key: each for key, each in self.world.families.items() if each.refresh}, family)
        facts = self.world.families[id]
        digest = [*facts.refresh][-1 - presented % len(facts.refresh)]
        until = facts.refresh[facts.current].expires_at
        over = digest == facts.current and until is not None and self.clock.now() >= until
        following = _digest(self.clock.new_id()) if rotates else None
        refused = why((facts.ended or over, refusals.TokenEnded))
        done = self.give(refused, renew, ROOT, family=id, presented=digest, following=following)
        if done and done.value is None:
            assert digest != facts.current
            self.world.end_family(id)
        elif done:
            assert digest == facts.current
            self.world.tokens[done.value] = TokenFacts(id, done.position)
            if following:
                facts.refresh[digest].used = True
                facts.current, facts.refresh[following] = following, RefreshFacts(self.clock.now() + HOUR)

    @command(who=CALLERS, token=NTH, what=st.sampled_from(["token", "family", "both"]))
    def revoke(self, who: str, token: int, what: str) -> None:
        by, id = self.caller(who), self.nth(self.world.tokens, token)
        facts = self.world.tokens[id]
        named = {
            "token": {"token": id},
            "family": {"family": facts.family},
            "both": {"token": id, "family": facts.family},
        }
        seen = by.sees(self.world.families[facts.family].organization)
        if self.give(why((not seen, refusals.UnknownToken)), tokens.revoke, by, **named[what]):
            if what == "family":
                self.world.end_family(facts.family)
            facts.ended = True

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

"""Commands about third parties: register, edit and resubmit, approve, reject and delete them, renew their secret.

A third party is an application that somebody else than who submitted it approves for a time (spec/iform.md sections
0.1 and 2). It proves itself by its one secret.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from domain import third_party
from domain.application import Application, ApplicationSettings, Kind, Status
from domain.refusals import ClientIdTaken, SubmittedAgain, UnknownThirdParty
from service.commands import applications, claims
from service.commands.applications import WithSecrets
from service.commands.secrets import SecretRequest, add_new
from service.commands.seen import active_organization
from service.commands.unchanged import UNCHANGED, Unchanged, chosen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

SECRET = SecretRequest("secret")


@dataclass(frozen=True, slots=True)
class Details:
    """What whoever registers a third party says of it. `grant_types` are those of `domain.grant_types`."""

    name: str
    domain: str
    description: str | None
    scope_kinds: Sequence[str]
    grant_types: Sequence[str]
    redirect_uris: Sequence[str]

    def settings(self, present: ApplicationSettings, audience: str) -> ApplicationSettings:
        """Return the settings that come of it. Who calls interfaces has the `audience` unless there are others."""
        calls = third_party.ScopeKind.API in self.scope_kinds
        return replace(
            present,
            name=self.name,
            grant_types=tuple(self.grant_types),
            redirect_uris=tuple(self.redirect_uris),
            audiences=present.audiences or ([audience] if calls else []),
        )


async def register(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    organization: UUID,
    identifier: str,
    details: Details,
    audience: str,
    remember: Remember[WithSecrets] | None = None,
) -> Outcome[WithSecrets]:
    """Make a third party that waits for approval, with its secret.

    Raises UnknownAccount, AccountNotActive, InvalidIdentifier, ClientIdTaken, InvalidName, InvalidDomain,
    InvalidDescription, InvalidScopeKind, InvalidGrantType, InvalidRedirectUri or TooMany.
    """

    async def command(decision: Decision) -> WithSecrets:
        await active_organization(decision, by, organization)
        now = store.clock.now()
        made = Application.register(
            id=store.clock.new_id(),
            organization=organization,
            client_id=third_party.identifier(identifier),
            kind=Kind.WEB,
            settings=details.settings(ApplicationSettings(details.name), audience),
            by=by,
            now=now,
        )
        issued = add_new(made, [SECRET], by, store.clock)
        made.submit(
            domain=details.domain, description=details.description, scope_kinds=details.scope_kinds, by=by, now=now
        )
        claims.claim_client_id(decision, made)
        decision.save(made)
        return WithSecrets(made, issued)

    try:
        with claims.taken_refused():
            return await store.decide(command, origin, remember=remember)
    except ClientIdTaken as taken:
        raise ClientIdTaken(taken.detail, field="identifier") from None


async def resubmit(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    application: UUID,
    audience: str,
    name: str | Unchanged = UNCHANGED,
    domain: str | Unchanged = UNCHANGED,
    description: str | Unchanged | None = UNCHANGED,
    scope_kinds: Sequence[str] | Unchanged = UNCHANGED,
    grant_types: Sequence[str] | Unchanged = UNCHANGED,
    redirect_uris: Sequence[str] | Unchanged = UNCHANGED,
    remember: Remember[Application] | None = None,
) -> Outcome[Application]:
    """Change what is named of a third party that is not in effect: it waits anew, and tokens that it had stay dead.

    Raises UnknownThirdParty, CreatorRequired, ThirdPartyEffective, RootRequired, MissingPermission and what `register`
    raises of the details.
    """

    async def command(decision: Decision) -> Application:
        edited = await _to_change(decision, by, application)
        former, settings = edited.submitted, edited.settings
        details = Details(
            name=chosen(name, settings.name),
            domain=chosen(domain, former.domain),
            description=chosen(description, former.description),
            scope_kinds=chosen(scope_kinds, former.scope_kinds),
            grant_types=chosen(grant_types, settings.grant_types),
            redirect_uris=chosen(redirect_uris, settings.redirect_uris),
        )
        changed = details.settings(settings, audience)
        if changed.redirect_uris != settings.redirect_uris:
            await applications.require_entitled(decision, by, edited)
        edited.resubmit(
            changed,
            domain=details.domain,
            description=details.description,
            scope_kinds=details.scope_kinds,
            by=by,
            now=store.clock.now(),
        )
        decision.save(edited)
        return edited

    return await store.decide(command, origin, remember=remember)


async def approve(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    application: UUID,
    expires_at: datetime | None = None,
    trusted: bool = False,
    submitted_at: datetime | None = None,
    remember: Remember[Application] | None = None,
) -> Outcome[Application]:
    """Let a third party that waits be used, for a year unless told; `trusted`: people may give it their passwords.

    With `submitted_at`, what was submitted at another time than that is not approved: nobody has looked at it. Raises
    UnknownThirdParty, ThirdPartyNotPending, SubmittedAgain, SelfApproval, MissingPermission, RootRequired or
    InvalidExpiry.
    """

    async def command(decision: Decision) -> Application:
        asked = await _to_change(decision, by, application)
        if submitted_at not in (None, asked.submitted.submitted_at):
            raise SubmittedAgain
        await approve_in(decision, by, asked, store.clock.now(), expires_at=expires_at, trusted=trusted)
        decision.save(asked)
        return asked

    return await store.decide(command, origin, remember=remember)


async def reject(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    application: UUID,
    reason: str,
    remember: Remember[Application] | None = None,
) -> Outcome[Application]:
    """Let a third party that waits, or is in effect, not be used; its tokens end for ever.

    Raises UnknownThirdParty, ThirdPartyNotEffective, SelfApproval, MissingPermission, InvalidReason or ReasonMissing.
    """

    async def command(decision: Decision) -> Application:
        asked = await _to_change(decision, by, application)
        asked.reject(by, reason, store.clock.now())
        decision.save(asked)
        return asked

    return await store.decide(command, origin, remember=remember)


async def reset_secret(
    store: Store, origin: Origin, by: Caller, *, application: UUID, remember: Remember[WithSecrets] | None = None
) -> Outcome[WithSecrets]:
    """Replace every secret of a third party that is in effect by a new one; its tokens stay.

    Raises UnknownThirdParty, ThirdPartyNotEffective, CreatorRequired, RootRequired or MissingPermission.
    """

    async def command(decision: Decision) -> WithSecrets:
        changing = await _to_change(decision, by, application)
        await applications.require_entitled(decision, by, changing)
        for secret in tuple(changing.secrets):
            changing.retire_secret(secret, by, store.clock.now())
        issued = add_new(changing, [SECRET], by, store.clock)
        decision.save(changing)
        return WithSecrets(changing, issued)

    return await store.decide(command, origin, remember=remember)


async def delete(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    application: UUID,
    force: bool = False,
    remember: Remember[None] | None = None,
) -> Outcome[None]:
    """Delete a third party, with `force` also one that is in effect; its tokens end at once.

    Raises UnknownThirdParty, ThirdPartyEffective, OwnDeletion or MissingPermission.
    """

    async def command(decision: Decision) -> None:
        leaving = await _to_change(decision, by, application)
        leaving.delete(by, store.clock.now(), force=force)
        decision.save(leaving)

    return await store.decide(command, origin, remember=remember)


async def approve_in(
    decision: Decision, by: Caller, asked: Application, now: datetime, *, expires_at: datetime | None, trusted: bool
) -> None:
    """Approve a third party as part of a decision. Whoever does holds what it could use from then on."""
    asked.approve(by, now, expires_at or in_a_year(now), trusted=trusted)
    await applications.require_entitled(decision, by, asked)


def in_a_year(now: datetime) -> datetime:
    """Return the same day and time of the next year, on 29 February that of the day before."""
    return now.replace(year=now.year + 1, day=28 if (now.month, now.day) == (2, 29) else now.day)


async def _to_change(decision: Decision, by: Caller, stream: UUID) -> Application:
    return seen(decision, by, await decision.load(Application, stream))


def seen(decision: Decision, by: Caller, found: Application | None) -> Application:
    """Return a third party if the caller sees it, and record the decision in its organization.

    Raises UnknownThirdParty, for an organization's own applications too.
    """
    if found is None or found.submission is None or found.status is Status.DELETED:
        raise UnknownThirdParty
    if not by.sees(found.organization):
        raise UnknownThirdParty
    decision.organization = found.organization
    return found

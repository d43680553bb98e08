"""Lets an administrator act as another user: a refresh token of that user, marked with who uses it.

The order of the checks is that of spec/melody.md section 4.2. What the mark says goes into every access token that the
refresh token is exchanged for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from domain.application import Application
from domain.application_settings import Kind, TokenFormat
from domain.grant_types import TOKEN_EXCHANGE
from domain.permissions import IMPERSONATION_ROLES, PERMISSIONS
from domain.refusals import ImpersonationDenied, ImpersonatorMissing, UnknownApplication, WrongAppForImpersonation
from domain.token_family import TokenFamily
from domain.user import User
from service.commands.seen import to_rely_on
from service.secrets.digests import ACCESS_TOKEN, REFRESH_TOKEN, new_secret, sha256_hex
from service.tokens import is_active

if TYPE_CHECKING:
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store
    from service.tokens import Tokens

LIFETIME = timedelta(seconds=1800)
GRANT_TYPE = "impersonation"


@dataclass(frozen=True, slots=True)
class Impersonation:
    """A refresh token that was issued, the only time that its text is known."""

    text: str = field(repr=False)
    lifetime: int
    expires_at: datetime


async def impersonate(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    tokens: Tokens,
    impersonator_token: str,
    user: UUID,
    application: UUID,
    remember: Remember[Impersonation] | None = None,
) -> Outcome[Impersonation]:
    """Issue a refresh token of a user, for an application of theirs, to whoever's access token this is.

    Raises, in this order: ImpersonatorMissing (no live token of a user), UnknownUser, UnknownApplication,
    WrongAppForImpersonation, ImpersonationDenied (they hold no role that allows it, belong to another organization, or
    somebody else acts as them by this token), UserNotActive and ApplicationNotActive.
    """
    text = new_secret(REFRESH_TOKEN)

    async def command(decision: Decision) -> Impersonation:
        now = store.clock.now()
        acting = await tokens.find(impersonator_token)
        if acting is None or acting["user_id"] is None or not is_active(acting, now):
            raise ImpersonatorMissing
        target = await to_rely_on(decision, by, User, user)
        target.require_known()
        client = await to_rely_on(decision, by, Application, application)
        client.require_known()
        if client.organization != target.organization:
            raise UnknownApplication
        if client.kind is Kind.MACHINE:
            raise WrongAppForImpersonation
        impersonator = await to_rely_on(decision, by, User, acting["user_id"])
        decision.rely_on(f"revocation:token:{acting['family']}", f"revocation:user:{impersonator.id}")
        if impersonator.organization != target.organization or not IMPERSONATION_ROLES & set(
            impersonator.roles.values()
        ):
            raise ImpersonationDenied
        if acting["actor"] is not None or acting["grant_type"] == TOKEN_EXCHANGE:
            raise ImpersonationDenied  # or the mark would name somebody who did not do it
        target.require_active()
        client.require_active(now)
        decision.organization = target.organization
        held = sorted({"profile", *client.settings.permissions}.difference(PERMISSIONS))
        family = TokenFamily.issue(
            id=store.clock.new_id(),
            organization=target.organization,
            application=client.id,
            scope=" ".join(held),
            audience=next(iter(client.settings.audiences), client.client_id),
            format=TokenFormat.OPAQUE,
            # A family begins with an access token. Nobody is handed this one: its text is forgotten here.
            digest=sha256_hex(new_secret(ACCESS_TOKEN)),
            expires_at=now + LIFETIME,
            grant_type=GRANT_TYPE,
            user=target.id,
            end_user=str(target.id) if client.settings.end_user_from == "user" else None,
            refresh_digest=sha256_hex(text),
            refresh_expires_at=now + LIFETIME,
            now=now,
        )
        family.mark_impersonated(impersonator.id, now)
        decision.save(family)
        return Impersonation(text, int(LIFETIME.total_seconds()), now + LIFETIME)

    return await store.decide(command, origin, remember=remember)

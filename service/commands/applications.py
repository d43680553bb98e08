"""Commands about applications (OAuth clients): register, update, disable and delete them, add and retire secrets."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain.application import Application, ApplicationSettings
from domain.permissions import assignable
from domain.refusals import ClientIdTaken
from domain.user import User
from projections import grants
from service.commands import claims, scopes
from service.commands.changing import changed
from service.commands.secrets import IssuedSecret, SecretRequest, add_new
from service.commands.seen import active_organization, to_change
from service.commands.unchanged import UNCHANGED, Unchanged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from domain.application import TokenFormat
    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store


@dataclass(frozen=True, slots=True)
class WithSecrets:
    """An application, and the secrets that were made for it just now: they are never shown again."""

    application: Application
    secrets: tuple[IssuedSecret, ...]


async def register(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    organization: UUID,
    kind: str,
    settings: ApplicationSettings,
    client_id: str | None = None,
    secrets: Iterable[SecretRequest] = (),
    defined_only: bool = False,
    remember: Remember[WithSecrets] | None = None,
) -> Outcome[WithSecrets]:
    """Make an application, with secrets when asked; its client id is its id unless given, and never used again.

    With `defined_only` a permission that is no scope of the organization is refused. Raises UnknownAccount,
    AccountNotActive, InvalidClientId, InvalidKind, ClientIdTaken (as a user's id is), RootRequired, MissingPermission,
    UndefinedScope, and what settings and secrets are refused for (`ApplicationSettings.checked`, `add_secret`).
    """
    secrets = list(secrets)

    async def command(decision: Decision) -> WithSecrets:
        await active_organization(decision, by, organization)
        if client_id is not None:
            await _require_no_user(decision, client_id)
        stream = store.clock.new_id()
        application = Application.register(
            id=stream,
            organization=organization,
            client_id=str(stream) if client_id is None else client_id,
            kind=kind,
            settings=settings,
            by=by,
            now=store.clock.now(),
        )
        if defined_only:
            await scopes.require_defined(decision, organization, application.settings.permissions)
        issued = add_new(application, secrets, by, store.clock)
        claims.claim_client_id(decision, application)
        decision.save(application)
        return WithSecrets(application, issued)

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def update(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    application: UUID,
    name: str | Unchanged = UNCHANGED,
    permissions: Sequence[str] | Unchanged = UNCHANGED,
    audiences: Sequence[str] | Unchanged = UNCHANGED,
    token_format: TokenFormat | str | Unchanged = UNCHANGED,
    access_token_lifetime: int | Unchanged | None = UNCHANGED,
    key_set: dict[str, Any] | Unchanged | None = UNCHANGED,
    rate_limit: int | Unchanged | None = UNCHANGED,
    redirect_uris: Sequence[str] | Unchanged = UNCHANGED,
    use_system_mfa_config: bool | Unchanged = UNCHANGED,
    require_email_mfa: bool | Unchanged = UNCHANGED,
    require_otp_mfa: bool | Unchanged = UNCHANGED,
    require_sms_mfa: bool | Unchanged = UNCHANGED,
    allow_email_mfa_as_backup: bool | Unchanged = UNCHANGED,
    grant_types: Sequence[str] | Unchanged = UNCHANGED,
    trusted: bool | Unchanged = UNCHANGED,
    refresh_token_lifetime: int | Unchanged = UNCHANGED,
    refresh_grace: int | Unchanged = UNCHANGED,
    post_logout_redirect_uris: Sequence[str] | Unchanged = UNCHANGED,
    backchannel_logout_uri: str | Unchanged | None = UNCHANGED,
    end_user_from: str | Unchanged | None = UNCHANGED,
    active: bool | Unchanged = UNCHANGED,
    defined_only: bool = False,
    remember: Remember[Application] | None = None,
) -> Outcome[Application]:
    """Change the settings that are named, and whether the application is in use; a lifetime of None is the default.

    With `defined_only` a permission that the application does not have yet and that is no scope of the organization is
    refused. Raises UnknownApplication, RootRequired, MissingPermission, SelfApproval (a third party of one's own),
    UndefinedScope, OwnDeletion and what `ApplicationSettings.checked` raises.
    """
    stated = {
        field: value
        for field, value in {
            "name": name,
            "permissions": permissions,
            "audiences": audiences,
            "token_format": token_format,
            "access_token_lifetime": access_token_lifetime,
            "key_set": key_set,
            "rate_limit": rate_limit,
            "redirect_uris": redirect_uris,
            "use_system_mfa_config": use_system_mfa_config,
            "require_email_mfa": require_email_mfa,
            "require_otp_mfa": require_otp_mfa,
            "require_sms_mfa": require_sms_mfa,
            "allow_email_mfa_as_backup": allow_email_mfa_as_backup,
            "grant_types": grant_types,
            "trusted": trusted,
            "refresh_token_lifetime": refresh_token_lifetime,
            "refresh_grace": refresh_grace,
            "post_logout_redirect_uris": post_logout_redirect_uris,
            "backchannel_logout_uri": backchannel_logout_uri,
            "end_user_from": end_user_from,
        }.items()
        if value is not UNCHANGED
    }
    if not isinstance(permissions, Unchanged):
        assignable(by, permissions)  # whatever the application is: this is about the request (spec/melody.md M14)

    async def command(decision: Decision) -> Application:
        changing = await to_change(decision, by, Application, application)
        moved = not isinstance(redirect_uris, Unchanged) and tuple(redirect_uris) != changing.settings.redirect_uris
        if "key_set" in stated or moved:
            await require_entitled(decision, by, changing)
        former, now = changing.settings.permissions, store.clock.now()
        settings = replace(changing.settings, **stated)  # type: ignore[arg-type] # each value under its own name
        changing.update(settings, by, now, permissions_stated="permissions" in stated)
        if defined_only:
            await scopes.require_defined(
                decision, changing.organization, set(changing.settings.permissions).difference(former)
            )
        if active is True:
            changing.enable(by, now)
        elif active is False:
            changing.disable(by, now)
        decision.save(changing)
        return changing

    return await store.decide(command, origin, remember=remember)


async def add_secrets(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    application: UUID,
    secrets: Iterable[SecretRequest],
    remember: Remember[WithSecrets] | None = None,
) -> Outcome[WithSecrets]:
    """Make further secrets, all or none.

    Raises UnknownApplication, RootRequired, MissingPermission, WrongClientKind, InvalidName, InvalidExpiry, NameTaken
    or TooManySecrets; for a third party ThirdPartyNotEffective or CreatorRequired.
    """
    secrets = list(secrets)

    async def command(decision: Decision) -> WithSecrets:
        changing = await to_change(decision, by, Application, application)
        await require_entitled(decision, by, changing)
        issued = add_new(changing, secrets, by, store.clock)
        decision.save(changing)
        return WithSecrets(changing, issued)

    return await store.decide(command, origin, remember=remember)


async def retire_secret(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    application: UUID,
    secret: UUID,
    remember: Remember[Application] | None = None,
) -> Outcome[Application]:
    """End a secret, the last one too. Raises UnknownApplication or UnknownSecret."""

    def change(found: Application, now: datetime) -> None:
        found.retire_secret(secret, by, now)

    return await changed(store, origin, by, Application, application, change=change, remember=remember)


async def disable(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    application: UUID,
    reason: str | None = None,
    remember: Remember[Application] | None = None,
) -> Outcome[Application]:
    """Take an application and its tokens out of use.

    Raises UnknownApplication, OwnDeletion, MissingPermission (a root application, unless by root) or InvalidReason.
    """

    def change(found: Application, now: datetime) -> None:
        found.disable(by, now, reason)

    return await changed(store, origin, by, Application, application, change=change, remember=remember)


async def enable(
    store: Store, origin: Origin, by: Caller, *, application: UUID, remember: Remember[Application] | None = None
) -> Outcome[Application]:
    """Take a disabled application and its tokens into use again.

    Raises UnknownApplication, MissingPermission (a root application, unless by root; a third party, unless by those who
    decide about them) or SelfApproval (a third party of one's own).
    """

    def change(found: Application, now: datetime) -> None:
        found.enable(by, now)

    return await changed(store, origin, by, Application, application, change=change, remember=remember)


async def delete(
    store: Store, origin: Origin, by: Caller, *, application: UUID, remember: Remember[None] | None = None
) -> Outcome[None]:
    """Delete an application with its secrets; its users stay.

    Raises UnknownApplication, OwnDeletion, MissingPermission (a root application, unless by root) or
    ThirdPartyEffective (somebody else's application: it is deleted as such).
    """

    async def command(decision: Decision) -> None:
        leaving = await to_change(decision, by, Application, application)
        leaving.delete(by, store.clock.now())
        decision.save(leaving)

    return await store.decide(command, origin, remember=remember)


async def _require_no_user(decision: Decision, client_id: str) -> None:
    """Refuse a client id that is a user's id: as `sub` of a token it would pass for them (RFC 9700 section 4.15.1)."""
    with suppress(ValueError):
        if await decision.peek(User, UUID(client_id)) is not None:
            raise ClientIdTaken(field="client_id")


async def require_entitled(decision: Decision, by: Caller, application: Application) -> None:
    """Refuse whoever holds less than the application could use: what it is configured with and what it was granted."""
    application.require_known()
    decision.rely_on(f"application:{application.id}")  # touched when a grant of the application is approved
    application.require_entitled(by, await grants.approved_scope(decision.connection, application.id))

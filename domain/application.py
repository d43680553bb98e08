"""Application: an OAuth client of an organization, its settings, its secrets' digests and whether it may be used.

Rules from RFC 6749 sections 2.1 to 2.3 and appendix A.1, and spec/inbox-manager.md sections 0 and 1 (public clients
stay apart from private back ends), spec/iform.md sections 1.1 and 2 (third parties: applications under approval). A
deleted application is unknown to every later command.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import text, third_party
from domain.application_settings import SETTINGS, ApplicationSettings, Kind, TokenFormat
from domain.client_secret import Secret, name_for_one_more
from domain.event import Recorded
from domain.permissions import ROOT, assignable
from domain.refusals import (
    ApplicationNotActive,
    InvalidClientId,
    InvalidExpiry,
    InvalidKind,
    MissingPermission,
    OwnDeletion,
    UnknownAccount,
    UnknownApplication,
    UnknownSecret,
    UnknownThirdParty,
    WrongClientKind,
)
from domain.third_party import Standing, Submission

if TYPE_CHECKING:
    from domain.caller import Caller

__all__ = ["Application", "ApplicationSettings", "Kind", "Secret", "Status", "TokenFormat"]

# RFC 6749 appendix A.1 without space; a colon would end the id in HTTP Basic (RFC 7617 section 2).
CLIENT_ID = re.compile(r"[\x21-\x39\x3B-\x7E]{1,128}")
ACTS_BY = ("key_set", "redirect_uris")  # how an application proves itself, and where what proves its users is sent
WORKS_BY = ("permissions", "audiences", "rate_limit", "grant_types", "end_user_from")  # what it can do, and how


class Status(StrEnum):
    """Where an application is in its life."""

    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


class Application(Aggregate):
    """An OAuth client. `client_id` and `kind` never change; `secrets` holds those not retired, even if expired."""

    TOPIC = "application"

    class Event(Recorded, Aggregate.Event):
        """What happens to an application; every decision that relies on it is touched."""

        TOPIC = "application.event"

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"application:{self.originator_id}",)

    class Registered(Event, Aggregate.Created):
        """An application exists."""

        TOPIC = "application.registered"
        organization: UUID
        client_id: str
        kind: Kind
        name: str
        permissions: list[str]
        audiences: list[str]
        token_format: TokenFormat
        access_token_lifetime: int
        key_set: dict[str, Any] | None
        rate_limit: int | None
        redirect_uris: tuple[str, ...] = ()
        use_system_mfa_config: bool = True
        require_email_mfa: bool = False
        require_otp_mfa: bool = False
        require_sms_mfa: bool = False
        allow_email_mfa_as_backup: bool = False
        grant_types: tuple[str, ...] = ()
        trusted: bool = False
        refresh_token_lifetime: int = 2_592_000
        refresh_grace: int = 0
        post_logout_redirect_uris: tuple[str, ...] = ()
        backchannel_logout_uri: str | None = None
        end_user_from: str | None = None

        @property
        def touches(self) -> tuple[str, ...]:
            return (
                f"application:{self.originator_id}",
                f"organization-contents:{self.organization}",
                _applications_of(self.organization),
            )

    class Updated(Event):
        """An application has these settings now."""

        TOPIC = "application.updated"
        name: str
        permissions: list[str]
        audiences: list[str]
        token_format: TokenFormat
        access_token_lifetime: int
        key_set: dict[str, Any] | None
        rate_limit: int | None
        redirect_uris: tuple[str, ...] = ()
        use_system_mfa_config: bool = True
        require_email_mfa: bool = False
        require_otp_mfa: bool = False
        require_sms_mfa: bool = False
        allow_email_mfa_as_backup: bool = False
        organization: UUID | None = None
        grant_types: tuple[str, ...] = ()
        trusted: bool = False
        refresh_token_lifetime: int = 2_592_000
        refresh_grace: int = 0
        post_logout_redirect_uris: tuple[str, ...] = ()
        backchannel_logout_uri: str | None = None
        end_user_from: str | None = None

        @property
        def touches(self) -> tuple[str, ...]:
            touched = (f"application:{self.originator_id}",)
            return touched if self.organization is None else (*touched, _applications_of(self.organization))

        def apply(self, application: Application) -> None:
            application.settings = ApplicationSettings(**{name: getattr(self, name) for name in SETTINGS})

    class SecretAdded(Event):
        """An application can prove itself with one more secret."""

        TOPIC = "application.secret_added"
        secret: UUID
        name: str
        digest: str
        hint: str
        expires_at: datetime | None

        def apply(self, application: Application) -> None:
            secret = Secret(self.secret, self.name, self.digest, self.hint, self.expires_at)
            application.secrets = {**application.secrets, self.secret: secret}

    class SecretRetired(Event):
        """A secret proves nothing any more."""

        TOPIC = "application.secret_retired"
        secret: UUID

        def apply(self, application: Application) -> None:
            application.secrets = {key: kept for key, kept in application.secrets.items() if key != self.secret}

    class Disabled(Event):
        """An application and its tokens are out of use."""

        TOPIC = "application.disabled"
        reason: str | None

        def apply(self, application: Application) -> None:
            application.status = Status.DISABLED

    class Enabled(Event):
        """An application and its tokens are in use again."""

        TOPIC = "application.enabled"

        def apply(self, application: Application) -> None:
            application.status = Status.ACTIVE

    class Submitted(Event):
        """An application waits for approval as a third party, once more perhaps. Tokens it had before are dead.

        `domain` is what people are told of it; `creator` submitted it first.
        """

        TOPIC = "application.submitted"
        domain: str
        description: str | None
        scope_kinds: tuple[str, ...]
        by: UUID
        creator: UUID

        @property
        def touches(self) -> tuple[str, ...]:
            return _judged(self.originator_id)

        def apply(self, application: Application) -> None:
            application.submission = Submission(
                self.domain, self.description, self.scope_kinds, self.creator, self.by, self.timestamp
            )

    class Approved(Event):
        """A third party may be used until `expires_at`."""

        TOPIC = "application.approved"
        approver: UUID
        expires_at: datetime

        def apply(self, application: Application) -> None:
            application.submission = replace(
                application.submitted,
                standing=Standing.EFFECTIVE,
                decided_by=self.approver,
                decided_at=self.timestamp,
                effective_until=self.expires_at,
            )

    class Rejected(Event):
        """A third party may not be used, whatever was decided before. Tokens it had are dead."""

        TOPIC = "application.rejected"
        by: UUID
        reason: str

        @property
        def touches(self) -> tuple[str, ...]:
            return _judged(self.originator_id)

        def apply(self, application: Application) -> None:
            application.submission = replace(
                application.submitted,
                standing=Standing.REJECTED,
                decided_by=self.by,
                decided_at=self.timestamp,
                cause=self.reason,
                effective_until=None,
            )

    class Deleted(Event):
        """An application is gone for ever."""

        TOPIC = "application.deleted"

        def apply(self, application: Application) -> None:
            application.status, application.secrets = Status.DELETED, {}

    def __init__(
        self,
        *,
        organization: UUID,
        client_id: str,
        kind: Kind,
        name: str,
        permissions: list[str],
        audiences: list[str],
        token_format: TokenFormat,
        access_token_lifetime: int,
        key_set: dict[str, Any] | None,
        rate_limit: int | None,
        redirect_uris: tuple[str, ...],
        use_system_mfa_config: bool,
        require_email_mfa: bool,
        require_otp_mfa: bool,
        require_sms_mfa: bool,
        allow_email_mfa_as_backup: bool,
        grant_types: tuple[str, ...],
        trusted: bool,
        refresh_token_lifetime: int,
        refresh_grace: int,
        post_logout_redirect_uris: tuple[str, ...],
        backchannel_logout_uri: str | None,
        end_user_from: str | None,
    ) -> None:
        """Start active and without secrets."""
        self.organization = organization
        self.client_id = client_id
        self.kind = kind
        self.settings = ApplicationSettings(
            name=name,
            permissions=permissions,
            audiences=audiences,
            token_format=token_format,
            access_token_lifetime=access_token_lifetime,
            key_set=key_set,
            rate_limit=rate_limit,
            redirect_uris=redirect_uris,
            use_system_mfa_config=use_system_mfa_config,
            require_email_mfa=require_email_mfa,
            require_otp_mfa=require_otp_mfa,
            require_sms_mfa=require_sms_mfa,
            allow_email_mfa_as_backup=allow_email_mfa_as_backup,
            grant_types=grant_types,
            trusted=trusted,
            refresh_token_lifetime=refresh_token_lifetime,
            refresh_grace=refresh_grace,
            post_logout_redirect_uris=post_logout_redirect_uris,
            backchannel_logout_uri=backchannel_logout_uri,
            end_user_from=end_user_from,
        )
        self.status = Status.ACTIVE
        self.secrets: dict[UUID, Secret] = {}
        self.submission: Submission | None = None

    @property
    def submitted(self) -> Submission:
        """What was submitted. Raises UnknownThirdParty for an application that needs nobody's approval."""
        if self.submission is None:
            raise UnknownThirdParty
        return self.submission

    @property
    def standing(self) -> Standing | None:
        """What was decided about a third party, None for an application that needs nobody's approval."""
        return None if self.submission is None else self.submission.standing

    @property
    def effective_until(self) -> datetime | None:
        """From when on an approval does not count any more, None where there is none."""
        return None if self.submission is None else self.submission.effective_until

    @classmethod
    def register(
        cls,
        *,
        id: UUID,
        organization: UUID,
        client_id: str,
        kind: str,
        settings: ApplicationSettings,
        by: Caller,
        now: datetime,
    ) -> Application:
        """Create an application. That its client id is free is for the caller's claim to ensure.

        Raises UnknownAccount (an organization that the caller does not see), InvalidClientId, InvalidKind, whatever
        `ApplicationSettings.checked` raises, RootRequired or MissingPermission (see `assignable`).
        """
        if not by.sees(organization):
            raise UnknownAccount
        if not CLIENT_ID.fullmatch(client_id):
            raise InvalidClientId(field="client_id")
        try:
            kind = Kind(kind)
        except ValueError:
            raise InvalidKind(field="kind") from None
        settings = settings.checked(kind)
        assignable(by, settings.permissions)
        return cls._create(
            cls.Registered,
            id=id,
            timestamp=now,
            organization=organization,
            client_id=client_id,
            kind=kind,
            **vars(settings),
        )

    def update(
        self, settings: ApplicationSettings, by: Caller, now: datetime, *, permissions_stated: bool = True
    ) -> None:
        """Replace the settings.

        `permissions_stated` is False when the request did not name the permissions: then a caller without root may,
        say, rename an application that holds root (spec/melody.md section 0, M14: the rule is about the request).
        Raises UnknownApplication and what `register` raises about settings; other keys and redirect URIs count as
        giving the application's permissions away (see `require_entitled`). Raises MissingPermission where somebody
        without root would take from a root application what it works with. What was approved of a third party, only
        those change who could have approved it: raises MissingPermission or SelfApproval.
        """
        self.require_known(by)
        settings = settings.checked(self.kind)
        if self.submission is not None and settings != self.settings:
            self.submission.require_approver(by, self.id)
        self._change(settings, by, now, permissions_stated=permissions_stated)

    def _change(self, settings: ApplicationSettings, by: Caller, now: datetime, *, permissions_stated: bool) -> None:
        if self._differ(settings, ACTS_BY):
            self.require_entitled(by)
        # A person changes nothing of an application that holds more than they do: its audiences, say, are a right, too.
        if permissions_stated or by.user is not None or settings.permissions != self.settings.permissions:
            assignable(by, settings.permissions)
        if self._differ(settings, WORKS_BY):
            self._spare_root(by)
        if settings != self.settings:
            self.trigger_event(self.Updated, timestamp=now, organization=self.organization, **vars(settings))

    def submit(
        self, *, domain: str, description: str | None, scope_kinds: Iterable[str], by: Caller, now: datetime
    ) -> None:
        """Let the application wait for approval, as a third party from now on; its secrets were made before.

        Raises UnknownApplication, WrongClientKind (any but `web`, or a third party already), OwnDeletion (itself: it
        could do nothing more), MissingPermission (a root application, unless by root), InvalidDomain,
        InvalidDescription or InvalidScopeKind.
        """
        self.require_known(by)
        if self.kind is not Kind.WEB or self.submission is not None:
            raise WrongClientKind
        self._spare_oneself(by)
        self._spare_root(by)
        self._submit(domain, description, scope_kinds, by=by, creator=by.actor, now=now)

    def resubmit(
        self,
        settings: ApplicationSettings,
        *,
        domain: str,
        description: str | None,
        scope_kinds: Iterable[str],
        by: Caller,
        now: datetime,
    ) -> None:
        """Replace what was submitted, settings too, and wait for approval anew; whether it is trusted is not kept.

        Raises UnknownApplication, UnknownThirdParty, ThirdPartyEffective, CreatorRequired (root may, too), and what
        `update` raises about settings and `submit` about the rest.
        """
        self.require_known(by)
        former = self.submitted
        former.require_out_of_effect(now)
        former.require_creator(by)
        settings = replace(settings.checked(self.kind), trusted=False)
        self._change(settings, by, now, permissions_stated=True)
        self._submit(domain, description, scope_kinds, by=by, creator=former.created_by, now=now)

    def approve(self, by: Caller, now: datetime, expires_at: datetime, *, trusted: bool = False) -> None:
        """Let a third party that waits be used until `expires_at`, and with `trusted` take passwords from people.

        Raises UnknownApplication, UnknownThirdParty, ThirdPartyNotPending, MissingPermission, SelfApproval (whoever
        made or submitted it, root too, and itself), RootRequired or InvalidExpiry (not after now).
        """
        self.require_known(by)
        self.submitted.require_pending()
        self.submitted.require_approver(by, self.id)
        assignable(by, self.settings.permissions)
        if expires_at <= now:
            raise InvalidExpiry(field="expires_at")
        settings = replace(self.settings, trusted=trusted)
        if settings != self.settings:
            self.trigger_event(self.Updated, timestamp=now, organization=self.organization, **vars(settings))
        self.trigger_event(self.Approved, timestamp=now, approver=by.actor, expires_at=expires_at)

    def reject(self, by: Caller, reason: str, now: datetime) -> None:
        """Let a third party that waits, or is in effect, not be used.

        Raises UnknownApplication, UnknownThirdParty, ThirdPartyNotEffective (its approval expired), MissingPermission,
        SelfApproval (as `approve`), InvalidReason or ReasonMissing. One that was rejected stays as it is.
        """
        self.require_known(by)
        reason = third_party.reason(reason)
        if self.submitted.standing is Standing.EFFECTIVE:
            self.submitted.require_effective(now)
        self.submitted.require_approver(by, self.id)
        if self.submitted.standing is not Standing.REJECTED:
            self.trigger_event(self.Rejected, timestamp=now, by=by.actor, reason=reason)

    def exchange_scope(self, former: str, name: str | None, now: datetime) -> None:
        """Hold another name instead of a scope's former one, or with None neither. Who may decide that is not asked."""
        kept = {*self.settings.permissions} - {former}
        settings = replace(self.settings, permissions=sorted(kept if name is None else kept | {name}))
        if self.status is not Status.DELETED and former in self.settings.permissions:
            self.trigger_event(self.Updated, timestamp=now, organization=self.organization, **vars(settings))

    def add_secret(
        self,
        secret: UUID,
        name: str,
        digest: str,
        hint: str,
        expires_at: datetime | None,
        *,
        by: Caller,
        now: datetime,
    ) -> None:
        """Add a secret by its digest.

        Raises UnknownApplication, RootRequired or MissingPermission (see `require_entitled`), WrongClientKind (public
        kinds), InvalidName (1 to 64 characters), InvalidExpiry (not after now), NameTaken (by another live secret) or
        TooManySecrets (20 live ones); for a third party ThirdPartyNotEffective, and CreatorRequired (those who decide
        about third parties may, too).
        """
        self.require_known(by)
        self.require_entitled(by)
        if self.submission is not None:
            self.submission.require_keeper(by)
            self.submission.require_effective(now)
        if not self.kind.confidential:
            raise WrongClientKind
        name = name_for_one_more(name, expires_at, self.secrets.values(), now)
        self.trigger_event(
            self.SecretAdded, timestamp=now, secret=secret, name=name, digest=digest, hint=hint, expires_at=expires_at
        )

    def retire_secret(self, secret: UUID, by: Caller, now: datetime) -> None:
        """End a secret, the last one too.

        Raises UnknownApplication, MissingPermission (a root application, unless by root) or UnknownSecret (retired ones
        are unknown).
        """
        self.require_known(by)
        self._spare_root(by)
        if secret not in self.secrets:
            raise UnknownSecret
        self.trigger_event(self.SecretRetired, timestamp=now, secret=secret)

    def disable(self, by: Caller, now: datetime, reason: str | None = None) -> None:
        """Take the application and its tokens out of use.

        Raises UnknownApplication, OwnDeletion, MissingPermission (a root application, unless by root) or InvalidReason.
        """
        self.require_known(by)
        self._spare_oneself(by)
        self._spare_root(by)
        reason = text.reason(reason)
        if self.status is not Status.DISABLED:
            self.trigger_event(self.Disabled, timestamp=now, reason=reason)

    def enable(self, by: Caller, now: datetime) -> None:
        """Take a disabled application and its tokens into use.

        Raises UnknownApplication, or MissingPermission (a root application, unless by root): whoever took it out of use
        may have had to. So a third party is for those who could approve it: MissingPermission or SelfApproval.
        """
        self.require_known(by)
        self._spare_root(by)
        if self.status is not Status.ACTIVE:
            if self.submission is not None:
                self.submission.require_approver(by, self.id)
            self.trigger_event(self.Enabled, timestamp=now)

    def delete(self, by: Caller, now: datetime, *, force: bool = False) -> None:
        """End the application and its secrets for ever.

        Raises UnknownApplication, OwnDeletion, MissingPermission (a root application, unless by root), or
        ThirdPartyEffective unless with `force`.
        """
        self.require_known(by)
        self._spare_oneself(by)
        self._spare_root(by)
        if self.submission is not None and not force:
            self.submission.require_out_of_effect(now)
        for secret in self.secrets:
            self.trigger_event(self.SecretRetired, timestamp=now, secret=secret)
        self.trigger_event(self.Deleted, timestamp=now)

    def require_entitled(self, by: Caller, granted: Collection[str] = ()) -> None:
        """Refuse to let somebody who holds less change how the application proves itself: who can, can act as it.

        `granted` is the scope of its approved grants. Raises RootRequired or MissingPermission (see `assignable`).
        """
        assignable(by, {*self.settings.permissions, *granted})

    def require_known(self, by: Caller | None = None) -> None:
        """Raise UnknownApplication when the application is deleted or outside the caller's organization."""
        if self.status is Status.DELETED or (by is not None and not by.sees(self.organization)):
            raise UnknownApplication

    def require_active(self, now: datetime) -> None:
        """Raise UnknownApplication when the application is deleted, ApplicationNotActive when it may not be used.

        That is while it is disabled, and while it is a third party without an approval that counts.
        """
        self.require_known()
        if self.status is not Status.ACTIVE or not (self.submission is None or self.submission.effective(now)):
            raise ApplicationNotActive

    def require_api(self) -> None:
        """Raise SignInOnly for a third party that may call no interface."""
        if self.submission is not None:
            self.submission.require_api()

    def _submit(
        self,
        domain: str,
        description: str | None,
        scope_kinds: Iterable[str],
        *,
        by: Caller,
        creator: UUID,
        now: datetime,
    ) -> None:
        self.trigger_event(
            self.Submitted,
            timestamp=now,
            domain=third_party.checked_domain(domain),
            description=text.description(description),
            scope_kinds=third_party.scope_kind_list(scope_kinds),
            by=by.actor,
            creator=creator,
        )

    def _differ(self, settings: ApplicationSettings, names: Collection[str]) -> bool:
        return any(getattr(settings, name) != getattr(self.settings, name) for name in names)

    def _spare_root(self, by: Caller) -> None:
        # Nobody gains root by it, but whoever could lock root out would rule what only root can mend.
        if ROOT in self.settings.permissions and not by.is_root:
            raise MissingPermission(ROOT)

    def _spare_oneself(self, by: Caller) -> None:
        if by.application == self.id:
            raise OwnDeletion


def _judged(application: UUID) -> tuple[str, ...]:
    """Return the guards of those who decide about an application and its tokens."""
    return (f"application:{application}", f"revocation:application:{application}")


def _applications_of(organization: UUID) -> str:
    """Return the guard of those who decide over all applications of an organization."""
    return f"organization-applications:{organization}"

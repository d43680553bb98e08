"""Account: a node in the tree of tenants. A root account is an organization; everything else belongs to one.

Rules from spec/inbox-manager.md section 3. A deleted account is unknown to every later command. A child of a root
account may be an org (spec/melody.md section 4.5): it has a slug, which is how people and addresses name it.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import text
from domain.branding import checked_branding
from domain.event import Recorded
from domain.permissions import ROOT
from domain.refusals import (
    AccountHasChildren,
    AccountNotActive,
    InvalidColor,
    InvalidFeature,
    InvalidPicture,
    InvalidSettings,
    InvalidSlug,
    InvalidStatus,
    MissingPermission,
    OrganizationInUse,
    OwnDeletion,
    TooDeep,
    UnknownAccount,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from domain.caller import Caller

DEPTH_LIMIT = 32
TOKEN_SEARCH, TOKEN_REVOCATION = "token_search", "token_revocation"
FEATURES = frozenset({TOKEN_SEARCH, TOKEN_REVOCATION})
"""What root switches on for an organization (spec/apigee.md A10): both off until then, one without the other."""
_PICTURE_LIMIT = 2048
_PICTURE = re.compile(r"https://[\x21\x23-\x3B\x3D\x3F-\x5B\x5D\x5F\x61-\x7A\x7E]+")
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,49}")


CODE_LIFETIME, CODE_TRIES = 600, 10
"""How many seconds a verification code lives and how many wrong ones are let pass, unless an organization says so."""
_CODE_LIFETIMES, _CODE_TRIES = range(60, 3601), range(1, 101)


class Status(StrEnum):
    """Where an account is in its life."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


class Account(Aggregate):
    """A tenant or a part of one. `organization` is the id of the tree's root, `depth` the number of its ancestors."""

    TOPIC = "account"

    class Event(Recorded, Aggregate.Event):
        """What happens to an account; decisions that rely on the account are touched by default."""

        TOPIC = "account.event"

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"account:{self.originator_id}",)

    class Created(Event, Aggregate.Created):
        """An account exists."""

        TOPIC = "account.created"
        organization: UUID
        parent: UUID | None
        name: str
        depth: int

        @property
        def touches(self) -> tuple[str, ...]:
            return _account_and_siblings(self.originator_id, self.parent)

    class Renamed(Event):
        """An account has another name; no decision depends on names."""

        TOPIC = "account.renamed"
        name: str
        touches = ()

        def apply(self, account: Account) -> None:
            account.name = self.name

    class Described(Event):
        """An account is shown with these display values; no decision depends on them."""

        TOPIC = "account.described"
        description: str | None
        picture: str | None
        color: str | None
        touches = ()

        def apply(self, account: Account) -> None:
            account.description, account.picture, account.color = self.description, self.picture, self.color

    class Profiled(Event):
        """An account is an org: with this slug, open to the public or not, perhaps there to lend its branding only."""

        TOPIC = "account.profiled"
        slug: str
        public_registration: bool
        branding_only: bool
        branding: dict[str, str]

        def apply(self, account: Account) -> None:
            account.slug, account.branding = self.slug, self.branding
            account.public_registration, account.branding_only = self.public_registration, self.branding_only

    class FeaturesChanged(Event):
        """An organization has these features switched on, and no others; no decision depends on them."""

        TOPIC = "account.features_changed"
        features: list[str]
        touches = ()

        def apply(self, account: Account) -> None:
            account.features = frozenset(self.features)

    class SettingsChanged(Event):
        """An organization deals with its people's addresses, and with calls of its interfaces, by these settings."""

        TOPIC = "account.settings_changed"
        code_lifetime: int
        code_tries: int
        verified_identifiers: bool
        submit_limited: bool = False

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"account-settings:{self.originator_id}",)

        def apply(self, account: Account) -> None:
            account.code_lifetime, account.code_tries = self.code_lifetime, self.code_tries
            account.verified_identifiers, account.submit_limited = self.verified_identifiers, self.submit_limited

    class Suspended(Event):
        """An account is out of use."""

        TOPIC = "account.suspended"
        reason: str | None

        def apply(self, account: Account) -> None:
            account.status = Status.SUSPENDED

    class Reinstated(Event):
        """An account is in use again."""

        TOPIC = "account.reinstated"

        def apply(self, account: Account) -> None:
            account.status = Status.ACTIVE

    class Deleted(Event):
        """An account is gone for ever."""

        TOPIC = "account.deleted"
        parent: UUID | None

        @property
        def touches(self) -> tuple[str, ...]:
            return _account_and_siblings(self.originator_id, self.parent)

        def apply(self, account: Account) -> None:
            account.status = Status.DELETED

    def __init__(self, organization: UUID, parent: UUID | None, name: str, depth: int) -> None:
        """Start active and without display values."""
        self.organization = organization
        self.parent = parent
        self.name = name
        self.depth = depth
        self.status = Status.ACTIVE
        self.description: str | None = None
        self.picture: str | None = None
        self.color: str | None = None
        self.slug: str | None = None
        self.public_registration = False
        self.branding_only = False
        self.branding: dict[str, str] = {}
        self.features: frozenset[str] = frozenset()
        self.code_lifetime = CODE_LIFETIME
        self.code_tries = CODE_TRIES
        self.verified_identifiers = False
        self.submit_limited = False

    @classmethod
    def create(cls, *, id: UUID, name: str, parent: Account | None, now: datetime) -> Account:
        """Create an account: a root, which is its own organization, or a child in its parent's.

        Raises InvalidName, UnknownAccount (deleted parent), AccountNotActive (suspended parent) or TooDeep (a parent
        that has 32 ancestors already).
        """
        name = text.name(name)
        if parent is not None:
            parent.require_active()
            if parent.depth >= DEPTH_LIMIT:
                raise TooDeep
        return cls._create(
            cls.Created,
            id=id,
            timestamp=now,
            organization=id if parent is None else parent.organization,
            parent=None if parent is None else parent.id,
            name=name,
            depth=0 if parent is None else parent.depth + 1,
        )

    def rename(self, name: str, now: datetime) -> None:
        """Change the name. Raises UnknownAccount or InvalidName."""
        self.require_known()
        name = text.name(name)
        if name != self.name:
            self.trigger_event(self.Renamed, timestamp=now, name=name)

    def describe(self, description: str | None, picture: str | None, color: str | None, now: datetime) -> None:
        """Replace the display values; None clears one.

        Raises UnknownAccount, InvalidDescription, InvalidPicture or InvalidColor.
        """
        self.require_known()
        description = text.description(description)
        if picture is not None and (len(picture) > _PICTURE_LIMIT or not _PICTURE.fullmatch(picture)):
            raise InvalidPicture(field="picture")
        if color is not None and not _COLOR.fullmatch(color):
            raise InvalidColor(field="color")
        color = color and color.lower()
        if (description, picture, color) != (self.description, self.picture, self.color):
            self.trigger_event(self.Described, timestamp=now, description=description, picture=picture, color=color)

    def profile(
        self, slug: str, *, public_registration: bool, branding_only: bool, branding: dict[str, str], now: datetime
    ) -> None:
        """Make the account an org, or change how it is one. That its slug is free is for the caller's claim to ensure.

        Raises UnknownAccount (unless it is a child of a root account), InvalidSlug or InvalidBranding.
        """
        self.require_known()
        if self.depth != 1:
            raise UnknownAccount
        if not _SLUG.fullmatch(slug):
            raise InvalidSlug(field="slug")
        values = {
            "slug": slug,
            "public_registration": public_registration,
            "branding_only": branding_only,
            "branding": checked_branding(branding),
        }
        if any(getattr(self, field) != value for field, value in values.items()):
            self.trigger_event(self.Profiled, timestamp=now, **values)

    def set_features(self, features: Iterable[str], by: Caller, now: datetime) -> None:
        """Switch these features on and the others off.

        Raises UnknownAccount (unless it is an organization), MissingPermission (the caller is not root) or
        InvalidFeature.
        """
        self.require_known()
        if self.parent is not None:
            raise UnknownAccount
        if not by.is_root:
            raise MissingPermission(ROOT)
        wanted = frozenset(features)
        if not wanted <= FEATURES:
            raise InvalidFeature(" ".join(sorted(wanted - FEATURES)), field="features")
        if wanted != self.features:
            self.trigger_event(self.FeaturesChanged, timestamp=now, features=sorted(wanted))

    def change_settings(
        self, *, code_lifetime: int, code_tries: int, verified_identifiers: bool, submit_limited: bool, now: datetime
    ) -> None:
        """Have verification codes live so many seconds and so many misses, and new addresses verified first or not.

        With `submit_limited`, no call of an interface may change anything (spec/iform.md section 1.3). Raises
        UnknownAccount (unless it is an organization) or InvalidSettings.
        """
        self.require_known()
        if self.parent is not None:
            raise UnknownAccount
        if code_lifetime not in _CODE_LIFETIMES:
            raise InvalidSettings("60 to 3600 seconds", field="code_lifetime")
        if code_tries not in _CODE_TRIES:
            raise InvalidSettings("1 to 100", field="code_tries")
        values = {
            "code_lifetime": code_lifetime,
            "code_tries": code_tries,
            "verified_identifiers": verified_identifiers,
            "submit_limited": submit_limited,
        }
        if any(getattr(self, name) != value for name, value in values.items()):
            self.trigger_event(self.SettingsChanged, timestamp=now, **values)

    def move(self, status: str, by: Caller, now: datetime, reason: str | None = None) -> None:
        """Suspend or reinstate, whichever leads to this status. Raises what these do, or InvalidStatus (any other)."""
        match status:
            case Status.ACTIVE:
                self.reinstate(now)
            case Status.SUSPENDED:
                self.suspend(by, now, reason)
            case _:
                raise InvalidStatus(field="status")

    def suspend(self, by: Caller, now: datetime, reason: str | None = None) -> None:
        """Take the account out of use. Raises UnknownAccount, OwnDeletion (one's own organization) or InvalidReason."""
        self.require_known()
        self._spare_ones_own(by)
        reason = text.reason(reason)
        if self.status is not Status.SUSPENDED:
            self.trigger_event(self.Suspended, timestamp=now, reason=reason)

    def reinstate(self, now: datetime) -> None:
        """Take a suspended account into use. Raises UnknownAccount."""
        self.require_known()
        if self.status is not Status.ACTIVE:
            self.trigger_event(self.Reinstated, timestamp=now)

    def delete(self, by: Caller, now: datetime, *, has_children: bool, in_use: bool = False) -> None:
        """End the account for ever: `has_children` counts those that are left, `in_use` what an organization holds.

        Raises UnknownAccount, OwnDeletion (one's own organization), MissingPermission (a root account, and the caller
        is not root), OrganizationInUse, or AccountHasChildren: children are deleted first.
        """
        self.require_known()
        self._spare_ones_own(by)
        if self.parent is None:
            if not by.is_root:
                raise MissingPermission(ROOT)
            if in_use:
                raise OrganizationInUse
        if has_children:
            raise AccountHasChildren
        self.trigger_event(self.Deleted, timestamp=now, parent=self.parent)

    def require_known(self) -> None:
        """Raise UnknownAccount when the account is deleted."""
        if self.status is Status.DELETED:
            raise UnknownAccount

    def require_active(self) -> None:
        """Raise UnknownAccount when the account is deleted, AccountNotActive when it is suspended."""
        self.require_known()
        if self.status is not Status.ACTIVE:
            raise AccountNotActive

    def _spare_ones_own(self, by: Caller) -> None:
        if self.id == by.organization:
            raise OwnDeletion


def _account_and_siblings(account: UUID, parent: UUID | None) -> tuple[str, ...]:
    return (f"account:{account}",) if parent is None else (f"account:{account}", f"account-children:{parent}")

"""Connector: an organization's way to a provider of identities, or to what sends its e-mail or its SMS.

Rules from spec/logto.md sections 7 and 11.3. What the configuration holds is for the type of the connector to say
(service/connectors/registry.py); here it is opaque, and sealed as a whole under a key of the connector's own, which is
destroyed with it. The target, by which identities are known, never changes: what is linked under a name stays with the
provider that it was linked to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import text
from domain.event import Recorded
from domain.refusals import (
    InvalidConnectorConfig,
    InvalidLocale,
    InvalidPicture,
    InvalidTarget,
    TargetFixed,
    TargetMissing,
    TooMany,
    UnknownAccount,
    UnknownConnector,
)

if TYPE_CHECKING:
    from domain.caller import Caller

PICTURE_LIMIT = 2048
LANGUAGE_LIMIT = 20
TARGET = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_PICTURE = re.compile(r"https://[A-Za-z0-9\-._~:/?#\[\]@!$&'()+,;=%]+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")


class Kind(StrEnum):
    """What a connector is for."""

    SOCIAL = "Social"
    EMAIL = "Email"
    SMS = "Sms"


class Connector(Aggregate):
    """A connector. `type` and `target` never change; `config` is None where there is none, or its key is gone."""

    TOPIC = "connector"

    class Event(Recorded, Aggregate.Event):
        """What happens to a connector."""

        TOPIC = "connector.event"
        organization: UUID

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"connector:{self.originator_id}",)

    class Created(Event, Aggregate.Created):
        """There is a connector. `target` names the provider of a social one, None for the others."""

        TOPIC = "connector.created"
        PERSONAL = frozenset({"config"})
        type: str
        kind: Kind
        target: str | None
        name: dict[str, str]
        logo: str | None
        logo_dark: str | None
        config: dict[str, Any] | None

        @property
        def touches(self) -> tuple[str, ...]:
            return (
                f"connector:{self.originator_id}",
                f"organization-connectors:{self.organization}",
                f"organization-contents:{self.organization}",
            )

    class Configured(Event):
        """The configuration is another one."""

        TOPIC = "connector.configured"
        PERSONAL = frozenset({"config"})
        config: dict[str, Any] | None

        def apply(self, connector: Connector) -> None:
            connector.config = self.config

    class Described(Event):
        """What people are shown of the connector is different."""

        TOPIC = "connector.described"
        name: dict[str, str]
        logo: str | None
        logo_dark: str | None

        @property
        def touches(self) -> tuple[str, ...]:
            return ()

        def apply(self, connector: Connector) -> None:
            connector.name, connector.logo, connector.logo_dark = self.name, self.logo, self.logo_dark

    class Tested(Event):
        """A message was sent to try the connector out."""

        TOPIC = "connector.tested"

        @property
        def touches(self) -> tuple[str, ...]:
            return ()

        def apply(self, connector: Connector) -> None: ...

    class Deleted(Event):
        """The connector is gone, and with its key what it was configured with."""

        TOPIC = "connector.deleted"

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"connector:{self.originator_id}", f"organization-connectors:{self.organization}")

        def apply(self, connector: Connector) -> None:
            connector.deleted = True

    def __init__(
        self,
        *,
        organization: UUID,
        type: str,
        kind: Kind,
        target: str | None,
        name: dict[str, str],
        logo: str | None,
        logo_dark: str | None,
        config: dict[str, Any] | None,
    ) -> None:
        """Start in use."""
        self.organization = organization
        self.type = type
        self.kind = Kind(kind)
        self.target = target
        self.name = name
        self.logo = logo
        self.logo_dark = logo_dark
        self.config = config
        self.deleted = False

    @classmethod
    def create(
        cls,
        *,
        id: UUID,
        organization: UUID,
        type: str,
        kind: Kind,
        target: str | None,
        config: dict[str, Any] | None,
        by: Caller,
        now: datetime,
        name: Mapping[str, str] | None = None,
        logo: str | None = None,
        logo_dark: str | None = None,
    ) -> Connector:
        """Make a connector. That no other one stands in its place is for the caller's claim to ensure.

        Raises UnknownAccount (an organization that the caller does not see), TargetMissing or InvalidTarget (a social
        one's), InvalidConnectorConfig (a sender, which is in use at once, without a configuration), InvalidName,
        InvalidLocale, InvalidPicture or TooMany (over 20 languages).
        """
        if not by.sees(organization):
            raise UnknownAccount
        if kind is Kind.SOCIAL:
            if target is None:
                raise TargetMissing(field="metadata.target")
            if not TARGET.fullmatch(target):
                raise InvalidTarget(field="metadata.target")
        elif target is not None:
            raise InvalidTarget("not a social connector", field="metadata.target")
        elif config is None:
            raise InvalidConnectorConfig("a sender without a configuration", field="config")
        return cls._create(
            cls.Created,
            id=id,
            timestamp=now,
            organization=organization,
            type=type,
            kind=kind,
            target=target,
            name=_names(name or {}),
            logo=_picture(logo, "metadata.logo"),
            logo_dark=_picture(logo_dark, "metadata.logoDark"),
            config=config,
        )

    def configure(self, config: dict[str, Any], by: Caller, now: datetime) -> None:
        """Replace the configuration, as its type has checked it. Raises UnknownConnector."""
        self.require_known(by)
        if config != self.config:
            self.trigger_event(self.Configured, timestamp=now, organization=self.organization, config=config)

    def describe(
        self, *, target: str | None, name: Mapping[str, str], logo: str | None, logo_dark: str | None, by: Caller,
        now: datetime,
    ) -> None:  # fmt: skip
        """Replace what people are shown; `target` is the one that the caller believes there is, None for none.

        Raises UnknownConnector, TargetFixed, InvalidName, InvalidLocale, InvalidPicture or TooMany.
        """
        self.require_known(by)
        if target not in (None, self.target):
            raise TargetFixed(field="metadata.target")
        values = {
            "name": _names(name),
            "logo": _picture(logo, "metadata.logo"),
            "logo_dark": _picture(logo_dark, "metadata.logoDark"),
        }
        if any(getattr(self, field) != value for field, value in values.items()):
            self.trigger_event(self.Described, timestamp=now, organization=self.organization, **values)

    def note_test(self, by: Caller, now: datetime) -> None:
        """Record that a message was sent to try the connector out. Raises UnknownConnector."""
        self.require_known(by)
        self.trigger_event(self.Tested, timestamp=now, organization=self.organization)

    def delete(self, by: Caller, now: datetime) -> None:
        """End the connector for ever; destroying its key is for the caller. Raises UnknownConnector."""
        self.require_known(by)
        self.trigger_event(self.Deleted, timestamp=now, organization=self.organization)

    def require_known(self, by: Caller) -> None:
        """Raise UnknownConnector when the connector is deleted or outside the caller's organization."""
        if self.deleted or not by.sees(self.organization):
            raise UnknownConnector


def _names(names: Mapping[str, str]) -> dict[str, str]:
    """Return what the connector is called, by language."""
    if len(names) > LANGUAGE_LIMIT:
        raise TooMany(f"more than {LANGUAGE_LIMIT} languages", field="metadata.name")
    for language in names:
        if not _LANGUAGE.fullmatch(language):
            raise InvalidLocale(repr(language), field="metadata.name")
    return {language: text.name(name, field="metadata.name") for language, name in sorted(names.items())}


def _picture(address: str | None, field: str) -> str | None:
    """Return the address of a picture; an empty one is none."""
    if address and (len(address) > PICTURE_LIMIT or not _PICTURE.fullmatch(address)):
        raise InvalidPicture(field=field)
    return address or None

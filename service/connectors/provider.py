"""Social connectors at work: where the user goes to, and who came back (spec/logto.md section 7).

Both look at the connector before anything else: one of another organization is not there, and one that needs a session
is refused before anybody is called. The provider is asked outside of any decision, so that no append waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from domain.connector import Kind
from domain.refusals import (
    ConnectorFailed,
    InsufficientInfo,
    InvalidConnectorConfig,
    NotImplementedHere,
    NotSocial,
    ProviderAnswerInvalid,
    SocialCodeInvalid,
    SocialDenied,
    UnknownConnector,
    WrongConnectorKind,
)
from service.connectors import configuration, github, stored
from service.connectors.registry import TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from domain.connector import Connector
    from domain.refusals import Conflict
    from service.parts import Parts

AUTHORIZING = (InsufficientInfo, UnknownConnector, WrongConnectorKind, NotImplementedHere, InvalidConnectorConfig)
"""The refusals of `authorization_uri`."""
REDEEMING = (
    UnknownConnector,
    NotSocial,
    NotImplementedHere,
    InvalidConnectorConfig,
    SocialCodeInvalid,
    SocialDenied,
    ProviderAnswerInvalid,
    ConnectorFailed,
)
"""The refusals of `redeemed`."""


@dataclass(frozen=True, slots=True)
class Redeemed:
    """Who came back: the target they are known at, their id there, and what the provider tells of them.

    `details` has `id`, perhaps `email`, `phone`, `name` and `avatar`, and the whole document as `rawData`. None of it
    is proved: an address may be anybody's.
    """

    target: str
    user_id: str
    details: dict[str, Any]


async def authorization_uri(parts: Parts, organization: UUID, connector: UUID, *, state: str, redirect_uri: str) -> str:
    """Return where to send the user. Nothing is kept: `state` is for the caller to check. Raises AUTHORIZING."""
    require_complete(state, redirect_uri)
    found, config = await _ready(parts, organization, connector, WrongConnectorKind)
    return github.authorization_uri(config, found.id, state=state, redirect_uri=redirect_uri)


def require_complete(state: str, redirect_uri: str) -> None:
    """Raise InsufficientInfo unless both are there."""
    if not state or not redirect_uri:
        raise InsufficientInfo


async def redeemed(parts: Parts, organization: UUID, connector: UUID, data: Mapping[str, Any]) -> Redeemed:
    """Return who it was, by the parameters that the provider sent the user back with, and `redirectUri`.

    Calls the provider, for ten seconds at most: not to be awaited inside a decision. Raises REDEEMING.
    """
    found, config = await _ready(parts, organization, connector, NotSocial)
    provided = await github.redeemed(parts.outbound, config, found.id, data)
    return Redeemed(found.target or "", provided.user_id, provided.details)


async def _ready(
    parts: Parts, organization: UUID, connector: UUID, wrong: type[Conflict]
) -> tuple[Connector, github.GitHubConfig]:
    found = await stored.one(parts.store.pool, parts.store.vault, connector)
    if found is None or found.organization != organization:
        raise UnknownConnector
    if found.kind is not Kind.SOCIAL:
        raise wrong
    known = TYPES.get(found.type)
    if known is None or known.needs_session or known.config is not github.GitHubConfig:
        raise NotImplementedHere
    return found, configuration.opened(github.GitHubConfig, found.config, allowed=parts.outbound.allowed)

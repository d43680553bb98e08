"""What tests of connectors share: calls that may reach a host of the test, and configurations that name it."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from service.connectors import configuration
from service.connectors.github import GitHubConfig
from service.outbound import Outbound
from tests.receiver import Answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.receiver import Receiver


@asynccontextmanager
async def outbound(*allowed: tuple[str, int]) -> AsyncIterator[Outbound]:
    opened = Outbound(frozenset(allowed))
    await opened.start()
    try:
        yield opened
    finally:
        await opened.stop()


def github(host: Receiver, **more: Any) -> GitHubConfig:
    """Return the configuration of a connector whose provider is a host of the test."""
    given = {
        "clientId": "id", "clientSecret": "s3cr3t%:/", "tokenEndpoint": f"{host.url}token",
        "userInfoEndpoint": f"{host.url}user", **more,
    }  # fmt: skip
    return configuration.opened(GitHubConfig, given, allowed=frozenset({(host.host, host.port)}))


def told(status: int = 200, **value: Any) -> Answer:
    """Return an answer of JSON."""
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(value).encode())

"""The probes answer over HTTP as orchestrators and Prometheus expect."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from service.operations import endpoints
from service.operations.metrics import Metrics
from service.parts import PARTS

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts


@pytest.fixture
async def client(parts: StoreParts, aiohttp_client: Any) -> Any:
    app = web.Application()
    app[PARTS] = SimpleNamespace(store=parts.store, metrics=Metrics())  # type: ignore[assignment]
    for endpoint in endpoints.ENDPOINTS:
        endpoint.add_to(app)
    return await aiohttp_client(app)


async def test_a_healthy_service_says_so(client: Any) -> None:
    for path in ("/healthz", "/readyz"):
        answer = await client.get(path)
        assert (answer.status, (await answer.json())["status"]) == (200, "ok")
        assert answer.headers["Cache-Control"] == "no-store"


async def test_an_unready_service_answers_503_and_why(parts: StoreParts, client: Any) -> None:
    await parts.owner.execute("UPDATE muniment.models SET error = 'poison' WHERE name = 'tokens'")
    answer = await client.get("/readyz")
    assert answer.status == 503
    assert (await answer.json())["checks"]["models"] == "tokens stopped"
    assert (await client.get("/healthz")).status == 200


async def test_metrics_come_in_prometheus_text_format(client: Any) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "muniment_database_up" in await answer.text()

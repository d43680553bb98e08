"""What is published about the decision point."""

from __future__ import annotations

import pytest

from service.doors import authzen
from tests.app_fixture import SETTINGS

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATH = "/.well-known/authzen-configuration"


async def test_the_metadata_names_every_endpoint_by_the_issuer(app):
    reply = await app.call("GET", PATH, "", headers={"Host": "elsewhere.test"})
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    base = SETTINGS.issuer
    assert reply.json == {
        "policy_decision_point": base,
        "access_evaluation_endpoint": f"{base}/access/v1/evaluation",
        "access_evaluations_endpoint": f"{base}/access/v1/evaluations",
        "search_subject_endpoint": f"{base}/access/v1/search/subject",
        "search_resource_endpoint": f"{base}/access/v1/search/resource",
        "search_action_endpoint": f"{base}/access/v1/search/action",
    }


async def test_what_is_published_is_served_and_nothing_else_is(app):
    told = (await app.call("GET", PATH, "")).json
    base = told.pop("policy_decision_point")
    assert sorted(url.removeprefix(base) for url in told.values()) == sorted(r.path for r in authzen.DOOR.routes)


async def test_the_metadata_may_be_kept_for_a_while(app):
    assert "max-age" in (await app.call("GET", PATH, "")).headers["Cache-Control"]

"""What is published about the decision point (section 9). All URLs come from the issuer, never from the Host header."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from service.http.document import Output
from service.http.endpoint import UNAVAILABLE, Endpoint, Reply
from service.http.group import Group
from service.parts import PARTS

if TYPE_CHECKING:
    from service.settings import Settings

PATH = "/.well-known/authzen-configuration"
EVALUATION, EVALUATIONS = "/access/v1/evaluation", "/access/v1/evaluations"
SUBJECTS, RESOURCES, ACTIONS = (f"/access/v1/search/{name}" for name in ("subject", "resource", "action"))
CACHE = {"Cache-Control": "public, max-age=300"}


class Configuration(Output):
    """Where decisions are asked for (section 9.1)."""

    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str
    search_subject_endpoint: str
    search_resource_endpoint: str
    search_action_endpoint: str


def configuration(settings: Settings) -> dict[str, str]:
    """Return the metadata: what is served, and nothing else."""
    base = settings.issuer
    return {
        "policy_decision_point": base,
        "access_evaluation_endpoint": base + EVALUATION,
        "access_evaluations_endpoint": base + EVALUATIONS,
        "search_subject_endpoint": base + SUBJECTS,
        "search_resource_endpoint": base + RESOURCES,
        "search_action_endpoint": base + ACTIONS,
    }


async def published(request: web.Request) -> web.Response:
    """GET /.well-known/authzen-configuration."""
    body = msgspec.json.encode(configuration(request.app[PARTS].settings))
    return web.Response(body=body, content_type="application/json", headers=CACHE)


ENDPOINT = Endpoint(
    "GET",
    PATH,
    published,
    Group.DECISIONS,
    "decisions",
    "Where decisions are asked for",
    {200: Reply("What is published.", Configuration, headers=tuple(CACHE)), **UNAVAILABLE},
)

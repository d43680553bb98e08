"""The three API documents: the public one, that of back-end administration, and that of the server-to-server door."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from service.access.answers import IDENTITY, REFUSAL
from service.http.call import POSITION
from service.http.consistency import HEADER as AT_LEAST
from service.http.exactly_once import HEADER as IDEMPOTENCY_KEY
from service.http.exactly_once import REPLAYED
from service.http.group import Group
from service.http.request import REQUEST_ID_HEADER
from service.openapi import operations
from service.openapi.permissions import DESCRIPTIONS
from service.openapi.schemas import Schemas

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.http.door import Door
    from service.http.endpoint import Endpoint
    from service.openapi.schemas import Schema

VERSION = "1.0"
"""Of the interface, not of the program."""

NUMBER = {"type": "string", "pattern": "^[0-9]{1,18}$"}
HEADERS: dict[str, tuple[str, Schema]] = {
    REQUEST_ID_HEADER: (
        "Under which the log, the audit and the refusals know the request.",
        {"type": "string", "format": "uuid"},
    ),
    operations.NAMED: ("How its caller calls the request, or else its id here.", {"type": "string"}),
    POSITION: ("The position in the log at which the answer holds.", NUMBER),
    REPLAYED: ("The answer was given before under the same Idempotency-Key.", {"const": "true"}),
    "Retry-After": ("Seconds after which to try again.", {"type": "string", "pattern": "^[0-9]+$"}),
    "WWW-Authenticate": ("How to authenticate (RFC 9110 section 11.6.1).", {"type": "string"}),
    "Cache-Control": ("For how long the answer may be kept.", {"type": "string"}),
    "Access-Control-Allow-Origin": ("Pages of any origin may read the answer.", {"const": "*"}),
    "Location": ("Where to go on.", {"type": "string", "format": "uri-reference"}),
    "ETag": ("Changes when the answer does.", {"type": "string"}),
    **{name: (told, {"type": "string"}) for name, told in IDENTITY.items()},
    REFUSAL: ("Why the call is refused: the `code` of the body.", {"type": "string"}),
}
PARAMETERS: dict[str, tuple[str, Schema]] = {
    AT_LEAST: ("See at least what this position of the log stands for.", NUMBER),
    IDEMPOTENCY_KEY: (
        "Carry the request out once, however often it is sent within 24 hours.",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    ),
}


class Contents(NamedTuple):
    """Where a document is served, what it is called and which groups of operations it tells of."""

    path: str
    title: str
    told: str
    groups: frozenset[Group]


PUBLIC = Contents(
    "/openapi.json",
    "Muniment",
    "Every operation but those of back-end administration, which have a document of their own: `openapi-admin.json`.",
    frozenset(Group) - {Group.ADMINISTRATION},
)
ADMINISTRATION = Contents(
    "/openapi-admin.json",
    "Muniment: back-end administration",
    "Users, accounts and members, for private back ends.",
    frozenset({Group.ADMINISTRATION}),
)
SERVER_TO_SERVER = Contents(
    "/api/v1/swagger",
    "Muniment: server to server",
    "What server applications manage. Each operation names the scopes that it needs.",
    frozenset({Group.SERVER_TO_SERVER}),
)
CONTENTS = (PUBLIC, ADMINISTRATION, SERVER_TO_SERVER)


def made(contents: Contents, doors: Iterable[Door], endpoints: Iterable[Endpoint], issuer: str) -> Schema:
    """Return a document. Its server is the issuer, wherever a request for it came to."""
    schemas = Schemas()
    headings: dict[str, Schema] = {}
    paths: dict[str, Schema] = {}
    for endpoint in endpoints:
        if endpoint.group in contents.groups:
            headings.setdefault(endpoint.tag, {"name": endpoint.tag})
            item = paths.setdefault(operations.path_of(endpoint.path), {})
            item[endpoint.method.lower()] = operations.of_endpoint(endpoint, schemas)
    for door in doors:
        if door.GROUP in contents.groups:
            headings[operations.tag(door)] = operations.heading(door)
            for route in door.routes:
                item = paths.setdefault(operations.path_of(route.path), {})
                item[route.method.lower()] = operations.of_route(door, route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": contents.title, "version": VERSION, "description": contents.told},
        "servers": [{"url": issuer}],
        "tags": list(headings.values()),
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.collected.items())),
            "headers": _headers(),
            "parameters": _parameters(),
            "securitySchemes": _security(issuer, paths.values()),
        },
    }


def _headers() -> Schema:
    return {
        f"{name}{ending}": {"description": told, "required": not ending, "schema": schema}
        for name, (told, schema) in HEADERS.items()
        for ending in ("", operations.PERHAPS)
    }


def _parameters() -> Schema:
    return {
        name: {"name": name, "in": "header", "required": False, "description": told, "schema": schema}
        for name, (told, schema) in PARAMETERS.items()
    }


def _security(issuer: str, items: Iterable[Schema]) -> Schema:
    """Return the schemes that operations ask for."""
    asked = {name for item in items for operation in item.values() for one in operation["security"] for name in one}
    flow = {"tokenUrl": f"{issuer}/oauth2/v1/token", "scopes": dict(DESCRIPTIONS)}
    schemes = {
        operations.TOKEN: {
            "type": "oauth2",
            "description": "A token for the management audience, by client credentials; its scopes are permissions.",
            "flows": {"clientCredentials": flow},
        },
        operations.APPLICATION: {
            "type": "http",
            "scheme": "basic",
            "description": "An application's id and secret: it acts with all that it holds at the management audience.",
        },
        operations.CLIENT: {
            "type": "http",
            "scheme": "basic",
            "description": "The client's id and secret, each form-encoded (RFC 6749 section 2.3.1).",
        },
        operations.GATEWAY: {
            "type": "apiKey",
            "in": "header",
            "name": "Muniment-Gateway",
            "description": "The gateway's client id and secret, as HTTP Basic has them: `Basic …`. `Authorization` is "
            "the call's own.",
        },
        operations.PERSON: {
            "type": "openIdConnect",
            "description": "An access token that a person let an application have.",
            "openIdConnectUrl": f"{issuer}/.well-known/openid-configuration",
        },
    }
    return {name: scheme for name, scheme in schemes.items() if name in asked}

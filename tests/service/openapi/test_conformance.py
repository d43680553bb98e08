"""Requests that schemathesis makes of the documents, sent to the running service: every answer is a declared one."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import requests
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.http.consistency import HEADER as AT_LEAST
from service.openapi.documents import ADMINISTRATION, PUBLIC
from tests.app_fixture import ROOT_SECRET, app_database, app_template, copied
from tests.service.doors.examples import Things, things
from tests.service.openapi.operations import told
from tests.service.openapi.served import Served, served

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["app_database", "app_template"]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
GATEWAY = "Basic " + base64.b64encode(f"root:{ROOT_SECRET}".encode()).decode()
CONFIG = {
    "seed": 1,
    "generation": {
        "mode": "positive",  # what is malformed has tests of its own
        "deterministic": True,
        "max-examples": 6,
        "no-shrink": True,
        "with-security-parameters": False,
    },
    "phases": {"coverage": {"enabled": False}, "stateful": {"enabled": False}},
}


def schema(contents: Any) -> Any:
    return schemathesis.openapi.from_dict(told(contents), config=SchemathesisConfig.from_dict(CONFIG))


@dataclass
class Asked:
    """The service, a session that asks it, and one of each thing to ask for."""

    service: Served
    session: requests.Session
    made: Things

    def about(self, case: Any) -> None:
        """Let a request be about what there is, more often than chance would.

        Three of four ids become those of things that exist, and positions of the log that it has reached; what a
        request deletes stays what schemathesis made up.
        """
        headers = case.headers or {}
        if headers.get(AT_LEAST, "").isdigit():
            headers[AT_LEAST] = headers[AT_LEAST][:1]
        if case.method != "DELETE":
            for name, value in (case.path_parameters or {}).items():
                if name in self.made.ids and _often(value):
                    case.path_parameters[name] = self.made.ids[name]

    def credentials(self, case: Any) -> dict[str, Any]:
        """Return how the request is authenticated, where that is asked for: as root."""
        schemes = {name for one in case.operation.definition.raw["security"] for name in one}
        if "token" in schemes:
            return {"headers": {"Authorization": f"Bearer {self.service.app.root}"}}
        if "gateway" in schemes:
            return {"headers": {"Muniment-Gateway": GATEWAY}}
        return {"auth": ("root", ROOT_SECRET)} if "client" in schemes else {}


def _often(value: object) -> bool:
    try:
        return UUID(str(value)).int % 4 > 0
    except ValueError:
        return False


@pytest.fixture(scope="module")
def asked(postgres_dsn: str, app_template: str) -> Iterator[Asked]:
    with copied(postgres_dsn, app_template) as dsn, served(dsn) as service, requests.Session() as session:
        session.trust_env = False

        async def make() -> Things:
            return await things(service.app, await service.app.organization(), servers=True)

        yield Asked(service, session, service.run(make()))


def conforms(asked: Asked, case: Any) -> None:
    asked.about(case)
    case.call_and_validate(base_url=asked.service.url, session=asked.session, checks=CHECKS, **asked.credentials(case))


@schema(PUBLIC).parametrize()
def test_every_answer_is_declared(case: Any, asked: Asked) -> None:
    conforms(asked, case)


@schema(ADMINISTRATION).parametrize()
def test_every_answer_of_back_end_administration_is_declared(case: Any, asked: Asked) -> None:
    conforms(asked, case)

"""The whole service on a database of its own, spoken to over HTTP: `app` for a test, `running` to open it yourself."""

from __future__ import annotations

import asyncio
import base64
import tempfile
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from domain.token_family import TokenFamily
from service.background import duties
from service.clock import Clock
from service.http.app import build
from service.http.serving import LIMITS
from service.initialization import initialize
from service.secrets.digests import ACCESS_TOKEN, new_secret, sha256_hex
from service.settings import Settings
from service.store.decision import Origin
from service.worker import parts as worker_parts
from tests.postgres_fixture import copied, database
from tests.service.openapi import operations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from service.parts import Parts

AUDIENCE = "https://muniment.test/api"
ROOT_SECRET = "root-secret-of-the-tests"
SETTINGS = Settings(
    issuer="https://muniment.test",
    management_audiences=(AUDIENCE,),
    root_client_id="root",
    root_client_secret=ROOT_SECRET,
    master_key=base64.b64encode(bytes(range(32))).decode(),
)
PATIENCE = 5.0  # seconds that a test waits for what is written a little later


@dataclass(frozen=True)
class Reply:
    """An answer, read to its end."""

    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.text)

    @property
    def position(self) -> int:
        return int(self.headers["Muniment-Position"])


@dataclass
class Running:
    """One worker's application, listening, and what tests ask of it."""

    client: TestClient[Any, Any]
    parts: Parts
    root: str = field(default="", repr=False)

    async def call(self, method: str, path: str, token: str | None = None, **more: Any) -> Reply:
        """Send a request: as root unless a token is given, as nobody with token="".

        Whatever is answered has to be what the API documents say.
        """
        headers = dict(more.pop("headers", {}))
        token = self.root if token is None else token
        if token:
            headers["Authorization"] = f"Bearer {token}"
        async with self.client.request(method, path, headers=headers, **more) as response:
            reply = Reply(response.status, response.headers, await response.text())
        assert (fault := operations.fault(method, path, reply.status, reply.headers, reply.text)) is None, fault
        return reply

    async def made(self, path: str, body: Any, token: str | None = None) -> Any:
        """POST and return the document, which must have been made."""
        reply = await self.call("POST", path, token, json=body)
        assert reply.status in {200, 201}, reply.text
        return reply.json

    async def token(self, client_id: str, secret: str, *, audience: str = AUDIENCE, scope: str | None = None) -> str:
        body = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        body |= {"audience": audience} | ({"scope": scope} if scope else {})
        async with self.client.post("/oauth2/token", json=body) as response:
            assert response.status == 200, await response.text()
            return (await response.json())["access_token"]

    async def application(self, token: str | None = None, **body: Any) -> Any:
        """Register an application with a secret."""
        body = {"name": "Back end", "kind": "machine", "audiences": [AUDIENCE], "secrets": [{"name": "first"}]} | body
        return await self.made("/api/applications", body, token)

    async def manager(self, organization: str | None = None, *permissions: str) -> str:
        """Return the token of a new private back end of an organization, with `all` unless told otherwise."""
        made = await self.application(organization=organization, permissions=list(permissions or ("all",)))
        return await self.token(made["client_id"], made["secrets"][0]["secret"])

    async def organization(self, name: str = "Acme") -> str:
        return (await self.made("/api/accounts", {"name": name}))["id"]

    async def api_resource(self, organization: str | None = None, token: str | None = None, **body: Any) -> Any:
        """Make an API resource, in the caller's organization unless another one is named."""
        told = {"identifier": f"orders-{uuid.uuid4().hex}", "name": "Orders"} | body
        return await self.made(
            "/api/api-resources", told | ({"organization": organization} if organization else {}), token
        )

    async def interface(self, resource: Any, token: str | None = None, **body: Any) -> Any:
        """Make an interface of an API resource, which is given as a document or by its id: `GET /<something new>`."""
        new = uuid.uuid4().hex
        told = {"identifier": f"list-{new}", "name": "List", "method": "GET", "path": f"/{new}"} | body
        of = resource if isinstance(resource, str) else resource["id"]
        return await self.made("/api/interfaces", {"resource": of} | told, token)

    async def issued(self, application: Any, *, scope: str, user: str | None = None, audience: str = AUDIENCE) -> str:
        """Return a token as another grant than client credentials would issue it, to a user or a public client."""
        text = new_secret(ACCESS_TOKEN)
        clock = self.parts.clock

        async def command(decision: Any) -> None:
            decision.organization = uuid.UUID(application["organization"])
            now = clock.now()
            decision.save(
                TokenFamily.issue(
                    id=clock.new_id(),
                    organization=decision.organization,
                    application=uuid.UUID(application["id"]),
                    scope=scope,
                    audience=audience,
                    format="opaque",
                    digest=sha256_hex(text),
                    expires_at=now + timedelta(minutes=5),
                    grant_type="authorization_code",
                    user=None if user is None else uuid.UUID(user),
                    now=now,
                )
            )

        nobody = uuid.UUID(int=0)
        await self.parts.store.decide(command, Origin(nobody, nobody, None, clock.new_id()))
        return text

    async def events(self, **query: Any) -> list[Any]:
        """Return the newest events as root sees them, up to all that is in the log at this moment."""
        head = await self.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")
        reply = await self.call("GET", "/api/events", params=query, headers={"Muniment-At-Least": str(head)})
        assert reply.status == 200, reply.text
        return reply.json["items"]

    async def refusals(self, **query: Any) -> list[Any]:
        """Return the newest refusals as root sees them, once all of them are written."""
        async with asyncio.timeout(PATIENCE):
            while len(self.parts.refused.rows):  # noqa: ASYNC110 - the recorder tells nobody when it has written
                await asyncio.sleep(0.02)
        reply = await self.call("GET", "/api/refusals", params=query)
        assert reply.status == 200, reply.text
        return reply.json["items"]


class Server(TestServer):
    """Serves as a worker does, with its limits, where aiohttp's own would end what a client leaves."""

    async def _make_runner(self, **_: Any) -> web.AppRunner:
        return web.AppRunner(self.app, **LIMITS)


@asynccontextmanager
async def running(
    dsn: str, settings: Settings = SETTINGS, clock: Clock | None = None, *, port: int = 0
) -> AsyncIterator[Running]:
    """Open the service over an initialised database, its background duties too, with a data folder of its own.

    Time is real unless a clock is given, and port 0 is a free one.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings, clock = replace(settings, data_dir=Path(folder)), clock or Clock()
        wired, background = worker_parts(dsn, settings, clock), duties(dsn, settings, clock)
        opened = await anext(wired)
        try:
            await anext(background)
            async with TestClient(Server(build(opened), port=port)) as client:
                service = Running(client, opened)
                service.root = await service.token("root", ROOT_SECRET)
                yield service
        finally:
            await background.aclose()
            await wired.aclose()


@pytest.fixture(scope="session")
def app_template(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database after its first start, to be copied: that is faster than to start anew."""
    name = f"template_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    settings = replace(SETTINGS, data_dir=tmp_path_factory.mktemp("data"))
    asyncio.run(initialize(database(postgres_dsn, name), settings, Clock()))
    yield name
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def app_database(postgres_dsn: str, app_template: str) -> Iterator[str]:
    """The address of a database after its first start."""
    with copied(postgres_dsn, app_template) as dsn:
        yield dsn


@pytest.fixture
async def app(app_database: str) -> AsyncIterator[Running]:
    """The service, with nothing in it but its root application."""
    async with running(app_database) as service:
        yield service

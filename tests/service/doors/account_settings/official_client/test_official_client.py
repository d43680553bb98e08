"""The official client of the Management API, from its own registry and unchanged, against a service that listens.

The walk is a program for Node (`walk.mjs`): it goes through every row of spec/logto.md section 2, and connectors. What
only a mailbox, a browser or an operator can do for it is done here.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

from service.bootstrap import FILE
from tests.app_fixture import SETTINGS, app_template, copied, running
from tests.postgres_fixture import make_open_folder
from tests.provider import CALLBACK, ISSUER, TYPE, Provider
from tests.service.pages.people import a_firm
from tests.service.serving import Service, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

__all__ = ["app_template"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = Path(__file__).parent
FILES = ("package.json", "package-lock.json", ".npmrc", "walk.mjs")
INDICATOR = "https://default.logto.app/api"  # an identifier, which nobody follows
INSTALL_WITHIN, WALK_WITHIN, MAIL_WITHIN = 180.0, 120.0, 10.0  # seconds
ENTERPRISE = {
    "issuer": "https://corp.example.com",
    "identityId": "employee-7",
    "ssoConnectorId": "corp",
    "detail": {"department": "Rangers"},
}
ROWS = [f"{number:02}" for number in range(1, 25)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, outside the checkout, with the locked packages and the walk in it."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"not installed: {program}")
    folder = tmp_path_factory.mktemp("official-client")
    for name in FILES:
        shutil.copy(HERE / name, folder / name)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts"],
        cwd=folder, check=False, capture_output=True, text=True, timeout=INSTALL_WITHIN,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"npm cannot install it: {done.stderr[-300:].strip()}")
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider(postgres_dsn: str, app_template: str) -> AsyncIterator[Provider]:
    """Who knows somebody whom the walk links: a service of ours, of another issuer."""
    with copied(postgres_dsn, app_template) as dsn:
        async with running(dsn, replace(SETTINGS, issuer=ISSUER)) as other:
            yield Provider(
                await a_firm(other, "Provider", kind="web", redirect_uris=[CALLBACK], secrets=[{"name": "first"}])
            )


@pytest.fixture(scope="module")
def service(provider: Provider) -> Iterator[Service]:
    """The service as an operator starts it, which may call the provider though that is on this machine."""
    folder = make_open_folder()
    variables = {
        "MANAGEMENT_AUDIENCES": INDICATOR,
        "OUTBOUND_ALLOW": f"127.0.0.1:{provider.app.client.port}",
    }
    started = Service(folder / "data", ("--workers", "2"), variables)
    yield started
    started.kill()
    shutil.rmtree(folder)


async def a_client(service: Service) -> dict[str, str]:
    """Make an organization with a back end that may do everything in it; return its credentials."""
    root = json.loads((service.data_dir / FILE).read_text())
    async with aiohttp.ClientSession(service.url) as session:

        async def post(path: str, token: str = "", **more: Any) -> Any:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            async with session.post(path, headers=headers, **more) as response:
                assert response.status in {200, 201}, await response.text()
                return await response.json()

        form = {**root, "grant_type": "client_credentials", "audience": INDICATOR}
        token = (await post("/oauth2/token", data=form))["access_token"]
        organization = (await post("/api/accounts", token, json={"name": "Acme"}))["id"]
        body = {
            "name": "Account page", "kind": "machine", "audiences": [INDICATOR], "organization": organization,
            "permissions": ["all"], "secrets": [{"name": "first"}],
        }  # fmt: skip
        made = await post("/api/applications", token, json=body)
    return {"clientId": made["client_id"], "clientSecret": made["secrets"][0]["secret"]}


@dataclass
class Walk:
    """How the walk went: `rows` hold "ok", or why not; `complaints` is what it wrote beside."""

    rows: dict[str, str]
    complaints: str
    status: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def walk(installed: Path, service: Service, provider: Provider) -> Walk:
    """Let the official client walk, and do for it what it asks for."""
    told = {
        "baseUrl": service.url,
        "apiIndicator": INDICATOR,
        "connector": {"connectorId": TYPE, "config": provider.config()},
        "redirectUri": CALLBACK,
        "target": "provider",
        "enterprise": ENTERPRISE,
        **await a_client(service),
    }
    env = {name: value for name, value in os.environ.items() if name != "NODE_OPTIONS"}
    process = await asyncio.create_subprocess_exec(
        "node", "walk.mjs", cwd=installed, env=env | {"WALK": json.dumps(told)},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=2**20,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    complaints = asyncio.create_task(process.stderr.read())
    rows: dict[str, str] = {}
    try:
        async with asyncio.timeout(WALK_WITHIN):
            async for line in process.stdout:
                said = json.loads(line)
                if "done" in said:
                    rows = said["done"]
                else:
                    answer = await ASKED[said.pop("ask")](service, provider, **said)
                    process.stdin.write(json.dumps(answer).encode() + b"\n")
            return Walk(rows, (await complaints).decode(), await process.wait())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _code(service: Service, _: Provider, *, to: str) -> dict[str, str]:
    """Return the code that was sent to an address."""
    async with asyncio.timeout(MAIL_WITHIN):
        while True:
            for file in sorted((service.data_dir / "outbox").glob("email-*.jsonl")):
                for line in file.read_text().splitlines():
                    message = json.loads(line)
                    if message["to"] == to:
                        return {"code": message["code"]}
            await asyncio.sleep(0.05)


async def _follow(_: Service, provider: Provider, *, redirectTo: str) -> dict[str, str]:  # noqa: N803 - the dialect's
    """Return what somebody's browser brings back from the provider."""
    return await provider.back(redirectTo, await provider.person())


async def _enterprise(service: Service, _: Provider, *, user: str) -> dict[str, bool]:
    """Tell at the command line who a user is at their enterprise."""
    file = service.data_dir.parent / "identities.jsonl"
    file.write_text(json.dumps({"user": user, **ENTERPRISE}) + "\n")
    await asyncio.to_thread(run, service.data_dir, "identities", "import", str(file))
    return {"imported": True}


ASKED: dict[str, Any] = {"code": _code, "follow": _follow, "enterprise": _enterprise}


@pytest.mark.parametrize("row", ROWS)
async def test_the_official_client_walks_each_row(walk: Walk, row: str) -> None:
    assert walk.rows[row] == "ok"


@pytest.mark.parametrize("step", ["create", "list", "connectors", "connector deleted"])
async def test_the_official_client_does_what_the_rows_need_besides(walk: Walk, step: str) -> None:
    assert walk.rows[step] == "ok"


async def test_the_official_client_complains_of_nothing(walk: Walk) -> None:
    """It warns when the scope that is granted is not exactly the one that it asks for."""
    assert (walk.complaints, walk.status) == ("", 0)


async def test_the_official_client_is_what_its_registry_has_under_that_name_and_version(installed: Path) -> None:
    package = json.loads((installed / "node_modules" / "@logto" / "api" / "package.json").read_text())
    lock = (HERE / "package-lock.json").read_text()
    assert (package["name"], package["version"]) == ("@logto/api", "1.42.0")
    assert '"integrity": "sha512-' in lock
    assert '"resolved"' not in lock

"""The servers that are measured by turns: Muniment, and the peers it is held against."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.bench import figures
from tests.bench.children import Child, environment, running
from tests.bench.figures import Entrant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PEERS = Path(__file__).with_name("peers")
OIDC_PROVIDER = PEERS / "oidc_provider"
INSTALL_WITHIN = 180.0  # seconds

AUDIENCE = "https://api.bench.test"
SCOPE = "read_token"
CLIENT_ID = "bench"
CLIENT_SECRET = secrets.token_urlsafe(32)  # no character that Basic (RFC 6749 section 2.3.1) would have to escape

HEADERS = {
    "Authorization": "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode(),
    "Content-Type": "application/x-www-form-urlencoded",
}


class LeftOut(Exception):
    """A contender cannot take part on this machine; the text says why."""


@dataclass(frozen=True)
class Contender:
    """A running server, and how it wants to be asked: empty or None for what it cannot do."""

    entrant: Entrant
    child: Child
    issue: str
    introspect: str | None
    decide: str | None = None
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def issue_body(self) -> str:
        """The form that asks for a token."""
        return urlencode({"grant_type": "client_credentials", "scope": SCOPE, **self.form})

    def url(self, path: str) -> str:
        """Return the absolute URL of one of its paths."""
        return self.child.url + path


def introspect_body(token: str) -> str:
    """Return the form that asks about a token. The hint saves oidc-provider one of its three look-ups."""
    return urlencode({"token": token, "token_type_hint": "access_token"})


@contextmanager
def muniment(workers: int, folder: Path, name: str = figures.MUNIMENT, **settings: str) -> Iterator[Contender]:
    """Run `muniment serve` in a new folder, on its embedded database if the settings name none.

    Raises LeftOut or DidNotStart.
    """
    program = Path(sys.executable).with_name("muniment")
    if not program.exists():
        message = f"muniment: no {program.name} command beside {sys.executable}"
        raise LeftOut(message)
    home = folder / f"{name}-{workers}"
    home.mkdir()
    env = environment(
        MUNIMENT_DATA_DIR=str(home / "data"),
        MUNIMENT_ROOT_CLIENT_ID=CLIENT_ID,
        MUNIMENT_ROOT_CLIENT_SECRET=CLIENT_SECRET,
        MUNIMENT_MANAGEMENT_AUDIENCES=AUDIENCE,
        **settings,
    )
    command = [str(program), "serve", "--port", "0", "--workers", str(workers)]
    with running(command, env=env, folder=home, log=home / "log") as child:
        yield Contender(
            Entrant(name, workers),
            child,
            issue="/oauth2/token",
            introspect="/oauth2/introspect",
            decide="/access/v1/verify",
            form={"audience": AUDIENCE},
        )


@contextmanager
def oidc_provider(workers: int, dsn: str, folder: Path) -> Iterator[Contender]:
    """Run oidc-provider 9 with its tokens in PostgreSQL. Raises LeftOut or DidNotStart."""
    _install_oidc_provider()
    env = environment(
        NODE_ENV="production",
        PEER_DATABASE_URL=dsn,
        PEER_CLIENT_ID=CLIENT_ID,
        PEER_CLIENT_SECRET=CLIENT_SECRET,
        PEER_AUDIENCE=AUDIENCE,
        PEER_WORKERS=str(workers),
    )
    log = folder / f"oidc-provider-{workers}.log"
    with running(["node", "server.mjs"], env=env, folder=OIDC_PROVIDER, log=log) as child:
        yield Contender(
            Entrant(figures.OIDC_PROVIDER, workers),
            child,
            issue="/token",
            introspect="/token/introspection",
            form={"resource": AUDIENCE},
        )


@contextmanager
def bare(folder: Path) -> Iterator[Contender]:
    """Run the aiohttp handler that only signs. Raises DidNotStart."""
    command = [sys.executable, str(PEERS / "bare.py")]
    with running(command, env=environment(), folder=folder, log=folder / "bare.log") as child:
        yield Contender(Entrant(figures.BARE, 1), child, issue="/oauth2/token", introspect=None, decide="/decide")


def hello(bare: Contender) -> Contender:
    """Return the handler beside it that does not even sign."""
    return Contender(Entrant(figures.HELLO, 1), bare.child, issue="", introspect=None, decide="/hello")


def oidc_provider_version() -> str:
    """Return the version of the peer that takes part where npm can install it."""
    package = json.loads((OIDC_PROVIDER / "package.json").read_text())
    return str(package["dependencies"]["oidc-provider"])


def _install_oidc_provider() -> None:
    """Install the locked packages where they are not yet. Raises LeftOut."""
    if not (shutil.which("node") and shutil.which("npm")):
        message = "oidc-provider: node and npm are not installed"
        raise LeftOut(message)
    if (OIDC_PROVIDER / "node_modules" / "oidc-provider").exists():
        return
    try:
        subprocess.run(
            ["npm", "ci", "--ignore-scripts"],
            cwd=OIDC_PROVIDER,
            check=True,
            capture_output=True,
            text=True,
            timeout=INSTALL_WITHIN,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        message = f"oidc-provider: npm could not install it ({str(error.stderr)[-300:].strip()})"
        raise LeftOut(message) from error

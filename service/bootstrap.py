"""The first start: an organization, the root application and the first signing keys, in one append on the empty log."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from domain.account import Account
from domain.application import Application, ApplicationSettings
from domain.caller import SYSTEM
from domain.permissions import ALL, ROOT
from domain.role import Role
from service.commands import administrators, signing_keys
from service.secrets import key_file
from service.secrets.digests import CLIENT_SECRET, new_secret, sha256_hex
from service.secrets.signing import generate
from service.store.decision import Origin

if TYPE_CHECKING:
    from pathlib import Path

    from service.clock import Clock
    from service.settings import Settings
    from service.store.decision import Decision
    from service.store.store import Store

FILE = "root-application.json"
SHORT_SECRET = 16  # characters: what an operator chooses must not be guessable either
NIL = UUID(int=0)


class WeakRootSecret(Exception):
    """MUNIMENT_ROOT_CLIENT_SECRET is too short to be a secret."""


@dataclass(frozen=True)
class RootApplication:
    """The credentials of the root application. `generated` says whether they must be shown, once."""

    client_id: str
    client_secret: str
    generated: bool
    path: Path | None


async def first_start(store: Store, settings: Settings, clock: Clock) -> RootApplication | None:
    """Fill an empty log; return the root application's credentials, or None when the log was not empty.

    Credentials that were generated are on disk (0600) before the append, so a crash in between loses nothing.
    """
    if settings.root_client_secret is not None and len(settings.root_client_secret) < SHORT_SECRET:
        msg = f"MUNIMENT_ROOT_CLIENT_SECRET must have at least {SHORT_SECRET} characters"
        raise WeakRootSecret(msg)
    root: RootApplication | None = None

    async def command(decision: Decision) -> bool:
        nonlocal root
        if decision.position > 0:
            return False
        root = _credentials(settings, clock)
        now = clock.now()
        organization = Account.create(id=clock.new_id(), name="Root", parent=None, now=now)
        decision.organization = organization.id
        role = Role.define(
            id=clock.new_id(),
            organization=organization.id,
            name="super_admin",
            description="May do everything",
            permissions=[ALL, ROOT],
            by=SYSTEM,
            now=now,
        )
        application = Application.register(
            id=clock.new_id(),
            organization=organization.id,
            client_id=root.client_id,
            kind="machine",
            settings=ApplicationSettings(
                name="Root application", permissions=[ALL, ROOT], audiences=list(settings.management_audiences)
            ),
            by=SYSTEM,
            now=now,
        )
        secret = root.client_secret
        application.add_secret(clock.new_id(), "first", sha256_hex(secret), secret[-4:], None, by=SYSTEM, now=now)
        keys = [signing_keys.first(store, generate(algorithm)) for algorithm in settings.algorithms]
        decision.claim("client_id", hashlib.sha256(root.client_id.encode()).digest(), application.id)
        decision.claim("role-name", hashlib.sha256(b"super_admin").digest(), role.id, organization=organization.id)
        # Two processes that start at once on an empty log: this claim lets one of them through.
        decision.claim("first-start", hashlib.sha256(b"").digest(), organization.id)
        decision.save(organization, role, application, *keys)
        administrators.define(decision, organization.id, clock)
        return True

    made = await store.decide(command, origin(clock))
    return root if made.value else None


def origin(clock: Clock) -> Origin:
    """Return where the commands of a start come from: nobody asks for them."""
    return Origin(NIL, NIL, None, clock.new_id())


def _credentials(settings: Settings, clock: Clock) -> RootApplication:
    path = settings.data_dir / FILE
    if settings.root_client_secret is not None:
        return RootApplication(
            settings.root_client_id or "root", settings.root_client_secret, generated=False, path=None
        )

    def fresh() -> str:
        client_id = settings.root_client_id or str(clock.new_id())
        made = {"client_id": client_id, "client_secret": new_secret(CLIENT_SECRET)}
        return msgspec.json.encode(made).decode() + "\n"

    kept = msgspec.json.decode(key_file.read_or_create(path, fresh), type=dict[str, str])
    return RootApplication(kept["client_id"], kept["client_secret"], generated=True, path=path)

"""The people of these tests: users of an organization, with a password or without, signed in at a browser or not."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from domain.caller import SYSTEM
from domain.user import User
from service.commands import claims, sessions, users
from service.secrets.digests import SESSION, new_secret, sha256_hex
from service.sessions import SignedIn
from service.store.decision import Origin
from tests.service.oauth.asking import Back

if TYPE_CHECKING:
    from tests.app_fixture import Running

NOBODY = uuid.UUID(int=0)
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Person:
    """A user who can sign in by this name with PASSWORD."""

    id: uuid.UUID
    organization: uuid.UUID
    username: str


def origin(app: Running) -> Origin:
    return Origin(NOBODY, NOBODY, None, app.parts.clock.new_id())


async def a_person(app: Running, organization: str, *, password: str | None = None) -> Person:
    """Make a user of an organization; without a password they cannot sign in by one."""
    clock, username = app.parts.clock, f"ada_{uuid.uuid4().hex[:12]}"
    digest = None if password is None else await app.parts.passwords.digest(password)

    async def command(decision: Any) -> User:
        decision.organization = uuid.UUID(organization)
        user = User.create(id=clock.new_id(), organization=decision.organization, name="Ada", now=clock.now())
        user.change_username(username, clock.now())
        if digest is not None:
            user.change_password(digest, clock.now())
        await claims.claim_username(decision, user)
        decision.save(user)
        return user

    made = (await app.parts.store.decide(command, origin(app))).value
    return Person(made.id, made.organization, username)


async def signed_in(app: Running, person: Person) -> SignedIn:
    """Sign a person in at a browser that nobody uses."""
    started = await sessions.start(
        app.parts.store, origin(app), user=person.id, organization=person.organization,
        digest=sha256_hex(new_secret(SESSION)), methods=("pwd",), lifetime=timedelta(hours=1), former=None,
    )  # fmt: skip
    session = started.value
    return SignedIn(
        session.id, person.organization, person.id, session.authenticated_at, tuple(session.methods), started.position
    )


async def suspended(app: Running, person: Person) -> None:
    await users.suspend(app.parts.store, origin(app), SYSTEM, user=person.id)


async def an_app(app: Running, organization: str, *, kind: str = "web", **body: Any) -> Back:
    """Register an application; a public one has no secret."""
    public = kind in ("spa", "native")
    secrets: list[Any] = [] if public else [{"name": "first"}]
    made = await app.application(organization=organization, kind=kind, secrets=secrets, audiences=[], **body)
    return Back(made, "" if public else made["secrets"][0]["secret"])


def credentials(back: Back) -> dict[str, str]:
    """Return what a client sends in the body: a public one names itself only."""
    return {"client_id": back.client_id} | ({"client_secret": back.secret} if back.secret else {})

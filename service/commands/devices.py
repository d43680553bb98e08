"""Commands about devices that ask for access (RFC 8628): let one wait, find it by what a person typed, answer it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from domain.application import Application
from domain.device_authorization import DeviceAuthorization
from domain.refusals import UnknownDevice, UnknownSession
from projections import device_authorizations as rows
from service.secrets import user_codes
from service.secrets.digests import DEVICE_CODE, new_secret, sha256_hex
from service.secrets.user_codes import shown
from service.sign_in import TryLater, source_of
from service.store.throttle import Bucket

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from service.parts import Parts
    from service.secrets.master_key import MasterKeys
    from service.sessions import SignedIn
    from service.store.decision import Decision, Origin
    from service.store.store import Outcome, Store

__all__ = ["LIFETIME", "Waiting", "approve", "deny", "find", "request", "shown"]

LIFETIME = timedelta(seconds=600)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A device that waits, with its two codes: this once, in plain form. `user_code` is as people read it."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    lifetime: timedelta


async def request(
    store: Store,
    origin: Origin,
    *,
    ring: MasterKeys,
    organization: UUID,
    application: UUID,
    scope: str,
    audience: str,
) -> Outcome[Waiting]:
    """Let an application's device wait for a person, under a user code that no other device waits under.

    That the application may do so is for the origin to guard.
    """
    device_code = new_secret(DEVICE_CODE)

    async def command(decision: Decision) -> Waiting:
        now, code = store.clock.now(), user_codes.new_code()
        while await rows.in_use(decision.connection, user_codes.digests(ring, code), now):
            code = user_codes.new_code()
        decision.organization = organization
        decision.save(
            DeviceAuthorization.request(
                id=store.clock.new_id(),
                organization=organization,
                application=application,
                scope=scope,
                audience=audience,
                user_code_digest=user_codes.digest(ring, code),
                digest=sha256_hex(device_code),
                expires_at=now + LIFETIME,
                now=now,
            )
        )
        return Waiting(device_code, shown(code), LIFETIME)

    return await store.decide(command, origin)


async def find(
    parts: Parts, *, signed_in: SignedIn | None, user_code: str, address: str, anywhere: bool = False
) -> asyncpg.Record | None:
    """Return the device that waits under a code that somebody typed, None when there is none.

    Of the person's organization; of any while nobody is signed in, or `anywhere`. Guesses are counted by address and by
    session, whatever is typed (RFC 8628 section 5.1). Raises TryLater. See `projections.device_authorizations.WAITING`.
    """
    buckets = [Bucket.of("device-code-address", source_of(address), burst=20, every=15)]
    if signed_in is not None:
        buckets.append(Bucket.of("device-code", str(signed_in.id), burst=5, every=60))
    wait = await parts.throttle.wait(*buckets)
    if wait:
        raise TryLater(wait)
    code = user_codes.read(user_code)
    if code is None:
        return None
    organization = None if signed_in is None or anywhere else signed_in.organization
    found = None
    for attempt in range(2):
        if attempt:
            parts.reload_ring()  # another process may have made the code under a newer key
        digests = user_codes.digests(parts.ring, code)
        found = await rows.waiting(parts.store.pool, digests, parts.clock.now(), organization=organization)
        if found is not None:
            await parts.throttle.succeeded(*buckets)
            break
    return found


async def approve(
    store: Store, origin: Origin, *, device: UUID, signed_in: SignedIn, scope: str | None = None
) -> Outcome[DeviceAuthorization]:
    """Let a waiting device act for whoever is signed in, within the scope that they were asked about (None: its own).

    Raises UnknownDevice (of a third party that was submitted for approval since, too), DeviceAnswered, or
    UnknownSession when the session, or its user, changed since it was read.
    """

    async def command(decision: Decision) -> DeviceAuthorization:
        found = await _waiting(decision, device)
        await _require_same(decision, found)
        found.approve(
            user=signed_in.user,
            organization=signed_in.organization,
            session=signed_in.id,
            authenticated_at=signed_in.authenticated_at,
            methods=signed_in.methods,
            scope=scope,
            now=store.clock.now(),
        )
        decision.save(found)
        return found

    return await store.decide(command, _by(origin, signed_in))


async def deny(store: Store, origin: Origin, *, device: UUID, signed_in: SignedIn) -> Outcome[DeviceAuthorization]:
    """Refuse a waiting device in the name of whoever is signed in. Raises as `approve` does, of any application."""

    async def command(decision: Decision) -> DeviceAuthorization:
        found = await _waiting(decision, device)
        found.deny(user=signed_in.user, organization=signed_in.organization, now=store.clock.now())
        decision.save(found)
        return found

    return await store.decide(command, _by(origin, signed_in))


def _by(origin: Origin, signed_in: SignedIn) -> Origin:
    """Return the origin, resting on the session too."""
    return replace(origin, reads={**origin.reads, **signed_in.guards}, renew=origin.renew or _changed)


async def _changed() -> Origin:
    raise UnknownSession("changed since it was read")


async def _waiting(decision: Decision, device: UUID) -> DeviceAuthorization:
    found = await decision.load(DeviceAuthorization, device)
    if found is None:
        raise UnknownDevice
    decision.organization = found.organization
    return found


async def _require_same(decision: Decision, device: DeviceAuthorization) -> None:
    """Refuse what a third party wanted before it was submitted again: the person may have been shown another."""
    decision.rely_on(f"application:{device.application}")
    client = await decision.peek(Application, device.application)
    if client is not None and client.submission and device.created_on <= client.submission.submitted_at:
        raise UnknownDevice

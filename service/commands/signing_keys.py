"""Commands about the keys that sign tokens. They belong to the service, so root alone gives them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from domain.permissions import ROOT
from domain.refusals import InvalidAlgorithm, MissingPermission, UnknownKey
from domain.signing_key import Algorithm, SigningKey, Status
from projections import signing_keys
from service.secrets.signing import GeneratedKey, generate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

SERVICE = UUID(int=0)  # the organization that signing keys are recorded in: none
GUARD = "signing-keys"
PUBLISHED_FOR = timedelta(hours=24)  # a verifier that keeps the key set for a day knows a key before it signs
OVERLAP = timedelta(hours=25)  # the longest access token, and an hour for clocks that differ


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did. `activated` is None when the introduced key has to be published for a while first."""

    introduced: SigningKey
    activated: SigningKey | None
    retired: tuple[SigningKey, ...]


async def introduce(
    store: Store, origin: Origin, by: Caller, *, algorithm: str, remember: Remember[SigningKey] | None = None
) -> Outcome[SigningKey]:
    """Publish a new key, which does not sign yet. Raises MissingPermission or InvalidAlgorithm."""
    pair = await _pair(by, algorithm)

    async def command(decision: Decision) -> SigningKey:
        decision.organization = SERVICE
        key = _introduced(store, pair)
        decision.save(key)
        return key

    return await store.decide(command, origin, remember=remember)


async def activate(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    key: UUID,
    published_for: timedelta,
    force: bool = False,
    remember: Remember[SigningKey] | None = None,
) -> Outcome[SigningKey]:
    """Let a key sign that has been published this long; `force` skips the wait.

    Raises MissingPermission, UnknownKey, KeyNotIntroduced (retired) or KeyTooYoung.
    """
    _require_root(by)

    async def command(decision: Decision) -> SigningKey:
        found = await _loaded(decision, key)
        found.activate(store.clock.now(), published_for=published_for, force=force)
        decision.save(found)
        return found

    return await store.decide(command, origin, remember=remember)


async def retire(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    key: UUID,
    overlap: timedelta,
    remember: Remember[SigningKey] | None = None,
) -> Outcome[SigningKey]:
    """Let a key sign no more, destroy its private half, and keep it published for `overlap`.

    Raises MissingPermission, UnknownKey, KeyNotActive or InvalidExpiry (a negative overlap).
    """
    _require_root(by)

    async def command(decision: Decision) -> SigningKey:
        found = await _loaded(decision, key)
        now = store.clock.now()
        _retire(decision, found, now, now + overlap)
        return found

    return await store.decide(command, origin, remember=remember)


async def rotate(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    published_for: timedelta,
    overlap: timedelta,
    algorithm: str = Algorithm.ES256,
    force: bool = False,
    remember: Remember[Rotation] | None = None,
) -> Outcome[Rotation]:
    """Introduce the next key of an algorithm, let the one that waits sign, retire the former, all in one append.

    The key that waits must have been published for `published_for`; when none waits, the former goes on signing. The
    new key itself signs at once when forced (a leaked key) and at first start; nobody has to wait while none signs.
    Raises MissingPermission, InvalidAlgorithm, KeyTooYoung or InvalidExpiry (a negative overlap).
    """
    pair = await _pair(by, algorithm)

    async def command(decision: Decision) -> Rotation:
        decision.organization = SERVICE
        decision.rely_on(GUARD)
        now = store.clock.now()
        present = await _present(decision, algorithm)
        former = [key for key in present if key.status is Status.ACTIVE]
        waiting = [key for key in present if key.status is Status.INTRODUCED]
        new = _introduced(store, pair)
        following = new if force or not (waiting or former) else next(iter(waiting), None)
        decision.save(new)
        if following is None:
            return Rotation(new, None, ())
        following.activate(now, published_for=published_for, force=force or not former)
        if following is not new:
            decision.save(following)
        for key in former:
            _retire(decision, key, now, now + overlap)
        return Rotation(new, following, tuple(former))

    return await store.decide(command, origin, remember=remember)


async def ensure(store: Store, origin: Origin, algorithms: Sequence[str]) -> list[SigningKey]:
    """Let a key sign for each of these algorithms that has none; return those that sign from now on.

    At the start of a service, of one that is new or was told of another algorithm. Nobody waits for verifiers to know
    the key: nothing could be signed meanwhile.
    """
    pairs: dict[str, GeneratedKey] = {}

    async def command(decision: Decision) -> list[SigningKey]:
        decision.organization = SERVICE
        decision.rely_on(GUARD)
        made = []
        for algorithm in algorithms:
            present = await _present(decision, algorithm)
            if any(key.status is Status.ACTIVE for key in present):
                continue
            if present:
                present[0].activate(store.clock.now(), published_for=timedelta(0), force=True)
                made.append(present[0])
                continue
            if algorithm not in pairs:
                pairs[algorithm] = await asyncio.to_thread(generate, algorithm)
            made.append(first(store, pairs[algorithm]))
        decision.save(*made)
        return made

    return (await store.decide(command, origin)).value


def first(store: Store, pair: GeneratedKey) -> SigningKey:
    """Return a new key that signs at once."""
    key = _introduced(store, pair)
    key.activate(store.clock.now(), published_for=timedelta(0), force=True)
    return key


def _require_root(by: Caller) -> None:
    if not by.is_root:
        raise MissingPermission(ROOT)


async def _pair(by: Caller, algorithm: str) -> GeneratedKey:
    _require_root(by)
    if algorithm not in set(Algorithm):
        raise InvalidAlgorithm(field="algorithm")
    return await asyncio.to_thread(generate, algorithm)  # an RSA key takes long enough to hold up everybody else


def _introduced(store: Store, pair: GeneratedKey) -> SigningKey:
    return SigningKey.introduce(
        id=store.clock.new_id(),
        kid=pair.kid,
        algorithm=Algorithm(pair.algorithm),
        public_key=dict(pair.public_key),
        private_key=pair.private_key,
        now=store.clock.now(),
    )


async def _loaded(decision: Decision, key: UUID) -> SigningKey:
    decision.organization = SERVICE
    found = await decision.load(SigningKey, key)
    if found is None:
        raise UnknownKey
    return found


async def _present(decision: Decision, algorithm: str) -> list[SigningKey]:
    """Return the keys of an algorithm that sign or wait, the oldest first."""
    rows = await signing_keys.every(decision.connection)
    ids = [row["id"] for row in rows if row["algorithm"] == algorithm and row["status"] != Status.RETIRED]
    return await decision.load_many(SigningKey, ids)


def _retire(decision: Decision, key: SigningKey, now: datetime, until: datetime) -> None:
    key.retire(now, until)
    decision.save(key)
    # A retired key never signs again: what cannot be read cannot leak.
    decision.destroy_key(key.id)

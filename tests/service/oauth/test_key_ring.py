"""The signing keys a worker holds: read anew after a rotation, however that falls together with others."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import jwt
import pytest

from domain.caller import SYSTEM
from projections import signing_keys as rows
from service.commands import signing_keys
from service.oauth.key_ring import KeyRing, NoSigningKey
from service.store.decision import Origin
from tests.app_fixture import AUDIENCE, Running
from tests.service.oauth.asking import ask, back_end, error, issued

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = UUID(int=0)


async def rotated(app: Running, overlap: timedelta = timedelta(hours=25), algorithm: str = "ES256") -> str:
    """Rotate at once, as for a leaked key; return the name of the one that signs now."""
    store = app.parts.store
    origin = Origin(NOBODY, NOBODY, None, store.clock.new_id())
    done = await signing_keys.rotate(
        store, origin, SYSTEM, published_for=timedelta(0), overlap=overlap, algorithm=algorithm, force=True
    )
    return done.value.introduced.kid


def a_ring(app: Running, **algorithms: str) -> KeyRing:
    return KeyRing(app.parts.store.pool, app.parts.store.vault, app.parts.clock, **algorithms)


async def active(app: Running, algorithm: str) -> str:
    """Return the name of the one key of an algorithm that signs."""
    every = await rows.every(app.parts.store.pool)
    [found] = [row["kid"] for row in every if (row["status"], row["algorithm"]) == ("active", algorithm)]
    return found


def kid(token: str) -> str:
    return jwt.get_unverified_header(token)["kid"]


async def test_tokens_are_signed_with_the_new_key_from_the_rotation_on(two: tuple[Running, Running]) -> None:
    here, there = two
    back = await back_end(here)
    for app in (here, there, here):
        new = await rotated(app)
        assert kid(await issued(here, back)) == new
        assert kid(await issued(there, back)) == new


async def test_a_retired_key_is_published_until_its_tokens_have_expired(app: Running) -> None:
    back = await back_end(app)
    old = await issued(app, back)
    new = await rotated(app)
    gone = await issued(app, back)
    await rotated(app, overlap=timedelta(0))
    keys = jwt.PyJWKSet.from_dict((await app.call("GET", "/.well-known/jwks.json", "")).json)
    assert kid(gone) == new
    assert new not in {key.key_id for key in keys.keys}
    jwt.decode(old, keys[kid(old)], algorithms=["ES256"], audience=AUDIENCE)


def rotating(app: Running, times: int) -> Callable[[Any], Any]:
    """Return the query of all keys, after whose answer a rotation takes the private key away, so many times."""
    left, every = times, rows.every

    async def fetch(connection: Any) -> Any:
        nonlocal left
        found = await every(connection)
        if left:
            left -= 1
            await rotated(app)
        return found

    return fetch


async def test_a_key_that_is_destroyed_while_it_is_read_is_not_missed(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = a_ring(app)
    monkeypatch.setattr(rows, "every", rotating(app, 2))
    await ring.load()
    monkeypatch.undo()
    assert ring.signer.kid == await active(app, "ES256")
    assert ring.id_token_signer.kid == await active(app, "RS256")


async def test_a_ring_without_a_key_signs_nothing(app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(_: Any) -> list[Any]:
        return []

    ring = a_ring(app)
    for signer in ("signer", "id_token_signer"):
        with pytest.raises(NoSigningKey):
            getattr(ring, signer)
    monkeypatch.setattr(rows, "every", none)
    with pytest.raises(NoSigningKey):
        await ring.load()
    back = await back_end(app)
    monkeypatch.setattr(app.parts.issuer, "_keys", ring)
    assert error(await ask(app, **back.credentials)) == (500, "server_error")


async def test_all_who_wait_for_the_new_key_share_one_reading(app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    every, readings = rows.every, 0

    async def counted(connection: Any) -> Any:
        nonlocal readings
        readings += 1
        return await every(connection)

    keys = app.parts.keys
    await rotated(app)
    monkeypatch.setattr(rows, "every", counted)
    await asyncio.gather(*(keys.load(newer_than=keys.position) for _ in range(50)))
    assert readings == 1


async def test_access_tokens_and_id_tokens_are_signed_by_keys_of_their_own(app: Running) -> None:
    ring = a_ring(app)
    await ring.load()
    assert (ring.signer.algorithm, ring.id_token_signer.algorithm) == ("ES256", "RS256")
    before = ring.signer.kid
    new = await rotated(app, algorithm="RS256")
    await ring.load()
    assert (ring.signer.kid, ring.id_token_signer.kid) == (before, new)


async def test_one_key_signs_both_where_the_algorithms_are_the_same(app: Running) -> None:
    ring = a_ring(app, access_tokens="RS256", id_tokens="RS256")
    await ring.load()
    assert ring.signer is ring.id_token_signer
    with pytest.raises(NoSigningKey):
        await a_ring(app, id_tokens="EdDSA").load()


async def test_a_signer_is_made_anew_only_for_another_key(app: Running) -> None:
    ring = a_ring(app)
    await ring.load()
    both = (ring.signer, ring.id_token_signer)
    await ring.load()
    assert (ring.signer, ring.id_token_signer) == both
    await rotated(app)
    await ring.load()
    assert ring.signer is not both[0]
    assert ring.id_token_signer is both[1]

"""ID tokens say who signed in, when and how; a library takes them as they are, and hints of nobody else's are taken."""

from __future__ import annotations

import hmac
import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from authlib.oidc.core import CodeIDToken

from domain.caller import SYSTEM
from service.clock import Clock
from service.commands import signing_keys
from service.initialization import initialize
from service.oauth.id_token import LIFETIME, left_half
from service.oauth.id_token_hint import MAX_LENGTH, Hint, hinted
from service.oauth.logout_token import logout_token
from service.store.decision import Origin
from tests.app_fixture import ROOT_SECRET, SETTINGS, Running, running
from tests.service.oauth.asking import ISSUER, claims
from tests.service.oauth.authorization.flow import a_shop
from tests.service.oauth.id_tokens import an_id_token
from tests.service.oauth.key_pairs import pair, part

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = uuid.UUID(int=0)
USER, SESSION = uuid.uuid4(), uuid.uuid4()
AUTHENTICATED_AT = datetime(2026, 3, 1, 12, 0, 0, 999_999, tzinfo=UTC)


async def verified(app: Running, token: str, algorithm: str = "RS256") -> Any:
    """Return the claims of a token whose signature is that of a key of ours."""
    keys = jwt.PyJWKSet.from_dict((await app.call("GET", "/.well-known/jwks.json", "")).json)
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["typ"]) == (algorithm, "JWT")
    return jwt.decode(token, keys[header["kid"]], algorithms=[algorithm], options={"verify_aud": False})


async def test_an_id_token_says_who_signed_in_when_and_how(app: Running) -> None:
    shop = await a_shop(app)
    now = app.parts.clock.now()
    token = await an_id_token(
        shop, USER, SESSION, authenticated_at=AUTHENTICATED_AT, nonce="once", access_token="secret", now=now
    )
    assert await verified(app, token) == {
        "iss": ISSUER,
        "sub": str(USER),
        "aud": shop.client_id,
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + LIFETIME,
        "auth_time": int(AUTHENTICATED_AT.timestamp()),
        "nonce": "once",
        "sid": str(SESSION),
        "amr": ["pwd"],
        "at_hash": left_half("secret", "RS256"),
    }


async def test_what_is_not_known_is_left_out(app: Running) -> None:
    token = await an_id_token(await a_shop(app), USER, None, methods=(), authenticated_at=None, nonce=None)
    assert set(await verified(app, token)) == {"iss", "sub", "aud", "iat", "exp", "at_hash"}


async def test_a_library_takes_it_with_its_access_token_and_with_no_other(app: Running) -> None:
    shop = await a_shop(app)
    token = await an_id_token(shop, USER, SESSION, nonce="once", access_token="secret")
    options = {"iss": {"value": ISSUER}, "aud": {"value": shop.client_id}, "nonce": {"value": "once"}}
    told, header = await verified(app, token), jwt.get_unverified_header(token)
    for access_token, taken in (("secret", True), ("another", False)):
        found = CodeIDToken(
            told, header, options, {"access_token": access_token, "nonce": "once", "client_id": shop.client_id}
        )
        if taken:
            found.validate()
        else:
            with pytest.raises(Exception, match="at_hash"):
                found.validate()


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
async def test_another_algorithm_signs_where_the_settings_say_so(
    fresh_database: str, tmp_path: Path, algorithm: str
) -> None:
    settings = replace(SETTINGS, id_token_algorithm=algorithm, data_dir=tmp_path)
    await initialize(fresh_database, settings, Clock())
    async with running(fresh_database, settings) as app:
        token = await an_id_token(await a_shop(app), USER, SESSION, access_token="secret")
        assert (await verified(app, token, algorithm))["at_hash"] == left_half("secret", algorithm)
        discovery = (await app.call("GET", "/.well-known/openid-configuration", "")).json
        assert discovery["id_token_signing_alg_values_supported"] == [algorithm]


async def test_the_hash_is_the_left_half_of_the_algorithms_own() -> None:
    # OpenID Connect Core appendix A.3 has the access token and its hash.
    assert left_half("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == "77QmUPtjPfzWtF2AnpK9RQ"
    assert len(left_half("a", "ES256")) == 22
    assert len(left_half("a", "EdDSA")) == 43


async def test_a_hint_tells_whom_it_was_about_also_after_its_expiry_and_its_keys_retirement(app: Running) -> None:
    shop = await a_shop(app)
    long_ago = app.parts.clock.now() - timedelta(days=300)
    token = await an_id_token(shop, USER, SESSION, now=long_ago)
    hint = Hint(shop.client_id, USER, SESSION)
    assert await hinted(app.parts, token) == hint
    without = await an_id_token(shop, USER, None)
    assert await hinted(app.parts, without) == Hint(shop.client_id, USER, None)
    store = app.parts.store
    origin = Origin(NOBODY, NOBODY, None, store.clock.new_id())
    await signing_keys.rotate(
        store, origin, SYSTEM, published_for=timedelta(0), overlap=timedelta(0), algorithm="RS256", force=True
    )
    await app.parts.keys.load()
    assert await hinted(app.parts, token) == hint


async def test_what_is_not_an_id_token_of_ours_is_no_hint(app: Running) -> None:
    shop = await a_shop(app)
    good = await an_id_token(shop, USER, SESSION)
    header, told = jwt.get_unverified_header(good), claims(good)
    head, body, signature = good.split(".")
    signer = app.parts.keys.id_token_signer
    other = pair("RS256")
    ours = next(key for key in (await app.parts.keys.document())["keys"] if key["kid"] == header["kid"])
    confused = f"{part({**header, 'alg': 'HS256'})}.{body}"
    mac = hmac.digest(json.dumps(ours).encode(), confused.encode(), "sha256")
    bad = {
        "": "",
        "words": "no token",
        "two parts": f"{head}.{body}",
        "too long": good + "A" * MAX_LENGTH,
        "unsigned": f"{part({**header, 'alg': 'none'})}.{body}.",
        "another signature": f"{head}.{body}.{part(b'0' * 256)}",
        "another body": f"{head}.{part({**told, 'sub': str(uuid.uuid4())})}.{signature}",
        "another key under our name": jwt.encode(told, other.private, "RS256", headers=header),
        "a key that it brings": jwt.encode(told, other.private, "RS256", headers={**header, "jwk": other.public}),
        "our key as a secret": f"{confused}.{part(mac)}",
        "an unknown key": jwt.encode(told, other.private, "RS256", headers={**header, "kid": "unknown"}),
        "critical": signer.sign(told, typ="JWT").replace(head, part({**header, "crit": ["x"], "x": 1}), 1),
        "an access token": await app.token("root", ROOT_SECRET),
        "an access token by this key": signer.sign(told),
        "a logout token": logout_token(
            signer, issuer=ISSUER, client_id="a", user=NOBODY, session=NOBODY, id=NOBODY, now=app.parts.clock.now()
        ),
        "another issuer": signer.sign({**told, "iss": "https://evil.example"}, typ="JWT"),
        "no issuer": signer.sign({name: value for name, value in told.items() if name != "iss"}, typ="JWT"),
        "several audiences": signer.sign({**told, "aud": [told["aud"], "other"]}, typ="JWT"),
        "no user": signer.sign({**told, "sub": "somebody"}, typ="JWT"),
        "no session's name": signer.sign({**told, "sid": "x"}, typ="JWT"),
        "a number": signer.sign({**told, "sid": 1}, typ="JWT"),
        "surrogates": "\ud800.\ud800.\ud800",
    }
    assert await hinted(app.parts, good) is not None
    assert {name: found for name, text in bad.items() if (found := await hinted(app.parts, text)) is not None} == {}

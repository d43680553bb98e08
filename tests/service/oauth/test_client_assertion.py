"""private_key_jwt: what a signed assertion must say to prove its client, once (spec/README.md 17)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service.oauth import client_assertion
from tests.app_fixture import AUDIENCE, Reply, Running
from tests.service.oauth.asking import INTROSPECT, ISSUER, REVOKE, TOKEN, Back, ask, back_end, error
from tests.service.oauth.key_pairs import ALGORITHMS, TYPE, Pair, pair, part, signed, told

if TYPE_CHECKING:
    from tests.fake_clock import FakeClock

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDPOINT = ISSUER + TOKEN
ES256 = {"alg": "ES256"}


async def keyed(app: Running, *pairs: Pair) -> Back:
    return await back_end(app, key_set={"keys": [each.public for each in pairs]})


async def prove(app: Running, assertion: str, **more: str) -> Reply:
    return await ask(app, client_assertion=assertion, client_assertion_type=TYPE, **more)


# RFC 9864 renames EdDSA; under the old name it is still what libraries know.
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_every_advertised_algorithm_proves_a_client_with_either_library(app: Running, algorithm: str) -> None:
    key = pair(algorithm)
    back = await keyed(app, key)
    by_pyjwt = signed(key, told(back.client_id, ISSUER))
    by_authlib = private_key_jwt_sign(key.of_joserfc, back.client_id, ENDPOINT, alg=algorithm)
    for assertion in (by_pyjwt, by_authlib):
        reply = await prove(app, assertion)
        assert reply.status == 200, reply.text
        assert jwt.decode(reply.json["access_token"], options={"verify_signature": False})["sub"] == back.client_id
    assert (await prove(app, signed(key, told(back.client_id, ISSUER)), client_id=back.client_id)).status == 200


@pytest.mark.parametrize("path", [INTROSPECT, REVOKE])
async def test_an_assertion_proves_the_client_at_the_other_endpoints_too(app: Running, path: str) -> None:
    key = pair("ES256")
    back = await keyed(app, key)
    for audience in (ISSUER, ENDPOINT):
        form = {"client_assertion": signed(key, told(back.client_id, audience)), "client_assertion_type": TYPE}
        assert (await app.call("POST", path, "", data={**form, "token": "x"})).status == 200
        assert (await app.call("POST", path, "", data={**form, "token": "x"})).status == 401
    # spec/README.md 17: the issuer or the token endpoint, and no other address.
    form = {"client_assertion": signed(key, told(back.client_id, ISSUER + path)), "client_assertion_type": TYPE}
    assert (await app.call("POST", path, "", data={**form, "token": "x"})).status == 401


async def test_what_an_assertion_says_must_be_exact(app: Running) -> None:
    key = pair("ES256")
    back = await keyed(app, key)
    now, name = int(time.time()), back.client_id
    claims = {
        "an array of audiences": {"aud": [ISSUER]},
        "another audience": {"aud": "https://other.test"},
        "the issuer with a slash": {"aud": ISSUER + "/"},
        "the endpoint with a query": {"aud": ENDPOINT + "?"},
        "no audience": {"aud": None},
        "an audience that is no text": {"aud": {"a": ISSUER}},
        "expired": {"exp": now - 31},
        "no expiry": {"exp": None},
        "an expiry that is text": {"exp": str(now + 60)},
        "an expiry that is true": {"exp": True},
        "too long a life": {"exp": now + 3601},
        "too long a life from an early issue": {"iat": now - 1, "exp": now + 3600},
        "far in the future": {"iat": None, "exp": now + 3700},
        "issued in the future": {"iat": now + 60, "exp": now + 120},
        "not valid yet": {"nbf": now + 60},
        "no number": {"nbf": "now"},
        "not a number": {"exp": float("nan")},
        "without end": {"exp": float("inf")},
        "another's subject": {"iss": "root", "sub": name},
        "another's issuer": {"iss": name, "sub": "root"},
        "root": {"iss": "root", "sub": "root"},
        "no issuer": {"iss": None},
        "no subject": {"sub": None},
        "a subject that is no text": {"sub": 7},
        "no jti": {"jti": None},
        "an empty jti": {"jti": ""},
        "a long jti": {"jti": "x" * 257},
        "a jti that is no text": {"jti": 7},
    }
    for why, wrong in claims.items():
        reply = await prove(app, _signed_raw(key, told(name, ISSUER, now=now, **wrong)))
        assert error(reply) == (401, "invalid_client"), why
        assert reply.json["error_description"] == "Client authentication failed"
    assert (await prove(app, _signed_raw(key, told(name, ISSUER, now=now)))).status == 200


async def test_an_assertion_is_good_to_the_end_of_its_hour_and_of_its_leeway(timed: tuple[Running, FakeClock]) -> None:
    app, clock = timed
    key = pair("EdDSA")
    back = await keyed(app, key)

    def at(**claims: Any) -> str:
        return signed(key, told(back.client_id, ISSUER, now=clock.now().timestamp(), **claims))

    now = int(clock.now().timestamp())
    first, second = at(exp=now + 3600), at(exp=now + 3600)
    clock.move(timedelta(seconds=3600 + 30, microseconds=-1))
    assert (await prove(app, first)).status == 200
    clock.move(timedelta(microseconds=1))
    assert (await prove(app, second)).status == 401
    now = int(clock.now().timestamp())
    assert (await prove(app, at(iat=now + 30, nbf=now + 30))).status == 200
    assert (await prove(app, at(iat=now + 31))).status == 401
    assert (await prove(app, at(nbf=now + 31))).status == 401


async def test_an_assertion_proves_its_client_once(app: Running) -> None:
    key = pair("ES256")
    back, other = await keyed(app, key), await keyed(app, key)
    assertion = signed(key, told(back.client_id, ISSUER, jti="once"))
    assert (await prove(app, assertion)).status == 200
    assert error(await prove(app, assertion)) == (401, "invalid_client")
    assert (await prove(app, signed(key, told(back.client_id, ENDPOINT, jti="once")))).status == 401
    assert (await prove(app, signed(key, told(other.client_id, ISSUER, jti="once")))).status == 200
    assert (await prove(app, signed(key, told(back.client_id, ISSUER, jti="\ud800 twice")))).status == 200


async def test_of_many_concurrent_uses_on_two_workers_one_succeeds(two: tuple[Running, Running]) -> None:
    key = pair("ES256")
    back = await keyed(two[0], key)
    for _ in range(3):
        assertion = signed(key, told(back.client_id, ISSUER))
        replies = await asyncio.gather(*(prove(two[number % 2], assertion) for number in range(12)))
        assert sorted(reply.status for reply in replies) == [200] + [401] * 11


async def test_a_refused_request_does_not_use_an_assertion_up(app: Running) -> None:
    key = pair("ES256")
    back = await keyed(app, key)
    assertion = signed(key, told(back.client_id, ISSUER))
    assert error(await prove(app, assertion, audience="https://other.test")) == (400, "invalid_target")
    assert (await prove(app, assertion)).status == 200


async def test_keys_come_from_the_registration_alone(app: Running) -> None:
    own, strange = pair("ES256"), pair("ES256")
    back = await keyed(app, own)
    named = {"jku": "https://evil.test/jwks", "x5u": "https://evil.test/x5u", "jwk": strange.public}
    for header in ({}, *({name: value} for name, value in named.items()), named):
        assert (await prove(app, signed(strange, told(back.client_id, ISSUER), **header))).status == 401
        assert (await prove(app, signed(own, told(back.client_id, ISSUER), **header))).status == 200


async def test_a_header_must_name_a_known_key_and_understood_extensions(app: Running) -> None:
    key = pair("ES256")
    back = await keyed(app, key)
    for header in ({"kid": "two"}, {"kid": ""}, {"crit": ["exp"], "exp": 1}, {"crit": []}, {"alg": "ES384"}):
        head = {"alg": "ES256", "kid": "one", **header}
        assert (await prove(app, _signed_raw(key, told(back.client_id, ISSUER), head))).status == 401, header
    for kid in (7, None, {}, ["one"]):
        head = {"alg": "ES256", "kid": kid}
        assert (await prove(app, _signed_raw(key, told(back.client_id, ISSUER), head))).status in {200, 401}, kid


async def test_a_key_serves_the_algorithm_and_use_it_is_registered_for(app: Running) -> None:
    key = pair("RS256")
    for member, status in (({"alg": "PS256"}, 401), ({"use": "enc"}, 401), ({"alg": "RS256", "use": "sig"}, 200)):
        back = await back_end(app, key_set={"keys": [{**key.public, **member}]})
        assert (await prove(app, signed(key, told(back.client_id, ISSUER)))).status == status


async def test_a_curve_belongs_to_its_algorithm(app: Running) -> None:
    key = pair("ES256")
    back = await keyed(app, key)
    head, claims = {"alg": "ES384", "kid": "one"}, told(back.client_id, ISSUER)
    text = f"{part(head)}.{part(claims)}"
    raw = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA384).sign(text.encode(), key.private)
    assert (await prove(app, f"{text}.{part(raw)}")).status == 401


async def test_any_key_of_the_set_may_sign_also_without_a_name(app: Running) -> None:
    first, second = pair("ES256", "first"), pair("EdDSA", "second")
    back = await keyed(app, first, second)
    for key, kid in ((first, "first"), (second, "second")):
        assert (await prove(app, signed(key, told(back.client_id, ISSUER), kid=kid))).status == 200
    nameless = pair("ES256", None)
    back = await keyed(app, nameless)
    assert (await prove(app, signed(nameless, told(back.client_id, ISSUER), kid="whatever"))).status == 200


async def test_unsigned_and_symmetric_assertions_prove_nothing(app: Running) -> None:
    key = pair("RS256")
    back = await keyed(app, key)
    claims = told(back.client_id, ISSUER)
    public = key.private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secrets = [pem, pem.strip(), back.secret.encode(), back.document["secrets"][0]["hint"].encode(), b""]
    attempts = [f"{part({'alg': name})}.{part(claims)}." for name in ("none", "None", "NONE", "", None, ["ES256"])]
    attempts += [_with_hmac(claims, secret) for secret in secrets]
    for assertion in attempts:
        assert error(await prove(app, assertion)) == (401, "invalid_client")


def raw(header: object, claims: object, signature: bytes = b"x" * 64) -> str:
    return f"{part(header)}.{part(claims)}.{part(signature)}"


@pytest.mark.parametrize(
    "assertion",
    [
        "x",
        "..",
        "a.b.c",
        "\u00e9.\u00e9.\u00e9",
        raw(ES256, []),
        raw(ES256, b"{"),
        raw(ES256, b"[" * 4000),
        raw(b"[" * 4000, {"sub": "root"}),
        raw(ES256, b'{"sub":"root","exp":1' + b"0" * 5000 + b"}"),
        raw({**ES256, "zip": "DEF"}, {"sub": "root"}),
        raw({**ES256, "b64": False}, {"sub": "root"}),
        raw(ES256, {"sub": "root"}, b""),
        raw(ES256, {"sub": "root", "x": "y" * 9000}),
    ],
)
async def test_a_malformed_assertion_is_a_failed_authentication(app: Running, assertion: str) -> None:
    assert error(await prove(app, assertion)) == (401, "invalid_client")


async def test_the_type_of_the_assertion_is_named(app: Running) -> None:
    key = pair("ES256")
    back = await keyed(app, key)
    assertion = signed(key, told(back.client_id, ISSUER))
    for kind in ("", "jwt", TYPE + " "):
        reply = await ask(app, client_assertion=assertion, client_assertion_type=kind)
        assert error(reply) == (400, "invalid_request")
    assert error(await prove(app, assertion, client_id="root")) == (401, "invalid_client")
    assert (await prove(app, assertion)).status == 200


async def test_an_unknown_client_takes_the_work_of_a_verification(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify, done = client_assertion._claims, []

    def counted(assertion: str, key: Any, algorithm: str) -> Any:
        done.append(algorithm)
        return verify(assertion, key, algorithm)

    monkeypatch.setattr(client_assertion, "_claims", counted)
    without = await back_end(app)
    for algorithm in ALGORITHMS:
        key = pair(algorithm)
        back = await keyed(app, pair(algorithm, "two") if algorithm[:2] in {"ES", "Ed"} else key)
        for name in (back.client_id, without.client_id, "nobody"):
            done.clear()
            assertion = signed(key, told(name, ISSUER))[:-8] + "AAAAAAAA"
            assert (await prove(app, assertion)).status == 401
            assert done == [algorithm], name


async def test_a_key_of_the_wrong_kind_never_breaks_the_endpoint(app: Running) -> None:
    """The rules take any text for a coordinate: what cannot be a key proves nothing."""
    odd = [
        {"kty": "EC", "crv": "P-256", "x": part(b"\1" * 32), "y": part(b"\1" * 32)},
        {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "X25519", "x": part(b"\1" * 32)},
        {"kty": "RSA", "n": "A" * 342, "e": "AA"},
        {"kty": "RSA", "n": "\u00e9" * 342, "e": "AQAB"},
    ]
    key = pair("ES256")
    back = await back_end(app, key_set={"keys": [{**jwk, "kid": str(n)} for n, jwk in enumerate(odd)] + [key.public]})
    for kid in [str(n) for n in range(len(odd))]:
        for algorithm in ALGORITHMS:
            signer = pair(algorithm)
            assert (await prove(app, signed(signer, told(back.client_id, ISSUER), kid=kid))).status == 401
    assert (await prove(app, signed(key, told(back.client_id, ISSUER)))).status == 200


async def test_an_issued_token_is_no_assertion(app: Running) -> None:
    """Nor is anything else this service signed: its keys are not the client's."""
    token = await app.token("root", "root-secret-of-the-tests", audience=AUDIENCE)
    assert error(await prove(app, token)) == (401, "invalid_client")


def _signed_raw(key: Pair, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    """Sign what a library would not."""
    text = f"{part(header or {'alg': key.algorithm, 'kid': 'one'})}.{part(claims)}"
    algorithm = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)
    return f"{text}.{part(algorithm.sign(text.encode(), key.private))}"


def _with_hmac(claims: dict[str, Any], secret: bytes) -> str:
    text = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(claims)}"
    return f"{text}.{part(hmac.digest(secret, text.encode(), hashlib.sha256))}"

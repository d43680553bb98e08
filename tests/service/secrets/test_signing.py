"""What we sign, an independent library verifies with the published key, and with no other."""

from __future__ import annotations

import json
from functools import cache

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from service.secrets.signing import ALGORITHMS, GeneratedKey, Signer, UnusableKey, generate, jwks, thumbprint

LENIENT = jwt.types.Options(verify_aud=False, verify_exp=False, verify_iat=False, verify_nbf=False)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
REGISTERED = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}


@cache
def key(algorithm: str) -> GeneratedKey:
    return generate(algorithm)


def signer(algorithm: str) -> Signer:
    return Signer(key(algorithm).kid, algorithm, key(algorithm).private_key)


def pem(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@settings(max_examples=50, deadline=None)
@given(claims=st.dictionaries(st.text().filter(lambda name: name not in REGISTERED), VALUES, max_size=5))
def test_any_claims_verify_with_the_published_key(algorithm: str, claims: dict[str, object]) -> None:
    public = jwt.PyJWK(key(algorithm).public_key)
    assert jwt.decode(signer(algorithm).sign(claims), public, algorithms=[algorithm], options=LENIENT) == claims


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_access_token_passes_every_check_of_its_reader(algorithm: str) -> None:
    claims = {"iss": "https://issuer", "sub": "app", "aud": "https://api", "iat": 1, "exp": 2**33, "jti": "1"}
    token = signer(algorithm).sign(claims)
    published = jwt.PyJWKSet.from_dict(jwks([key(name).public_key for name in ALGORITHMS]))
    header = jwt.get_unverified_header(token)
    assert header == {"alg": algorithm, "typ": "at+jwt", "kid": key(algorithm).kid}
    read = jwt.decode(
        token,
        published[header["kid"]],
        algorithms=[algorithm],
        audience="https://api",
        issuer="https://issuer",
        options={"require": ["iss", "sub", "aud", "iat", "exp", "jti"]},
    )
    assert read == claims


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_type_goes_into_the_header(algorithm: str) -> None:
    once = signer(algorithm)
    for _ in range(2):
        assert (
            jwt.get_unverified_header(once.sign({}, typ="token-introspection+jwt"))["typ"] == "token-introspection+jwt"
        )
    assert jwt.get_unverified_header(once.sign({}))["typ"] == "at+jwt"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_changed_in_any_part_does_not_verify(algorithm: str) -> None:
    public = jwt.PyJWK(key(algorithm).public_key)
    header, payload, signature = signer(algorithm).sign({"sub": "app"}).split(".")
    others = signer(algorithm).sign({"sub": "root"}).split(".")
    typed = signer(algorithm).sign({"sub": "app"}, typ="JWT").split(".")
    swapped = signature[:-8] + ("A" if signature[-8] != "A" else "B") + signature[-7:]
    for forged in ((typed[0], payload, signature), (header, others[1], signature), (header, payload, swapped)):
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(".".join(forged), public, algorithms=[algorithm])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_does_not_verify_with_another_key(algorithm: str) -> None:
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(signer(algorithm).sign({}), jwt.PyJWK(generate(algorithm).public_key), algorithms=[algorithm])


def test_short_numbers_keep_their_width_in_an_ecdsa_signature() -> None:
    # One signature in 128 has r or s with a leading zero byte; 600 miss it with odds of about 1 to 100.
    once, public = signer("ES256"), jwt.PyJWK(key("ES256").public_key)
    for number in range(600):
        token = once.sign({"n": number})
        assert len(token.rsplit(".", 1)[1]) == 86
        jwt.decode(token, public, algorithms=["ES256"])


def test_the_thumbprint_is_that_of_the_standards() -> None:
    # RFC 7638 section 3.1 and RFC 8037 appendix A.3.
    rsa_key = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
        "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
        "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
        "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    ed_key = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert thumbprint(rsa_key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert thumbprint(ed_key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_generated_key_is_named_and_hides_its_private_half(algorithm: str) -> None:
    made = key(algorithm)
    assert made.kid == thumbprint(made.public_key)
    assert (made.public_key["kid"], made.public_key["use"], made.public_key["alg"]) == (made.kid, "sig", algorithm)
    assert made.private_key.startswith("-----BEGIN PRIVATE KEY-----\n")
    assert "d" not in made.public_key
    assert "PRIVATE" not in repr(made)
    assert repr(signer(algorithm)) == f"Signer({made.kid}, {algorithm})"


def test_the_key_set_publishes_public_members_only() -> None:
    public = key("ES256").public_key
    assert jwks([{**public, "d": "secret", "k": "secret", "oth": "secret"}]) == {"keys": [public]}
    assert json.loads(json.dumps(jwks([]))) == {"keys": []}


@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES384", ""])
def test_an_unknown_algorithm_is_refused(algorithm: str) -> None:
    with pytest.raises(UnusableKey):
        generate(algorithm)
    with pytest.raises(UnusableKey):
        Signer("kid", algorithm, key("ES256").private_key)


def test_a_key_that_does_not_fit_its_algorithm_is_refused() -> None:
    misfits = [
        (algorithm, key(other).private_key) for algorithm in ALGORITHMS for other in ALGORITHMS if algorithm != other
    ]
    misfits.append(("ES256", pem(ec.generate_private_key(ec.SECP384R1()))))
    misfits.append(("RS256", pem(rsa.generate_private_key(65537, 1024))))
    for algorithm, private in misfits:
        with pytest.raises(UnusableKey, match=algorithm):
            Signer("kid", algorithm, private)


@pytest.mark.parametrize(
    "text", ["", "not a key", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", "ключ"]
)
def test_a_broken_private_key_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(UnusableKey) as unusable:
        Signer("kid", "ES256", text)
    assert str(unusable.value) == "ES256"
    assert unusable.value.__cause__ is None
    assert unusable.value.__suppress_context__

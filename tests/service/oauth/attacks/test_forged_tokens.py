"""Forged tokens: unsigned, signed with what is public, pointing to keys of the attacker's, or meant for something else.

Access tokens are looked up and never verified, so none of the forgeries can be one. Where a signature does count, of ID
tokens that are shown as hints and of clients' assertions, each of these is tried as well.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.grant_types import TOKEN_EXCHANGE
from tests.service.oauth.asking import TOKEN, claims, error
from tests.service.oauth.attacks.given import EVIL, a_code, a_victim, nothing_written, refused
from tests.service.oauth.authorization.flow import answer
from tests.service.oauth.key_pairs import pair, part
from tests.service.oauth.persons import an_app, credentials
from tests.service.oauth.redeeming import ROOT, redeem
from tests.service.pages.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
ACCESS_TYPE = "urn:ietf:params:oauth:token-type:access_token"
OURS = pair("ES256")  # the attacker's own


class Stolen:
    """What an attacker starts from: the parts of a real token, and every key that is public."""

    def __init__(self, token: str, keys: list[dict[str, Any]]) -> None:
        self.token, self.keys = token, keys
        self.header = jwt.get_unverified_header(token)
        self.claims = claims(token)
        [self.key] = [key for key in keys if key["kid"] == self.header["kid"]]

    def unsigned(self, algorithm: str, signature: str = "") -> str:
        return f"{part({**self.header, 'alg': algorithm})}.{part(self.claims)}.{signature}"

    def by_public_key(self, secret: bytes, algorithm: str = "HS256") -> str:
        """Sign with what everybody knows, as if it were a shared secret."""
        signed = f"{part({**self.header, 'alg': algorithm})}.{part(self.claims)}"
        return f"{signed}.{part(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"

    def by_own_key(self, **header: Any) -> str:
        headers = {"typ": self.header.get("typ", "JWT"), "kid": self.header["kid"], **header}
        return jwt.encode(self.claims, OURS.private, algorithm="ES256", headers=headers)

    def renamed(self, **header: Any) -> str:
        """Keep the signature under another header."""
        return f"{part({**self.header, **header})}.{self.token.split('.', 1)[1]}"

    def changed(self, **changes: Any) -> str:
        """Keep the signature under other claims."""
        head, _, signature = self.token.split(".")
        return f"{head}.{part({**self.claims, **changes})}.{signature}"


def pem(key: dict[str, Any]) -> bytes:
    return jwt.PyJWK(key).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


PADDED = "padding behind it"
FORGERIES: dict[str, Callable[[Stolen], str]] = {
    "alg none": lambda it: it.unsigned("none"),
    "alg None": lambda it: it.unsigned("None"),
    "alg nOnE with a signature": lambda it: it.unsigned("nOnE", it.token.rsplit(".", 1)[1]),
    "no signature": lambda it: it.unsigned(it.header["alg"]),
    "the public key in PEM as a shared secret": lambda it: it.by_public_key(pem(it.key)),
    "the public key in PEM without its last line": lambda it: it.by_public_key(pem(it.key).strip()),
    "the public key in JSON as a shared secret": lambda it: it.by_public_key(json.dumps(it.key).encode()),
    "an empty shared secret": lambda it: it.by_public_key(b""),
    "another key under our key's name": lambda it: it.by_own_key(),
    "a key that comes along": lambda it: it.by_own_key(jwk=OURS.public),
    "a key set elsewhere": lambda it: it.by_own_key(jku=f"{EVIL}/jwks.json", kid="one"),
    "a certificate elsewhere": lambda it: it.by_own_key(x5u=f"{EVIL}/chain.pem", kid="one"),
    "a certificate that comes along": lambda it: it.by_own_key(x5c=["MIIB"], kid="one"),
    "a key's name that is a path": lambda it: it.by_own_key(kid="../../../../../dev/null"),
    "a key's name that is a statement": lambda it: it.by_own_key(kid="x' UNION SELECT 'c2VjcmV0' -- "),
    "a key's name that is an address": lambda it: it.by_own_key(kid=f"{EVIL}/key"),
    "an extension that must be understood": lambda it: it.renamed(crit=["exp", "evil"], evil=True),
    "another algorithm than the key's": lambda it: it.renamed(alg="ES384"),
    "other claims": lambda it: it.changed(sub="00000000-0000-0000-0000-000000000001", aud="https://muniment.test/api"),
    "a later end": lambda it: it.changed(exp=it.claims["exp"] + 3600),
    "a blank behind it": lambda it: it.token + "\u200b",
    PADDED: lambda it: it.token + "==",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def held(app: Running) -> Any:
    """An application, its victim, and the victim's tokens."""
    shop, victim = await a_victim(app, audiences=[])
    reply = await redeem(shop, await a_code(shop, victim, scope="openid"))
    assert reply.status == 200, reply.text
    return shop, victim, reply.json


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exchanger(app: Running, held: Any) -> dict[str, str]:
    """The credentials of a back end that may exchange tokens of these people."""
    settings = {"kind": "machine", "grant_types": [TOKEN_EXCHANGE]}
    return credentials(await an_app(app, str(held[0].organization), **settings))


async def stolen(app: Running, token: str) -> Stolen:
    return Stolen(token, (await app.call("GET", "/.well-known/jwks.json", "")).json["keys"])


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_access_token_opens_nothing(
    app: Running, held: Any, exchanger: dict[str, str], forgery: str
) -> None:
    _, _, tokens = held
    forged = FORGERIES[forgery](await stolen(app, tokens["access_token"]))
    async with nothing_written(app):
        told = await app.call("POST", "/oauth2/introspect", "", data={**ROOT, "token": forged})
        assert told.json == {"active": False}
        if forged.isascii():
            assert await refused(app, forged)
            assert (await app.call("GET", "/api/applications", forged)).status == 401
        for kind in (ACCESS_TYPE, JWT_TYPE):
            form = {"grant_type": TOKEN_EXCHANGE, "subject_token": forged, "subject_token_type": kind}
            assert error(await app.call("POST", TOKEN, "", data=form | exchanger)) == (400, "invalid_request")
    assert not await refused(app, tokens["access_token"])


@pytest.mark.parametrize("forgery", [name for name in FORGERIES if name != PADDED])  # which says the same as without
async def test_a_forged_id_token_is_no_hint(app: Running, held: Any, forgery: str) -> None:
    shop, victim, tokens = held
    forged = FORGERIES[forgery](await stolen(app, tokens["id_token"]))
    if not forged.isascii():
        forged = tokens["id_token"] + "."
    async with nothing_written(app):
        reply = await shop.ask(victim, id_token_hint=forged)
        assert answer(reply)["error"] == "invalid_request"
        visitor = Visitor(app, {victim.headers["Cookie"].partition("=")[0]: victim.cookie})
        signing_out = await visitor.open("/oauth2/logout", id_token_hint=forged)
        assert signing_out.status == 400
    assert "code" in answer(await shop.ask(victim, id_token_hint=tokens["id_token"]))


async def test_an_id_token_is_no_access_token_anywhere(app: Running, held: Any, exchanger: dict[str, str]) -> None:
    shop, _, tokens = held
    identity = tokens["id_token"]
    async with nothing_written(app):
        assert await refused(app, identity)
        for path in ("/api/applications", "/api/events", "/api/roles", "/oauth2/userinfo"):
            assert (await app.call("GET", path, identity)).status == 401, path
        form = {"grant_type": TOKEN_EXCHANGE, "subject_token": identity, "subject_token_type": ACCESS_TYPE}
        assert error(await app.call("POST", TOKEN, "", data=form | exchanger)) == (400, "invalid_request")
        for grant, name in (("refresh_token", "refresh_token"), ("authorization_code", "code")):
            form = {"grant_type": grant, name: identity, "client_id": shop.client_id, "client_secret": shop.secret}
            assert error(await app.call("POST", TOKEN, "", data=form)) == (400, "invalid_grant")


async def test_an_access_token_is_no_hint_of_who_somebody_is(app: Running, held: Any) -> None:
    shop, victim, tokens = held
    async with nothing_written(app):
        for token in (tokens["access_token"], tokens["refresh_token"], app.root):
            assert answer(await shop.ask(victim, id_token_hint=token))["error"] == "invalid_request"

"""Rules about what the endpoints answer: caches, characters, challenges, documents (docs/standards.md)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.service.oauth.asking import TOKEN, ask, back_end
from tests.service.oauth.authorization.flow import AUTHORIZE, PAR, answer
from tests.service.oauth.redeeming import (
    CHALLENGE,
    a_code,
    a_person,
    a_shop,
    redeem,
    renew,
    tokens_of,
)

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEVER_STORED = ("no-store", "no-cache")
ERROR = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")
CHALLENGES = re.compile(r'Bearer ((?:[a-z_]+="[\x20-\x21\x23-\x5B\x5D-\x7E]*"(?:, )?)+)')
METADATA = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


def kept(reply: Reply) -> tuple[str, str]:
    return reply.headers["Cache-Control"], reply.headers["Pragma"]


async def test_answers_with_tokens_are_never_stored(app: Running) -> None:
    shop, back = await a_shop(app), await back_end(app)
    browser = await a_person(shop)
    redeemed = await redeem(shop, await a_code(shop, browser))
    answers = [
        redeemed,
        await renew(shop, redeemed.json["refresh_token"]),
        await ask(app, **back.credentials),
        await app.call("POST", "/oauth2/introspect", "", data={**back.credentials, "token": "x"}),
        await app.call("POST", PAR, "", data={**shop.request(), "client_secret": shop.secret}),
    ]
    assert [reply.status for reply in answers] == [200, 200, 200, 200, 201]
    refused = [
        await ask(app, client_id="nobody", client_secret="wrong"),
        await redeem(shop, "mun_ac_wrong"),
        await app.call("POST", PAR, "", data={**shop.request(scope="nonsense"), "client_secret": shop.secret}),
    ]
    assert [reply.status for reply in refused] == [401, 400, 400]
    assert {kept(reply) for reply in (*answers, *refused)} == {NEVER_STORED}


@pytest.mark.parametrize(
    "changed",
    [
        {"response_type": "tok\ten"},
        {"scope": "caf\u00e9"},
        {"scope": 'quo"ted back\\slash'},
        {"prompt": "\u4f60\u597d"},
        {"max_age": "-1"},
        {"code_challenge": "\u2028" * 43},
        {"resource": "https://x.test/\u00fc"},
        {"account": "\x7f"},
        {"request": "x.y.z"},
    ],
    ids=str,
)
async def test_what_an_error_says_keeps_to_its_characters(app: Running, changed: dict[str, str]) -> None:
    shop = await a_shop(app)
    told = answer(await shop.ask(await a_person(shop, "openid"), **changed))
    assert ERROR.fullmatch(told["error"])
    assert ERROR.fullmatch(told["error_description"])
    pushed = await app.call("POST", PAR, "", data={**shop.request(**changed), "client_secret": shop.secret})
    assert pushed.status == 400
    assert (pushed.json["error"], pushed.json["error_description"]) == (told["error"], told["error_description"])


async def challenge(app: Running, path: str, token: str = "", **more: Any) -> tuple[int, dict[str, str]]:
    """Return the status of a refusal and the attributes of its challenge, each of which stands once."""
    reply = await app.call("GET", path, token, **more)
    found = CHALLENGES.fullmatch(reply.headers["WWW-Authenticate"])
    assert found is not None, reply.headers["WWW-Authenticate"]
    pairs = re.findall(r'([a-z_]+)="([^"]*)"', found[1])
    assert len(dict(pairs)) == len(pairs)
    return reply.status, dict(pairs)


@pytest.mark.parametrize("path", ["/api/roles", "/oauth2/userinfo", "/api/v1/users"])
async def test_a_challenge_is_of_the_bearer_scheme_and_says_what_is_wrong(app: Running, path: str) -> None:
    status, told = await challenge(app, path)
    assert status == 401
    assert told
    assert "error" not in told
    status, told = await challenge(app, path, "nonsense")
    assert (status, told["error"]) == (401, "invalid_token")


@pytest.mark.parametrize("path", ["/api/roles", "/oauth2/userinfo"])
async def test_a_malformed_header_is_400_and_a_missing_scope_403(app: Running, path: str) -> None:
    status, told = await challenge(app, path, headers={"Authorization": "Bearer two words"})
    assert (status, told["error"]) == (400, "invalid_request")
    status, told = await challenge(app, path, await app.manager(None, "read_user"))
    assert (status, told["error"]) == (403, "insufficient_scope")
    assert told["scope"]


@pytest.mark.parametrize("path", METADATA)
async def test_metadata_is_json_without_empty_members_at_its_well_known_place(app: Running, path: str) -> None:
    reply = await app.call("GET", path, "")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.json["issuer"] == "https://muniment.test"
    assert all(value not in ([], "", None) for value in reply.json.values())
    assert (await app.call("POST", path, "")).status == 405


async def test_an_id_tokens_header_names_its_key_and_nothing_to_fetch_one_from(app: Running) -> None:
    shop = await a_shop(app)
    told = await tokens_of(shop, await a_person(shop))
    header = jwt.get_unverified_header(told["id_token"])
    assert header.keys() == {"alg", "kid", "typ"}
    keys = (await app.call("GET", "/.well-known/jwks.json", "")).json["keys"]
    assert header["kid"] in [key["kid"] for key in keys]
    assert header["alg"] == "RS256"


async def test_a_code_tells_nothing_of_its_challenge(app: Running) -> None:
    shop = await a_shop(app)
    reply = await shop.ask(await a_person(shop, "openid"))
    assert set(answer(reply)) == {"code", "state", "iss"}
    assert CHALLENGE not in reply.headers["Location"]
    code = answer(reply)["code"]
    assert code.startswith("mun_ac_")
    assert len(code) == len("mun_ac_") + 49  # 256 random bits and a checksum, with no room for more


async def test_what_is_wrong_with_a_challenge_is_told_in_words(app: Running) -> None:
    shop = await a_shop(app, kind="spa")
    missing = answer(await shop.ask(code_challenge=None, code_challenge_method=None))
    plain = answer(await shop.ask(code_challenge_method="plain"))
    for told, word in ((missing, "code_challenge"), (plain, "S256")):
        assert told["error"] == "invalid_request"
        assert word in told["error_description"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_no_other_origin_reads_what_the_authorization_endpoint_answers(app: Running, origin: str) -> None:
    shop = await a_shop(app)
    reply = await app.call(
        "GET", AUTHORIZE, "", params=shop.request(), headers={"Origin": origin}, allow_redirects=False
    )
    assert reply.status == 303
    assert not [name for name in reply.headers if name.lower().startswith("access-control-")]
    token = await app.call("POST", TOKEN, "", data={"grant_type": "x"}, headers={"Origin": origin})
    assert token.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in token.headers

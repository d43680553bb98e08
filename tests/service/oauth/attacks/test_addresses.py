"""Addresses under attack: answers that should go elsewhere, hosts that are not ours, servers that are mixed up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.service.oauth.attacks.given import EVIL, a_victim, kept_here, nothing_written
from tests.service.oauth.authorization.flow import AUTHORIZE, PAR, a_person, a_shop, answer, error, place
from tests.service.oauth.authorization.test_addressing import TRICKS
from tests.service.oauth.redeeming import credentials
from tests.service.pages.visitor import Visitor

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

ISSUER = "https://muniment.test"
POISON: list[dict[str, str]] = [
    {"Host": "evil.example"},
    {"Host": "evil.example:443"},
    {"Host": "muniment.test.evil.example"},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "666"},
    {"Forwarded": "host=evil.example;proto=http"},
    {"X-Original-URL": "https://evil.example/oauth2/authorize", "X-Rewrite-URL": "/evil"},
    {"X-Host": "evil.example", "X-Forwarded-Server": "evil.example"},
]


@pytest.mark.parametrize("kind", ["web", "spa", "native"])
async def test_no_trick_sends_a_code_elsewhere(app: Running, kind: str) -> None:
    shop, victim = await a_victim(app, kind=kind)
    async with nothing_written(app):
        for uri in (*TRICKS, f"{EVIL}/cb", "https://app.example.com:4430/cb", "javascript:alert(document.cookie)"):
            for browser in (None, victim):
                kept_here(await shop.ask(browser, redirect_uri=uri))
            pushed = await app.call("POST", PAR, "", data=shop.request(redirect_uri=uri) | credentials(shop))
            kept_here(pushed)
            assert pushed.json["error"] == "invalid_request"


async def test_only_the_port_of_a_loopback_address_may_differ(app: Running) -> None:
    registered = ["http://127.0.0.1/cb", "http://[::1]:4000/cb"]
    shop, victim = await a_victim(app, kind="native", redirect_uris=registered)
    async with nothing_written(app):
        for uri in (
            "http://localhost:5000/cb", "http://127.0.0.2:5000/cb", "http://127.1:5000/cb", "http://0.0.0.0:5000/cb",
            "http://127.0.0.1:5000/cb/", "http://127.0.0.1:5000@evil.example/cb", "http://127.0.0.1:5000/%63b",
            "http://127.0.0.1.evil.example:5000/cb", "https://127.0.0.1:5000/cb", "http://127.0.0.1:65536/cb",
            "http://127.0.0.1:/cb#x", "http://[::1%25lo]:5000/cb", "http://[::ffff:127.0.0.1]:5000/cb",
            "http://2130706433:5000/cb", "http://127.0.0.1:5000\\@evil.example/cb",
        ):  # fmt: skip
            kept_here(await shop.ask(victim, redirect_uri=uri))
    # A port is free to anybody on the machine, so the person is asked each time.
    assert place(await shop.ask(victim, redirect_uri="http://127.0.0.1:5000/cb")) == f"{ISSUER}/consent"


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_of_two_that_say_where_to_go_neither_is_believed(app: Running, name: str) -> None:
    shop, victim = await a_victim(app)
    theirs = {"client_id": (await a_shop(app)).client_id, "redirect_uri": f"{EVIL}/cb"}
    for pair in ((shop.request()[name], theirs[name]), (theirs[name], shop.request()[name])):
        rest = [(key, value) for key, value in shop.request().items() if key != name]
        sent = [*rest, *((name, value) for value in pair)]
        async with nothing_written(app):
            kept_here(await app.call("GET", AUTHORIZE, "", params=sent, headers=victim.headers, allow_redirects=False))


@pytest.mark.parametrize(
    "name",
    ["response_type", "scope", "state", "code_challenge", "code_challenge_method", "nonce", "prompt", "response_mode"],
)
async def test_of_two_of_anything_else_neither_is_believed(app: Running, name: str) -> None:
    shop, victim = await a_victim(app)
    good = shop.request(nonce="n", prompt="consent", response_mode="query")
    for second in (good[name], "x"):
        sent = [*good.items(), (name, second)]
        async with nothing_written(app):
            reply = await app.call("GET", AUTHORIZE, "", params=sent, headers=victim.headers, allow_redirects=False)
        assert answer(reply)["error"] == "invalid_request"
        assert "code" not in answer(reply)


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/par", "/oauth2/introspect", "/oauth2/revoke"])
async def test_forms_with_two_of_anything_are_refused(app: Running, path: str) -> None:
    shop, _ = await a_victim(app)
    form = {
        "grant_type": "authorization_code", "code": "mun_ac_x", "token": "x", "scope": "openid", **shop.request(),
        **credentials(shop),
    }  # fmt: skip
    async with nothing_written(app):
        for name, value in form.items():
            reply = await app.call("POST", path, "", data=[*form.items(), (name, value)])
            assert (reply.status, reply.json["error"]) == (400, "invalid_request"), name


async def test_every_answer_says_whose_it_is_so_that_servers_are_not_mixed_up(app: Running) -> None:
    """RFC 9207: a client that talks to several servers sends a code to the one that it came from, and to no other."""
    shop = await a_shop(app)
    consenting, refusing = await a_person(shop, "openid"), await a_person(shop)
    metadata = (await app.call("GET", "/.well-known/oauth-authorization-server", "")).json
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert answer(await shop.ask(consenting))["iss"] == metadata["issuer"] == ISSUER
    assert error(await shop.ask(refusing, prompt="none")) == "consent_required"  # `answer` looks for the issuer
    posted = Visitor(app, {}).send("GET", AUTHORIZE, params=shop.request(response_mode="form_post"),
                                   headers=consenting.headers)  # fmt: skip
    fields = (await posted).form.fields
    assert fields["iss"] == ISSUER
    assert "code" in fields


@pytest.mark.parametrize("headers", POISON, ids=str)
async def test_no_address_of_ours_is_made_of_what_a_request_claims(app: Running, headers: dict[str, str]) -> None:
    shop = await a_shop(app, kind="native", redirect_uris=["https://app.example.com/cb"])
    victim = await a_person(shop, "openid")
    plain: dict[str, Any] = {"allow_redirects": False}

    async def told(method: str, path: str, **more: Any) -> Reply:
        more["headers"] = {**headers, **more.get("headers", {})}
        reply = await app.call(method, path, "", **plain, **more)
        assert "evil" not in reply.text
        assert "evil" not in str(reply.headers)
        return reply

    for path in ("oauth-authorization-server", "openid-configuration"):
        document = (await told("GET", f"/.well-known/{path}")).json
        urls = [value for name, value in document.items() if name.endswith(("_endpoint", "_uri", "issuer"))]
        assert {urlsplit(url).netloc for url in urls} == {"muniment.test"}
    login = await told("GET", AUTHORIZE, params=shop.request())
    assert place(login) == f"{ISSUER}/login"
    back = await told("GET", AUTHORIZE, params=shop.request(), headers=victim.headers)
    assert dict(parse_qsl(urlsplit(back.headers["Location"]).query))["iss"] == ISSUER
    page = await told("GET", login.headers["Location"].removeprefix(ISSUER))
    assert page.status == 200
    device = await told("POST", "/oauth2/device_authorization", data=credentials(shop))
    assert device.json["verification_uri"] == f"{ISSUER}/device"

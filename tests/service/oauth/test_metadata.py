"""What is published is true: every value that the metadata advertises is tried, and what it does not is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.discovery import OpenIDProviderMetadata

from domain import grant_types
from service.clock import Clock
from service.commands import devices
from service.initialization import initialize
from service.oauth.logout_token import EVENT
from tests.app_fixture import AUDIENCE, ROOT_SECRET, SETTINGS, Running, running
from tests.receiver import receiver
from tests.service.oauth import persons
from tests.service.oauth.asking import GRANT, ISSUER, ask, back_end, basic, claims
from tests.service.oauth.authorization.flow import Browser, a_person, a_shop, answer, error, place
from tests.service.oauth.key_pairs import TYPE, pair, signed, told
from tests.service.oauth.profiles import known
from tests.service.oauth.redeeming import VERIFIER, a_code, credentials, redeem, renew, tokens_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.app_fixture import Reply
    from tests.service.oauth.authorization.flow import Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVER, OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
KEYS = "/.well-known/jwks.json"
PROVING = ("token", "introspection", "revocation")
TOKEN_KIND = "urn:ietf:params:oauth:token-type:access_token"

TRIED = {
    "issuer", "authorization_endpoint", "pushed_authorization_request_endpoint",
    "require_pushed_authorization_requests", "device_authorization_endpoint", "token_endpoint",
    "introspection_endpoint", "revocation_endpoint", "jwks_uri", "scopes_supported", "response_types_supported",
    "response_modes_supported", "grant_types_supported", "code_challenge_methods_supported",
    "authorization_response_iss_parameter_supported", "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported", "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported", "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported", "ui_locales_supported",
}  # fmt: skip
TRIED_BY_OPENID = {
    "userinfo_endpoint", "end_session_endpoint", "subject_types_supported", "id_token_signing_alg_values_supported",
    "claim_types_supported", "claims_supported", "prompt_values_supported", "claims_parameter_supported",
    "request_parameter_supported", "request_uri_parameter_supported", "backchannel_logout_supported",
    "backchannel_logout_session_supported",
}  # fmt: skip
"""The members whose values the tests below try. One that is added to the metadata is added here, and tried."""


async def published(app: Running, path: str = OPENID) -> Any:
    return (await app.call("GET", path, "")).json


def path_of(url: str) -> str:
    assert url.startswith(ISSUER + "/")
    return urlsplit(url).path


async def verified(app: Running, token: str, audience: str) -> Any:
    """Return the claims of a token that is signed by a published key with a published algorithm."""
    keys = jwt.PyJWKSet.from_dict(await published(app, KEYS))
    header = jwt.get_unverified_header(token)
    key = keys[header["kid"]]
    return jwt.decode(token, key, algorithms=[header["alg"]], audience=audience, issuer=ISSUER)


async def test_there_is_a_trial_for_everything_that_is_published(app: Running) -> None:
    assert set(await published(app, SERVER)) == TRIED
    assert set(await published(app)) == TRIED | TRIED_BY_OPENID


async def test_libraries_find_the_documents_valid_and_one_says_what_the_other_says(app: Running) -> None:
    server, openid = await published(app, SERVER), await published(app)
    AuthorizationServerMetadata(server).validate()
    OpenIDProviderMetadata(openid).validate()
    assert server["issuer"] == ISSUER
    assert {name: openid[name] for name in server} == server


async def test_every_url_is_served(app: Running) -> None:
    document = await published(app)
    urls = {name: url for name, url in document.items() if name.endswith(("_endpoint", "_uri"))}
    assert len(urls) == 9
    by_get = {"jwks_uri": 200, "authorization_endpoint": 400, "userinfo_endpoint": 401, "end_session_endpoint": 200}
    for name, url in urls.items():
        if name in by_get:
            assert (await app.call("GET", path_of(url), "")).status == by_get[name], name
        if name != "jwks_uri":
            reply = await app.call("POST", path_of(url), "", data={}, allow_redirects=False)
            assert reply.status in {303, 400, 401}, name


# --- grants ---


async def by_client_credentials(app: Running) -> Reply:
    return await ask(app, client_id="root", client_secret=ROOT_SECRET)


async def by_code(app: Running) -> Reply:
    shop = await a_shop(app)
    return await redeem(shop, await a_code(shop, await a_person(shop)))


async def by_refresh_token(app: Running) -> Reply:
    shop = await a_shop(app)
    return await renew(shop, (await tokens_of(shop, await a_person(shop)))["refresh_token"])


async def by_password(app: Running) -> Reply:
    home = await app.organization()
    back = await persons.an_app(app, home, grant_types=[grant_types.PASSWORD], trusted=True)
    ada = await persons.a_person(app, home, password=persons.PASSWORD)
    form = {"grant_type": grant_types.PASSWORD, "username": ada.username, "password": persons.PASSWORD}
    return await app.call("POST", "/oauth2/token", "", data={**form, **persons.credentials(back)})


async def by_device_code(app: Running) -> Reply:
    home = await app.organization()
    back, ada = await persons.an_app(app, home, kind="native"), await persons.a_person(app, home)
    endpoint = path_of((await published(app))["device_authorization_endpoint"])
    device = (await app.call("POST", endpoint, "", data={**persons.credentials(back), "scope": "openid"})).json
    found = await devices.find(app.parts, signed_in=None, user_code=device["user_code"], address="192.0.2.1")
    assert found is not None
    signed_in = await persons.signed_in(app, ada)
    await devices.approve(app.parts.store, persons.origin(app), device=found["id"], signed_in=signed_in)
    form = {"grant_type": grant_types.DEVICE_CODE, "device_code": device["device_code"]}
    return await app.call("POST", "/oauth2/token", "", data={**form, **persons.credentials(back)})


async def by_token_exchange(app: Running) -> Reply:
    shop = await a_shop(app, grant_types=[grant_types.AUTHORIZATION_CODE, grant_types.TOKEN_EXCHANGE])
    token = (await tokens_of(shop, await a_person(shop)))["access_token"]
    form = {"grant_type": grant_types.TOKEN_EXCHANGE, "subject_token": token, "subject_token_type": TOKEN_KIND}
    return await app.call("POST", "/oauth2/token", "", data={**form, **credentials(shop)})


WAYS = {
    grant_types.CLIENT_CREDENTIALS: by_client_credentials,
    grant_types.AUTHORIZATION_CODE: by_code,
    grant_types.REFRESH_TOKEN: by_refresh_token,
    grant_types.PASSWORD: by_password,
    grant_types.DEVICE_CODE: by_device_code,
    grant_types.TOKEN_EXCHANGE: by_token_exchange,
}


async def test_every_grant_that_is_advertised_is_served_and_no_other(app: Running) -> None:
    advertised = (await published(app))["grant_types_supported"]
    assert set(advertised) == set(WAYS)
    for grant in advertised:
        reply = await WAYS[grant](app)
        assert (reply.status, reply.json["token_type"]) == (200, "Bearer"), (grant, reply.text)
    for grant in ("implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:openid:params:grant-type:ciba", "x"):
        reply = await ask(app, client_id="root", client_secret=ROOT_SECRET, grant_type=grant)
        assert (reply.status, reply.json["error"]) == (400, "unsupported_grant_type")


# --- how clients prove themselves ---


@pytest.mark.parametrize("endpoint", PROVING)
async def test_every_way_to_prove_a_client_works_at_every_endpoint_that_advertises_it(
    app: Running, endpoint: str
) -> None:
    document = await published(app)
    url = document[f"{endpoint}_endpoint"]
    form = {**GRANT, "audience": AUDIENCE, "token": "x"}
    methods = set(document[f"{endpoint}_endpoint_auth_methods_supported"])
    assert methods - {"none"} == {"client_secret_basic", "client_secret_post", "private_key_jwt"}
    for algorithm in document[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]:
        key = pair(algorithm)
        back = await back_end(app, key_set={"keys": [key.public]})
        for audience in (document["issuer"], document["token_endpoint"]):
            assertion = {"client_assertion": signed(key, told(back.client_id, audience))}
            more = {"client_assertion_type": TYPE, **assertion}
            assert (await app.call("POST", path_of(url), "", data={**form, **more})).status == 200, algorithm
    assert (await app.call("POST", path_of(url), "", data={**form, **back.credentials})).status == 200
    headers = basic(back.client_id, back.secret)
    assert (await app.call("POST", path_of(url), "", data=form, headers=headers)).status == 200


async def test_a_client_without_a_secret_may_come_where_none_is_advertised_and_nowhere_else(app: Running) -> None:
    document = await published(app)
    public = await a_shop(app, kind="spa", permissions=[])
    confidential = await a_shop(app)
    ada = await a_person(public)
    for name in PROVING:
        url = path_of(document[f"{name}_endpoint"])
        form: dict[str, str] = {"token": "x"}
        if name == "token":
            form = {"grant_type": "authorization_code", "code": await a_code(public, ada, scope="openid")}
            form |= {"redirect_uri": public.document["redirect_uris"][0], "code_verifier": VERIFIER}
        reply = await app.call("POST", url, "", data={**form, "client_id": public.client_id})
        advertised = "none" in document[f"{name}_endpoint_auth_methods_supported"]
        assert (reply.status == 200) is advertised, (name, reply.text)
        # Who has a secret is not let in without it.
        reply = await app.call("POST", url, "", data={**form, "client_id": confidential.client_id})
        assert (reply.status, reply.json["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS512"])
async def test_an_algorithm_that_is_not_advertised_is_not_taken(app: Running, algorithm: str) -> None:
    document = await published(app)
    key = pair("RS256")
    back = await back_end(app, key_set={"keys": [key.public]})
    secret = {"HS256": back.secret, "none": None, "RS512": key.private}[algorithm]
    for endpoint in PROVING:
        assert algorithm not in document[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assertion = jwt.encode(told(back.client_id, ISSUER), secret, algorithm=algorithm, headers={"kid": "one"})
        form = {
            **GRANT,
            "audience": AUDIENCE,
            "token": "x",
            "client_assertion": assertion,
            "client_assertion_type": TYPE,
        }
        assert (await app.call("POST", path_of(document[f"{endpoint}_endpoint"]), "", data=form)).status == 401


# --- authorization requests ---


async def consented(app: Running, **body: Any) -> tuple[Shop, Browser]:
    """Return an application and somebody who is signed in and agreed to everything that it may ask for."""
    shop = await a_shop(app, **body)
    scope = ("openid", "profile", "email", "offline_access", "files.read", "files.write")
    return shop, await a_person(shop, *scope)


async def test_every_scope_that_is_advertised_is_granted_to_who_may_have_it(app: Running) -> None:
    shop, ada = await consented(app)
    scopes = (await published(app))["scopes_supported"]
    assert "openid" in scopes
    code = answer(await shop.ask(ada, scope=" ".join(scopes)))["code"]
    tokens = (await redeem(shop, code)).json
    assert tokens["scope"].split(" ") == scopes
    # And each does something: who signed in, what is known of them, access that outlives the session.
    assert "id_token" in tokens
    await known(ada)
    info = (await app.call("GET", "/oauth2/userinfo", tokens["access_token"])).json
    assert (info["name"], info["email"]) == ("Ada Lovelace", "ada@example.com")
    await ada.sign_out()
    assert (await renew(shop, tokens["refresh_token"])).status == 200


async def test_the_response_types_that_are_advertised_are_answered_and_no_others(app: Running) -> None:
    shop, ada = await consented(app)
    advertised = (await published(app))["response_types_supported"]
    for response_type in advertised:
        assert answer(await shop.ask(ada, response_type=response_type))["code"]
    for response_type in ("token", "id_token", "code id_token", "code token", "id_token token", "none", "CODE"):
        assert response_type not in advertised
        assert error(await shop.ask(ada, response_type=response_type)) == "unsupported_response_type"


async def test_the_response_modes_that_are_advertised_are_used_and_no_others(app: Running) -> None:
    shop, ada = await consented(app)
    assert (await published(app))["response_modes_supported"] == ["query", "form_post"]
    assert answer(await shop.ask(ada, response_mode="query"))["code"]
    posted = await shop.ask(ada, response_mode="form_post")
    assert (posted.status, posted.headers["Content-Type"].partition(";")[0]) == (200, "text/html")
    assert 'name="code"' in posted.text
    assert f'name="iss" value="{ISSUER}"' in posted.text
    for mode in ("fragment", "query.jwt", "jwt", "web_message"):
        assert error(await shop.ask(ada, response_mode=mode)) == "invalid_request"


async def test_the_challenge_methods_that_are_advertised_are_taken_and_no_others(app: Running) -> None:
    shop, ada = await consented(app)
    assert (await published(app))["code_challenge_methods_supported"] == ["S256"]
    code = answer(await shop.ask(ada, code_challenge_method="S256"))["code"]
    assert (await redeem(shop, code, code_verifier="wrong" * 10)).status == 400
    assert (await redeem(shop, code)).status == 200
    for method in ("plain", "s256", "S512", None):
        assert error(await shop.ask(ada, code_challenge_method=method)) == "invalid_request"


async def test_every_prompt_that_is_advertised_does_what_it_says_and_no_other_is_taken(app: Running) -> None:
    shop, ada = await consented(app)
    prompts = (await published(app))["prompt_values_supported"]
    leads = {"none": None, "login": "login", "consent": "consent", "select_account": "login"}
    assert set(prompts) == set(leads)
    for prompt, page in leads.items():
        reply = await shop.ask(ada, prompt=prompt)
        if page is None:
            assert answer(reply)["code"]
            assert error(await shop.ask(prompt=prompt)) == "login_required"
        else:
            assert place(reply) == f"{ISSUER}/{page}"
    for prompt in ("create", "Login", "login create"):
        assert error(await shop.ask(ada, prompt=prompt)) == "invalid_request"


async def test_every_answer_says_whose_it_is(app: Running) -> None:
    shop, ada = await consented(app)
    assert (await published(app))["authorization_response_iss_parameter_supported"] is True
    for reply in (await shop.ask(ada), await shop.ask(prompt="none"), await shop.ask(ada, response_type="token")):
        assert answer(reply)["iss"] == ISSUER


async def test_requests_are_pushed_by_who_likes_to_and_by_nobody_who_does_not(app: Running) -> None:
    shop, ada = await consented(app)
    document = await published(app)
    assert document["require_pushed_authorization_requests"] is False
    assert answer(await shop.ask(ada))["code"]
    endpoint = path_of(document["pushed_authorization_request_endpoint"])
    pushed = await app.call("POST", endpoint, "", data={**shop.request(), **credentials(shop)})
    assert pushed.status == 201, pushed.text
    query = {"client_id": shop.client_id, "request_uri": pushed.json["request_uri"]}
    reply = await app.call(
        "GET", path_of(document["authorization_endpoint"]), "", params=query, headers=ada.headers, allow_redirects=False
    )
    assert answer(reply)["code"]


async def test_what_is_said_not_to_be_supported_is_not(app: Running) -> None:
    shop, ada = await consented(app)
    document = await published(app)
    assert document["request_parameter_supported"] is document["request_uri_parameter_supported"] is False
    assert error(await shop.ask(ada, request="e30.e30.")) == "request_not_supported"
    assert error(await shop.ask(ada, request_uri="https://shop.test/request")) == "request_uri_not_supported"
    assert document["claims_parameter_supported"] is False
    wanted = '{"id_token":{"email":{"essential":true}}}'
    tokens = (await redeem(shop, answer(await shop.ask(ada, claims=wanted))["code"])).json
    assert "email" not in claims(tokens["id_token"])


async def test_every_language_that_is_advertised_is_spoken(app: Running) -> None:
    shop, ada = await consented(app)
    for language in (await published(app))["ui_locales_supported"]:
        query = {"client_id": shop.client_id, "ui_locales": language}
        page = await app.call("GET", "/oauth2/logout", "", params=query, headers=ada.headers)
        assert f'<html lang="{language}' in page.text


# --- tokens ---


async def test_id_tokens_are_signed_as_advertised_by_a_published_key(app: Running) -> None:
    shop, ada = await consented(app)
    tokens = await tokens_of(shop, ada)
    header = jwt.get_unverified_header(tokens["id_token"])
    assert (await published(app))["id_token_signing_alg_values_supported"] == [header["alg"]] == ["RS256"]
    assert (await verified(app, tokens["id_token"], shop.client_id))["sub"] == str(ada.user)


async def test_the_claims_that_are_advertised_are_those_that_are_told(app: Running) -> None:
    shop, ada = await consented(app)
    await known(ada)
    document = await published(app)
    assert document["claim_types_supported"] == ["normal"]
    code = answer(await shop.ask(ada, scope="openid profile email", nonce="n"))["code"]
    tokens = (await redeem(shop, code)).json
    info = (await app.call("GET", path_of(document["userinfo_endpoint"]), tokens["access_token"])).json
    names = document["claims_supported"]
    assert len(set(names)) == len(names)
    assert set(names) == {*claims(tokens["id_token"]), *info}


async def test_a_subject_is_the_same_to_every_client(app: Running) -> None:
    assert (await published(app))["subject_types_supported"] == ["public"]
    first, ada = await consented(app)
    second = await a_shop(app, str(first.organization))
    subjects = {claims((await tokens_of(shop, ada))["id_token"])["sub"] for shop in (first, second)}
    assert subjects == {str(ada.user)}


async def test_signing_out_is_told_to_applications_with_the_session(fresh_database: str, tmp_path: Path) -> None:
    async with receiver() as shops:
        settings = replace(SETTINGS, data_dir=tmp_path, outbound_allow=frozenset({(shops.host, shops.port)}))
        await initialize(fresh_database, settings, Clock())
        async with running(fresh_database, settings) as app:
            document = await published(app)
            assert document["backchannel_logout_supported"] is document["backchannel_logout_session_supported"] is True
            shop, ada = await consented(app, backchannel_logout_uri=shops.url)
            hint = (await redeem(shop, answer(await shop.ask(ada))["code"])).json["id_token"]
            query = {"id_token_hint": hint}
            reply = await app.call(
                "GET", path_of(document["end_session_endpoint"]), "", params=query, headers=ada.headers
            )
            assert reply.status == 200
            await shops.heard(1)
            told_to = await verified(app, shops.forms[0]["logout_token"], shop.client_id)
            assert (told_to["sid"], told_to["sub"]) == (claims(hint)["sid"], str(ada.user))
            assert told_to["events"] == {EVENT: {}}
            assert error(await shop.ask(ada, prompt="none")) == "login_required"


async def test_the_key_set_holds_public_keys_for_signing_alone(app: Running) -> None:
    keys = (await published(app, KEYS))["keys"]
    assert {key["alg"] for key in keys} == {"ES256", "RS256"}
    for key in keys:
        assert not key.keys() & {"d", "p", "q", "dp", "dq", "qi", "k", "oth", "x5c"}
        assert key["use"] == "sig"


# --- the documents themselves ---


@pytest.mark.parametrize("path", [SERVER, OPENID, KEYS])
async def test_documents_may_be_cached_and_read_by_pages_for_five_minutes(app: Running, path: str) -> None:
    reply = await app.call("GET", path, "")
    assert reply.headers["Cache-Control"] == "public, max-age=300"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["Content-Type"] == "application/json"
    head = await app.call("HEAD", path, "")
    assert (head.status, head.text) == (200, "")
    assert head.headers["Content-Length"] == reply.headers["Content-Length"]
    assert (await app.call("POST", path, "")).headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", [SERVER, OPENID, KEYS])
async def test_nothing_that_a_request_says_changes_what_is_published(app: Running, path: str) -> None:
    plain = await app.call("GET", path, "")
    evil = {
        "Host": "evil.test",
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.test",
        "X-Original-URL": "/evil",
        "Origin": "https://evil.test",
    }
    reply = await app.call("GET", path, "", headers=evil, params={"issuer": "https://evil.test"})
    assert reply.text == plain.text
    assert "evil" not in str(reply.headers)


@pytest.mark.parametrize("algorithm", ["RS256", "EdDSA"])
async def test_a_service_that_signs_otherwise_publishes_what_it_signs_with(
    fresh_database: str, algorithm: str, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, signing_algorithm=algorithm, data_dir=tmp_path)
    await initialize(fresh_database, settings, Clock())
    async with running(fresh_database, settings) as app:
        assert jwt.get_unverified_header(app.root)["alg"] == algorithm
        await verified(app, app.root, AUDIENCE)

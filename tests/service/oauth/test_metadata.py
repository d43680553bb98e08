"""What is published is true: every value that the metadata advertises is tried."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from service.clock import Clock
from service.initialization import initialize
from tests.app_fixture import AUDIENCE, ROOT_SECRET, SETTINGS, Running, running
from tests.service.oauth.asking import GRANT, ISSUER, Back, ask, back_end, basic, introspected
from tests.service.oauth.key_pairs import TYPE, pair, signed, told

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVER, OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
KEYS = "/.well-known/jwks.json"
ENDPOINTS = ("token", "introspection", "revocation")


async def published(app: Running, path: str = SERVER) -> Any:
    return (await app.call("GET", path, "")).json


def path_of(url: str) -> str:
    assert url.startswith(ISSUER + "/")
    return urlsplit(url).path


async def test_the_metadata_is_valid_for_a_library_and_names_the_issuer(app: Running) -> None:
    document = await published(app)
    AuthorizationServerMetadata(document).validate_issuer()
    AuthorizationServerMetadata(document).validate_token_endpoint()
    AuthorizationServerMetadata(document).validate_jwks_uri()
    assert document["issuer"] == ISSUER
    discovery = await published(app, OPENID)
    assert {name: discovery[name] for name in document} == document


async def test_every_url_is_served(app: Running) -> None:
    for document in (await published(app), await published(app, OPENID)):
        urls = {name: value for name, value in document.items() if name.endswith(("_endpoint", "_uri"))}
        assert urls
        for name, url in urls.items():
            reply = await app.call("POST" if name.endswith("_endpoint") else "GET", path_of(url), "")
            assert reply.status in {200, 400, 401}, name


async def test_every_grant_that_is_advertised_is_served_and_no_other(app: Running) -> None:
    document = await published(app)
    root = {"client_id": "root", "client_secret": ROOT_SECRET}
    assert document["response_types_supported"] == []
    for grant in document["grant_types_supported"]:
        assert (await ask(app, **root, grant_type=grant)).status == 200
    for grant in ("password", "refresh_token", "authorization_code"):
        assert grant not in document["grant_types_supported"]
        assert (await ask(app, **root, grant_type=grant)).json["error"] == "unsupported_grant_type"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_every_way_to_prove_a_client_works_at_every_endpoint_that_advertises_it(
    app: Running, endpoint: str
) -> None:
    document = await published(app)
    url = document[f"{endpoint}_endpoint"]
    form = {**GRANT, "audience": AUDIENCE, "token": "x"}
    methods = document[f"{endpoint}_endpoint_auth_methods_supported"]
    assert sorted(methods) == ["client_secret_basic", "client_secret_post", "private_key_jwt"]
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


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS512"])
async def test_an_algorithm_that_is_not_advertised_is_not_taken(app: Running, algorithm: str) -> None:
    document = await published(app)
    assert algorithm not in document["token_endpoint_auth_signing_alg_values_supported"]
    key = pair("RS256")
    back = await back_end(app, key_set={"keys": [key.public]})
    claims = told(back.client_id, ISSUER)
    secret = {"HS256": back.secret, "none": None, "RS512": key.private}[algorithm]
    assertion = jwt.encode(claims, secret, algorithm=algorithm, headers={"kid": "one"})
    assert (await ask(app, client_assertion=assertion, client_assertion_type=TYPE)).status == 401


async def test_the_claims_that_are_advertised_are_those_of_a_token(app: Running) -> None:
    discovery = await published(app, OPENID)
    token = await app.token("root", ROOT_SECRET)
    assert set(discovery["claims_supported"]) == set(jwt.decode(token, options={"verify_signature": False}))
    root = Back({"client_id": "root"}, ROOT_SECRET)
    assert (await introspected(app, root, token))["iss"] == discovery["issuer"]


async def test_the_key_set_holds_public_keys_for_signing_alone(app: Running) -> None:
    keys = (await published(app, KEYS))["keys"]
    assert keys
    for key in keys:
        assert not key.keys() & {"d", "p", "q", "dp", "dq", "qi", "k", "oth", "x5c"}
        assert key["use"] == "sig"
        assert key["alg"] in {"ES256", "RS256", "EdDSA"}


@pytest.mark.parametrize("path", [SERVER, OPENID, KEYS])
async def test_documents_may_be_cached_and_read_by_pages_for_five_minutes(app: Running, path: str) -> None:
    reply = await app.call("GET", path, "")
    assert reply.headers["Cache-Control"] == "public, max-age=300"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["Content-Type"] == "application/json"
    head = await app.call("HEAD", path, "")
    assert (head.status, head.text) == (200, "")
    assert head.headers["Content-Length"] == reply.headers["Content-Length"]
    assert (await app.call("POST", path, "")).headers["Allow"] == "GET, HEAD"


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
    fresh_database: str, algorithm: str, tmp_path: Any
) -> None:

    settings = replace(SETTINGS, signing_algorithm=algorithm, data_dir=tmp_path)
    await initialize(fresh_database, settings, Clock())
    async with running(fresh_database, settings) as app:
        keys = jwt.PyJWKSet.from_dict(await published(app, KEYS))
        header = jwt.get_unverified_header(app.root)
        assert header["alg"] == algorithm
        jwt.decode(app.root, keys[header["kid"]], algorithms=[algorithm], audience=AUDIENCE, issuer=ISSUER)

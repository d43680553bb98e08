"""The token endpoints: one grant engine behind three dialects, each with its own way to ask and to answer."""

from __future__ import annotations

import pytest

from service.http import cors
from service.oauth.token_endpoint import GRANTS
from tests.app_fixture import AUDIENCE, ROOT_SECRET, Running
from tests.service.oauth.asking import (
    GRANT,
    SERVER_TO_SERVER,
    SETTINGS_TOKEN,
    TOKEN,
    ask,
    back_end,
    basic,
    claims,
    error,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = {"client_id": "root", "client_secret": ROOT_SECRET}
OTHER = "https://other.test/api"


@pytest.mark.parametrize("how", ["form", "json"])
async def test_a_token_is_issued_for_a_form_and_for_a_json_object(app: Running, how: str) -> None:
    body = {**GRANT, **ROOT, "audience": AUDIENCE}
    reply = await app.call("POST", TOKEN, "", **{"data" if how == "form" else "json": body})
    assert reply.status == 200
    assert reply.json.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert reply.json["token_type"] == "Bearer"
    assert reply.json["expires_in"] == 3600
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Pragma"] == "no-cache"
    assert reply.headers["Content-Type"] == "application/json"
    assert int(reply.headers["Muniment-Position"]) > 0
    assert claims(reply.json["access_token"])["aud"] == AUDIENCE


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "bAsIc"])
@pytest.mark.parametrize("path", [TOKEN, SERVER_TO_SERVER, SETTINGS_TOKEN])
async def test_the_scheme_of_basic_is_read_in_any_letter_case(app: Running, path: str, scheme: str) -> None:
    more = {"scope": "all"} if path == SERVER_TO_SERVER else {"resource": AUDIENCE}
    reply = await ask(app, path, headers=basic("root", ROOT_SECRET, scheme), **more)
    assert reply.status == 200, reply.text


async def test_resource_names_the_audience_too(app: Running) -> None:
    assert claims((await ask(app, **ROOT, audience="", resource=AUDIENCE)).json["access_token"])["aud"] == AUDIENCE
    assert (await ask(app, **ROOT, resource=AUDIENCE)).status == 200
    assert error(await ask(app, **ROOT, resource=OTHER)) == (400, "invalid_request")


async def test_a_missing_audience_is_named(app: Running) -> None:
    reply = await ask(app, **ROOT, audience="")
    assert error(reply) == (400, "invalid_request")
    assert "audience is missing" in reply.json["error_description"]


@pytest.mark.parametrize("audience", [OTHER, AUDIENCE + "/", AUDIENCE.upper(), AUDIENCE + "#", " " + AUDIENCE])
async def test_an_audience_that_is_not_listed_is_refused_and_never_replaced(app: Running, audience: str) -> None:
    assert error(await ask(app, **ROOT, audience=audience)) == (400, "invalid_target")
    assert error(await ask(app, SETTINGS_TOKEN, **ROOT, resource=audience)) == (400, "invalid_target")
    assert error(await ask(app, SERVER_TO_SERVER, **ROOT, audience=audience, scope="all")) == (400, "invalid_target")


@pytest.mark.parametrize("path", [TOKEN, SETTINGS_TOKEN])
async def test_a_doubled_audience_is_refused(app: Running, path: str) -> None:
    for name, code in (("resource", "invalid_target"), ("audience", "invalid_request")):
        form = [*{**GRANT, **ROOT}.items(), (name, AUDIENCE), (name, OTHER)]
        assert error(await app.call("POST", path, "", data=form)) == (400, code)


@pytest.mark.parametrize("path", [TOKEN, SERVER_TO_SERVER, SETTINGS_TOKEN])
async def test_another_grant_is_not_supported_or_not_the_clients(app: Running, path: str) -> None:
    more = {"scope": "all", "resource": AUDIENCE}
    for grant in ("x", "implicit", "urn:ietf:params:oauth:grant-type:device", "passwords"):
        assert error(await ask(app, path, **ROOT, **more, grant_type=grant)) == (400, "unsupported_grant_type")
    for grant in (*GRANTS, "password_credentials"):
        assert error(await ask(app, path, **ROOT, **more, grant_type=grant)) == (400, "unauthorized_client")
        wrong = {**ROOT, "client_secret": "wrong"}
        assert error(await ask(app, path, **wrong, **more, grant_type=grant)) == (401, "invalid_client")
    assert error(await ask(app, path, **ROOT, **more, grant_type="")) == (400, "invalid_request")


async def test_the_grant_is_read_in_any_letter_case_by_server_to_server_alone(app: Running) -> None:
    more = {**ROOT, "scope": "all", "resource": AUDIENCE, "grant_type": "Client_Credentials"}
    assert (await ask(app, SERVER_TO_SERVER, **more)).status == 200
    assert error(await ask(app, **more)) == (400, "unsupported_grant_type")


async def test_server_to_server_answers_when_the_token_expires(app: Running) -> None:
    reply = await ask(
        app, SERVER_TO_SERVER, headers=basic("root", ROOT_SECRET, "basic"), audience="", scope="read_user"
    )
    assert reply.status == 200
    answer, inside = reply.json, claims(reply.json["access_token"])
    assert answer.keys() == {"access_token", "token_type", "expires_in", "expires_on", "scope"}
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 3600, "read_user")
    assert answer["expires_on"] == inside["exp"]
    assert answer["expires_in"] == inside["exp"] - inside["iat"]
    assert inside["aud"] == AUDIENCE


async def test_server_to_server_needs_a_scope_and_a_form(app: Running) -> None:
    for scope in ("", " "):
        reply = await ask(app, SERVER_TO_SERVER, **ROOT, scope=scope)
        assert reply.status == 400
        assert reply.json["error"] in {"invalid_request", "invalid_scope"}
    reply = await app.call("POST", SERVER_TO_SERVER, "", json={**GRANT, **ROOT, "scope": "all"})
    assert error(reply) == (415, "invalid_request")


async def test_account_settings_answers_a_number_that_client_libraries_can_cache(app: Running) -> None:
    reply = await ask(app, SETTINGS_TOKEN, headers=basic("root", ROOT_SECRET), resource=AUDIENCE, scope="all")
    assert reply.status == 200
    assert reply.json["scope"] == "all"
    assert reply.json["expires_in"] == 3600
    assert "refresh_token" not in reply.json


async def test_account_settings_tells_errors_in_both_shapes(app: Running) -> None:
    reply = await ask(app, SETTINGS_TOKEN, **ROOT)
    assert reply.status == 400
    sentence = reply.json["error_description"]
    assert reply.json == {
        "error": "invalid_target",
        "error_description": sentence,
        "code": "oidc.invalid_target",
        "message": sentence,
    }
    for more, code in (({"client_secret": "wrong"}, "invalid_client"), ({"grant_type": "x"}, "unsupported_grant_type")):
        assert (await ask(app, SETTINGS_TOKEN, **{**ROOT, "resource": AUDIENCE, **more})).json["code"] == f"oidc.{code}"


async def test_a_client_finds_the_same_engine_behind_every_path(app: Running) -> None:
    back = await back_end(app, permissions=["read_user"])
    asked = {**back.credentials, "scope": "read_user", "resource": AUDIENCE}
    tokens = [claims((await ask(app, path, **asked)).json["access_token"]) for path in (TOKEN, SERVER_TO_SERVER)]
    tokens.append(claims((await ask(app, SETTINGS_TOKEN, **asked)).json["access_token"]))
    for token in tokens:
        assert token["scope"] == "read_user"
        assert token["sub"] == token["client_id"] == back.client_id
    assert len({token["jti"] for token in tokens}) == 3
    assert all(token.keys() == tokens[0].keys() for token in tokens)


@pytest.mark.parametrize("path", [TOKEN, SERVER_TO_SERVER, SETTINGS_TOKEN, "/oauth2/introspect", "/oauth2/revoke"])
async def test_nothing_but_post_is_taken_and_parameters_in_the_query_are_not_read(app: Running, path: str) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", *(() if path in cors.PATHS else ("OPTIONS",))):
        reply = await app.call(method, path, "", params={**GRANT, **ROOT, "audience": AUDIENCE})
        assert reply.status == 405
        assert reply.headers["Allow"] in {"POST", "OPTIONS, POST"}
        assert reply.headers["Cache-Control"] == "no-store"
    query = {**GRANT, **ROOT, "audience": AUDIENCE, "scope": "all", "resource": AUDIENCE, "token": "x"}
    assert (await app.call("POST", path, "", params=query)).status in {400, 401}


async def test_refusals_are_recorded_with_the_client_and_without_its_secret(app: Running) -> None:
    back = await back_end(app)
    await ask(app, client_id=back.client_id, client_secret="a-wrong-secret-of-the-test")
    await ask(app, **back.credentials, audience=OTHER)
    wrong, unlisted = reversed((await app.refusals(client=back.client_id))[:2])
    assert (wrong["code"], wrong["status"], wrong["operation"]) == ("invalid_client", 401, "token")
    assert (unlisted["code"], unlisted["status"]) == ("invalid_target", 400)
    assert unlisted["organization"] == back.document["organization"]
    assert "a-wrong-secret" not in str([wrong, unlisted])

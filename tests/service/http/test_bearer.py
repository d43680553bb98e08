"""Bearer tokens at the management doors: read from one header, for one audience, judged anew at every request."""

from __future__ import annotations

import base64

import pytest

from tests.app_fixture import AUDIENCE, ROOT_SECRET, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLACE = "/api/applications"
BARE = 'Bearer realm="muniment"'


async def challenge(app: Running, *headers: str) -> tuple[int, str, str]:
    """Return status, challenge and code of what these Authorization headers are answered with."""
    named = [("Authorization", header) for header in headers]
    async with app.client.get(PLACE, headers=named) as response:
        document = await response.json()
        return response.status, response.headers.get("WWW-Authenticate", ""), document.get("code", "")


async def test_the_scheme_is_read_in_any_letter_case(app: Running) -> None:
    for scheme in ("Bearer", "bearer", "BEARER", "bEaReR"):
        assert (await challenge(app, f"{scheme} {app.root}"))[0] == 200
    assert (await challenge(app, f"Bearer   {app.root}  "))[0] == 200


async def test_without_credentials_there_is_a_bare_challenge(app: Running) -> None:
    basic = base64.b64encode(f"root:{ROOT_SECRET}".encode()).decode()
    for headers in ((), ("",), (f"Basic {basic}",), (app.root,), ("Token x",), (f"Bearer\t{app.root}",)):
        assert await challenge(app, *headers) == (401, BARE, "unauthenticated"), headers


async def test_a_malformed_header_is_an_invalid_request(app: Running) -> None:
    for header in ("Bearer", "Bearer ", "Bearer a b", f"Bearer {app.root} x"):
        status, said, code = await challenge(app, header)
        assert (status, code) == (400, "invalid_request")
        assert 'error="invalid_request"' in said
    status, _, code = await challenge(app, f"Bearer {app.root}", f"Bearer {app.root}")
    assert (status, code) == (400, "invalid_request")


async def test_a_token_that_is_none_gets_one_answer(app: Running) -> None:
    back = await app.application(permissions=["read_app"])
    ended = await app.token(back["client_id"], back["secrets"][0]["secret"])
    form = {"client_id": back["client_id"], "client_secret": back["secrets"][0]["secret"], "token": ended}
    assert (await app.call("POST", "/oauth2/revoke", "", data=form)).status == 200
    answers = {await challenge(app, f"Bearer {token}") for token in ("x", app.root + "x", ended, "x" * 8000, '"')}
    assert len(answers) == 1
    status, said, code = answers.pop()
    assert (status, code) == (401, "invalid_token")
    assert said.startswith(BARE + ', error="invalid_token"')


async def test_a_token_for_another_audience_is_refused(app: Running) -> None:
    other = "https://invoices.test"
    back = await app.application(permissions=["all"], audiences=[other, AUDIENCE, AUDIENCE + "/"])
    for audience in (other, AUDIENCE + "/"):
        token = await app.token(back["client_id"], back["secrets"][0]["secret"], audience=audience)
        assert (await challenge(app, f"Bearer {token}"))[0] == 401
    token = await app.token(back["client_id"], back["secrets"][0]["secret"])
    assert (await challenge(app, f"Bearer {token}"))[0] == 200


async def test_tokens_in_the_query_or_the_body_are_not_read(app: Running) -> None:
    reply = await app.call("GET", PLACE, "", params={"access_token": app.root})
    assert reply.status == 401
    reply = await app.call("POST", PLACE, "", data={"access_token": app.root})
    assert reply.status == 401
    reply = await app.call("GET", PLACE, "", headers={"Cookie": f"access_token={app.root}"})
    assert reply.status == 401


async def test_a_permission_that_was_taken_from_the_application_is_gone_from_its_tokens(app: Running) -> None:
    back = await app.application(permissions=["read_app", "write_app"])
    token = await app.token(back["client_id"], back["secrets"][0]["secret"])
    assert (await app.call("GET", PLACE, token)).status == 200
    place = f"{PLACE}/{back['id']}"
    assert (await app.call("PATCH", place, json={"permissions": ["write_app"]})).status == 200
    reply = await app.call("GET", PLACE, token)
    assert reply.status == 403
    assert reply.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="read_app"'
    assert (await app.call("PATCH", place, json={"permissions": ["all"]})).status == 200
    assert (await app.call("GET", PLACE, token)).status == 200


async def test_a_token_can_do_no_more_than_it_was_asked_for(app: Running) -> None:
    back = await app.application(permissions=["all"])
    token = await app.token(back["client_id"], back["secrets"][0]["secret"], scope="read_app")
    assert (await app.call("GET", PLACE, token)).status == 200
    assert (await app.call("GET", "/api/accounts", token)).status == 403

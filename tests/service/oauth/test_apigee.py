"""The token endpoint in Apigee's dialect: the grant in the query, secrets never, and errors by that dialect's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.app_fixture import AUDIENCE
from tests.service.oauth.asking import back_end, basic, claims

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/oauth/client_credential/accesstoken"
GRANTED = f"{PATH}?grant_type=client_credentials"
OTHER = "https://other.test"


def problem(reply: Reply) -> tuple[int, str]:
    assert reply.json.keys() == {"ErrorCode", "Error"}
    assert reply.json["Error"]
    assert reply.headers["Cache-Control"] == "no-store"
    return reply.status, reply.json["ErrorCode"]


async def test_credentials_come_in_the_form_or_by_http_basic(app: Running) -> None:
    back = await back_end(app, permissions=["read_app"])
    headers = basic(*back.credentials.values())
    for reply in (
        await app.call("POST", GRANTED, "", data=back.credentials),
        await app.call("POST", GRANTED, "", headers=headers),
        await app.call("POST", PATH, "", data={**back.credentials, "grant_type": "client_credentials"}),
        await app.call("POST", PATH, "", data={"grant_type": "client_credentials"}, headers=headers),
    ):
        assert reply.status == 200, reply.text
        assert reply.json["client_id"] == back.client_id
        assert claims(reply.json["access_token"])["scope"] == reply.json["scope"] == "read_app"
        assert reply.position


@pytest.mark.parametrize("name", ["client_secret", "client_assertion"])
async def test_a_secret_in_the_query_is_refused(app: Running, name: str) -> None:
    back = await back_end(app)
    path = f"{GRANTED}&client_id={back.client_id}&{name}={back.secret}"
    assert problem(await app.call("POST", path, "")) == (400, "invalid_request")
    assert problem(await app.call("POST", path, "", data=back.credentials)) == (400, "invalid_request")


async def test_scope_and_audience_are_read_from_the_query_or_the_form_and_from_one_of_them(app: Running) -> None:
    back = await back_end(app, audiences=[AUDIENCE, OTHER], permissions=["read_app", "read_role"])
    for reply in (
        await app.call("POST", f"{GRANTED}&scope=read_role&audience={OTHER}", "", data=back.credentials),
        await app.call("POST", GRANTED, "", data={**back.credentials, "scope": "read_role", "resource": OTHER}),
    ):
        assert (reply.json["scope"], reply.json["api_product_list"]) == ("read_role", f"[{OTHER}]")
        assert claims(reply.json["access_token"])["aud"] == OTHER
    form = {**back.credentials, "audience": OTHER}
    for query, more in (("&scope=read_app", {"scope": "read_role"}), ("", {"grant_type": "client_credentials"})):
        assert problem(await app.call("POST", GRANTED + query, "", data=form | more)) == (400, "invalid_request")


async def test_without_an_audience_a_token_is_for_the_only_one_there_is(app: Running) -> None:
    only = await back_end(app, audiences=[OTHER], permissions=["files.read"])
    several, none = await back_end(app, audiences=[OTHER, AUDIENCE]), await back_end(app, audiences=[])
    reply = await app.call("POST", GRANTED, "", data=only.credentials)
    assert (reply.json["api_product_list"], reply.json["scope"]) == (f"[{OTHER}]", "files.read")
    for back in (several, none):
        assert problem(await app.call("POST", GRANTED, "", data=back.credentials)) == (400, "invalid_target")
        wrong = {**back.credentials, "client_secret": "wrong"}
        assert problem(await app.call("POST", GRANTED, "", data=wrong)) == (401, "invalid_client")
    named = {**only.credentials, "audience": AUDIENCE}
    assert problem(await app.call("POST", GRANTED, "", data=named)) == (400, "invalid_target")


async def test_only_client_credentials_are_granted(app: Running) -> None:
    back = await back_end(app)
    for query in ("?grant_type=authorization_code", "?grant_type=CLIENT_CREDENTIALS", "?grant_type=password"):
        reply = await app.call("POST", PATH + query, "", data=back.credentials)
        assert problem(reply) == (400, "unsupported_grant_type")
    for query in ("", "?grant_type=", "?grant_type=client_credentials&grant_type=client_credentials", "?a=%ff"):
        assert problem(await app.call("POST", PATH + query, "", data=back.credentials)) == (400, "invalid_request")


async def test_who_proves_nothing_or_may_not_is_told_so_by_this_dialects_names(app: Running) -> None:
    back = await back_end(app)
    for form in ({}, {"client_id": "nobody", "client_secret": "x"}, {**back.credentials, "client_secret": "x"}):
        assert problem(await app.call("POST", GRANTED, "", data=form)) == (401, "invalid_client")
    reply = await app.call("POST", GRANTED, "", headers=basic(back.client_id, "wrong"))
    assert problem(reply) == (401, "invalid_client")
    assert reply.headers["WWW-Authenticate"].startswith("Basic ")
    web = await back_end(app, kind="web")
    assert problem(await app.call("POST", GRANTED, "", data=web.credentials)) == (400, "unauthorized_client")
    wide = {**back.credentials, "scope": "read_user"}
    assert problem(await app.call("POST", GRANTED, "", data=wide)) == (400, "invalid_scope")
    both = await app.call("POST", GRANTED, "", data=back.credentials, headers=basic(*back.credentials.values()))
    assert problem(both) == (400, "invalid_request")


async def test_an_end_user_that_cannot_be_is_refused(app: Running) -> None:
    back = await back_end(app, end_user_from="header:appuserID")
    for name in ("x" * 256, "a\tb"):
        reply = await app.call("POST", GRANTED, "", data=back.credentials, headers={"appuserID": name})
        assert problem(reply) == (400, "invalid_request"), name


async def test_malformed_and_oversized_requests_are_refused(app: Running) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for raw, status in ((b"a=%ff", 400), (b"a=1&a=2", 400), (b"a=" + b"x" * 70_000, 413)):
        assert problem(await app.call("POST", GRANTED, "", data=raw, headers=form))[0] == status
    reply = await app.call("POST", GRANTED, "", json={"client_id": "a", "client_secret": "b"})
    assert problem(reply) == (415, "invalid_request")


async def test_a_refusal_is_on_record_with_whom_it_named(app: Running) -> None:
    back = await back_end(app)
    await app.call("POST", GRANTED, "", data={**back.credentials, "client_secret": "wrong"})
    [recorded] = await app.refusals(client=back.client_id)
    assert (recorded["operation"], recorded["code"]) == ("token (all strings)", "invalid_client")

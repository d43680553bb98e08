"""Requests that come by a form: they go on by GET, for our cookies do not come along with what other sites post."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
import pytest_asyncio

from tests.service.oauth.authorization.flow import AUTHORIZE, a_person, a_shop, answer, asked_by, error, place

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(app):
    return await a_shop(app)


async def post(shop, browser=None, **changed):
    headers = {} if browser is None else browser.headers
    sent = shop.request(**changed)
    return await shop.app.call("POST", AUTHORIZE, "", data=sent, headers=headers, allow_redirects=False)


async def follow(shop, reply, browser=None):
    assert place(reply) == "https://muniment.test/oauth2/authorize"
    sent = dict(parse_qsl(urlsplit(reply.headers["Location"]).query))
    assert set(sent) == {"client_id", "request_uri"}
    headers = {} if browser is None else browser.headers
    return await shop.app.call("GET", AUTHORIZE, "", params=sent, headers=headers, allow_redirects=False)


async def test_a_posted_request_goes_on_by_get_where_who_is_signed_in_is_known(app, shop):
    ada = await a_person(shop, "openid")
    reply = await post(shop)
    told = answer(await follow(shop, reply, ada))
    assert (set(told), told["state"]) == ({"code", "state", "iss"}, "xyz")
    again = await follow(shop, reply, ada)
    assert again.status == 400, "its name is good once"
    asked_by(await follow(shop, await post(shop)), app, "login")


async def test_a_posted_request_asks_nobody_more_than_once(shop):
    ada = await a_person(shop, "openid")
    assert place(await follow(shop, await post(shop, prompt="login"), ada)) == "https://muniment.test/login"


async def test_what_is_wrong_with_a_posted_request_is_told_at_once(app, shop):
    assert error(await post(shop, scope="root")) == "invalid_scope"
    assert error(await follow(shop, await post(shop, prompt="none"))) == "login_required"
    for changed in ({"client_id": "nobody"}, {"redirect_uri": "https://evil.example"}):
        reply = await post(shop, **changed)
        assert (reply.status, "Location" in reply.headers) == (400, False)


async def test_a_body_that_is_no_form_is_told_on_a_page(app, shop):
    for status, more in {
        415: {"json": shop.request()},
        413: {"data": "client_id=" + "x" * 70_000, "headers": FORM},
        400: {"data": b"client_id=%ff", "headers": FORM},
    }.items():
        reply = await app.call("POST", AUTHORIZE, "", allow_redirects=False, **more)
        assert reply.status == status
        assert "could not be read" in reply.text
    reply = await app.call("POST", AUTHORIZE, "", params=shop.request(), data={}, allow_redirects=False)
    assert reply.status == 400, "what stands in the address of a form counts for nothing"

"""Answers that go by a form: a page that works without script, and can send them to the client alone."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
import pytest_asyncio

from tests.service.oauth.authorization.flow import a_person, a_shop
from tests.service.oauth.authorization.given import CALLBACK

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Page(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def fields(self):
        return {field["name"]: field["value"] for field in self.all("input")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(app):
    return await a_shop(app, redirect_uris=[CALLBACK, "http://localhost:3000/cb?tenant=1"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(shop):
    return await a_person(shop, "openid")


async def posted(shop, browser=None, **changed):
    reply = await shop.ask(browser, response_mode="form_post", **changed)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "Location" not in reply.headers
    return reply, Page(reply.text)


async def test_a_form_takes_the_code_to_the_client(shop, ada):
    state = "\"><script>alert(1)</script>'&"
    reply, page = await posted(shop, ada, state=state)
    [form] = page.all("form")
    assert form == {"method": "post", "action": CALLBACK}
    assert set(page.fields) == {"code", "state", "iss"}
    assert (page.fields["state"], page.fields["iss"]) == (state, "https://muniment.test")
    assert page.fields["code"].startswith("mun_ac_")
    assert all(field["type"] == "hidden" for field in page.all("input"))
    assert [button["type"] for button in page.all("button")] == ["submit"], "a person sends it: no script is needed"
    assert not page.all("script")
    assert "app.example.com" in reply.text


async def test_a_form_takes_errors_too(shop, ada):
    for browser, changed, code in (
        (None, {"prompt": "none"}, "login_required"),
        (ada, {"scope": "root"}, "invalid_scope"),
        (None, {"response_type": "token"}, "unsupported_response_type"),
    ):
        _, page = await posted(shop, browser, **changed)
        assert page.fields["error"] == code
        assert (page.fields["state"], page.fields["iss"]) == ("xyz", "https://muniment.test")
        assert "code" not in page.fields


async def test_the_page_can_send_a_form_to_the_client_and_nowhere_else(shop, ada):
    for uri, origin in (
        (CALLBACK, "https://app.example.com"),
        (shop.document["redirect_uris"][1], "http://localhost:3000"),
    ):
        reply, page = await posted(shop, ada, redirect_uri=uri)
        policy = dict(part.strip().split(" ", 1) for part in reply.headers["Content-Security-Policy"].split(";"))
        assert policy == {
            "default-src": "'none'",
            "style-src": "'self'",
            "form-action": origin,
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
        }
        assert page.all("form")[0]["action"] == uri
        assert (reply.headers["Cache-Control"], reply.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
        assert reply.headers["X-Frame-Options"] == "DENY"
        assert "Cross-Origin-Opener-Policy" not in reply.headers, "a window that a client opened stays in touch with it"


async def test_the_page_speaks_the_language_that_the_client_asks_for(shop, ada):
    _, page = await posted(shop, ada, ui_locales="zh en")
    assert page.all("html") == [{"lang": "zh"}]
    _, page = await posted(shop, ada)
    assert page.all("html") == [{"lang": "en"}]

"""The pages behind links in mail: what they show, what they keep out, and that a dead link tells nobody anything."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from uuid import uuid4

import pytest
import pytest_asyncio

from domain.invitation import LIFETIME
from service.clock import Clock
from service.secrets.digests import EMAIL_VERIFICATION, INVITATION, new_secret
from tests.app_fixture import running
from tests.service.doors.s2s.people import a_place
from tests.service.messages.mailbox import link_in, mail, token_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = ("/invitation", "/email-verification")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest_asyncio.fixture(loop_scope="module")
async def place(app):
    return await a_place(app)


async def a_link(place, kind="/invitation", **more):
    address = f"{uuid4().hex}@example.com"
    user = await place.invite(address, **more)
    if kind == "/email-verification":
        await place.call("POST", f"/{user['id']}/verify-email")
    [*_, message] = await mail(place.app, address)
    return message, address, user


class Page(HTMLParser):
    """What a browser would make of a page: its tags with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def without_reference(text):
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "", text)


@pytest.mark.parametrize("path", PATHS)
async def test_a_link_asks_for_a_click_and_the_click_does_it(app, place, path):
    message, address, user = await a_link(place, path)
    for _ in range(2):  # however often it is opened
        reply = await app.call("GET", link_in(message), "")
        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    page = Page(reply.text)
    [form] = page.all("form")
    assert (form["method"], form["action"]) == ("post", path)
    [field] = page.all("input")
    assert field == {"type": "hidden", "name": "token", "value": token_in(message)}
    assert len(page.all("button")) == 1
    assert page.all("html") == [{"lang": "en"}]
    assert address in reply.text
    assert "Acme" in reply.text
    done = await app.call("POST", form["action"], "", data={"token": field["value"]})
    assert done.status == 200
    assert token_in(message) not in done.text
    assert (await place.shown(user["id"]))["emailVerified"] is True


@pytest.mark.parametrize("path", PATHS)
async def test_a_dead_link_is_a_dead_link_whatever_killed_it(app, place, path):
    used, *_ = await a_link(place, path)
    await app.call("POST", path, "", data={"token": token_in(used)})
    replaced, _, user = await a_link(place, path)
    if path == "/invitation":
        await place.call("POST", f"/invitations/{user['id']}", {})
    else:
        await place.call("POST", f"/{user['id']}/verify-email")
    deleted, _, user = await a_link(place, path)
    await place.call("DELETE", f"/{user['id']}")
    tokens = [token_in(message) for message in (used, replaced, deleted)]
    tokens += [
        new_secret(INVITATION),
        new_secret(EMAIL_VERIFICATION),
        "",
        "x",
        "\udcff",
        "mun_inv_" + "é" * 40,
        "a" * 7000,
    ]
    pages = set()
    for token in tokens:
        for reply in (
            await app.call("GET", path, "", params={"token": token.encode("utf-8", "replace").decode()}),
            await app.call("POST", path, "", data={"token": token.encode("utf-8", "replace").decode()}),
        ):
            assert reply.status == 404
            pages.add(without_reference(reply.text))
    assert len(pages) == 1
    [page] = pages
    assert "This link does not work" in page


@pytest.mark.parametrize("path", PATHS)
async def test_a_request_without_one_token_is_a_dead_link_too(app, place, path):
    message, *_ = await a_link(place, path)
    token = token_in(message)
    for more in (
        {"data": {}}, {"json": {"token": token}}, {"data": [("token", token), ("token", token)]},
        {"data": {"other": token}}, {"data": b"token=%ff", "headers": FORM},
        {"data": "token=" + "x" * 70_000, "headers": FORM},
        {"params": {"token": token}},
    ):  # fmt: skip
        reply = await app.call("POST", path, "", **more)
        assert reply.status in {400, 404, 413}
        assert "This link does not work" in reply.text
    reply = await app.call("GET", path, "", params=[("token", token), ("token", token)])
    assert reply.status == 404
    assert (await app.call("POST", path, "", data={"token": token})).status == 200, "the link was not used up"


@pytest.mark.parametrize("path", PATHS)
async def test_pages_keep_scripts_frames_caches_and_referrers_out(app, place, path):
    message, *_ = await a_link(place, path)
    token = token_in(message)
    replies = [
        await app.call("GET", link_in(message), ""),
        await app.call("GET", path, ""),
        await app.call("POST", path, "", data={"token": token}),
    ]
    for reply in replies:
        headers = reply.headers
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy == {
            "default-src": "'none'", "style-src": "'self'", "form-action": "'self'", "frame-ancestors": "'none'",
            "base-uri": "'none'",
        }  # fmt: skip
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "Set-Cookie" not in headers
        page = Page(reply.text)
        assert not page.all("script")
        assert not page.all("style")
        assert not any(name.startswith("on") or name == "style" for _, tag in page.tags for name in tag)


async def test_pages_speak_the_readers_language(app, place):
    message, *_ = await a_link(place)
    reply = await app.call("GET", link_in(message), "", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert "邀请您加入 Acme" in reply.text
    assert Page(reply.text).all("html") == [{"lang": "zh"}]
    assert reply.headers["Vary"] == "Accept-Language"
    gone = await app.call("GET", "/invitation", "", headers={"Accept-Language": "zh"})
    assert "此链接无效" in gone.text


async def test_what_others_wrote_is_text_and_never_markup(app):
    organization = await app.organization('<img src=x onerror="alert(1)">{{7*7}}{0}')
    place = await a_place(app)
    place.organization = organization
    place.token = await app.manager(organization, "write_user", "read_user")
    message, *_ = await a_link(place)
    for reply in (
        await app.call("GET", link_in(message), ""),
        await app.call("POST", "/invitation", "", data={"token": token_in(message)}),
    ):
        assert reply.status == 200
        assert not Page(reply.text).all("img")
        assert "&lt;img src=x" in reply.text
        assert "{{7*7}}{0}" in reply.text


async def test_the_stylesheet_is_ours_and_kept_for_ever(app, place):
    message, *_ = await a_link(place)
    page = Page((await app.call("GET", link_in(message), "")).text)
    [sheet] = page.all("link")
    assert re.fullmatch(r"/assets/muniment\.css\?v=[0-9a-f]{16}", sheet["href"])
    reply = await app.call("GET", sheet["href"], "")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in reply.headers["Cache-Control"]
    assert "url(" not in reply.text, "it fetches nothing from anywhere"


async def test_whoever_tries_dead_links_is_recorded(app):
    await app.call("GET", "/invitation", "", params={"token": "guess"})
    await app.call("POST", "/invitation", "", data={"token": "guess"})
    recorded = [each for each in await app.refusals(limit=20) if each["code"] == "unknown_link"]
    assert {each["operation"] for each in recorded} >= {"GET /invitation", "POST /invitation"}
    assert "guess" not in str(recorded)


async def test_opening_a_page_takes_no_token_and_other_methods_are_not_there(app):
    for path in PATHS:
        assert (await app.call("HEAD", path, "")).status == 404
        assert (await app.call("PUT", path, "")).status == 405


class MovedClock(Clock):
    """The real clock, put forward."""

    by = timedelta(0)

    def now(self):
        return super().now() + self.by


async def test_a_link_is_good_for_seven_days_and_not_longer(app_database):
    clock = MovedClock()
    async with running(app_database, clock=clock) as service:
        place = await a_place(service)
        message, *_ = await a_link(place)
        clock.by = LIFETIME - timedelta(minutes=1)
        assert (await service.call("GET", link_in(message), "")).status == 200
        clock.by = LIFETIME + timedelta(minutes=1)
        assert (await service.call("GET", link_in(message), "")).status == 404
        assert (await service.call("POST", "/invitation", "", data={"token": token_in(message)})).status == 404
        clock.by = timedelta(0)
        assert (await service.call("POST", "/invitation", "", data={"token": token_in(message)})).status == 200


async def test_a_failure_is_told_by_a_page_without_its_insides(app_database, monkeypatch):
    from service.pages import invitation  # noqa: PLC0415

    async with running(app_database) as service:
        message, *_ = await a_link(await a_place(service))

        async def broken(*_):
            raise RuntimeError("a secret of ours")

        monkeypatch.setattr(invitation.rows, "by_digest", broken)
        reply = await service.call("GET", link_in(message), "")
        assert reply.status == 500
        assert "That did not work" in reply.text
        assert "a secret of ours" not in reply.text
        assert reply.headers["X-Request-Id"] in reply.text

"""Applications sign people out: at once where an ID token names the very session, after a question otherwise."""

# ruff: noqa: RUF001 - Chinese has punctuation of its own
from __future__ import annotations

import uuid
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from service.secrets.digests import SESSION, new_secret
from service.sessions import COOKIE
from tests.service.oauth.authorization.flow import a_person, a_shop
from tests.service.oauth.id_tokens import an_id_token
from tests.service.pages.visitor import Visitor

if TYPE_CHECKING:
    from tests.app_fixture import Running
    from tests.service.oauth.authorization.flow import Browser, Shop
    from tests.service.pages.visitor import Answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOGOUT = "/oauth2/logout"
BACK = "https://shop.test/bye?lang=en"
FROM_ELSEWHERE = {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"}


async def shop_and_person(app: Running) -> tuple[Shop, Browser, Visitor]:
    shop = await a_shop(app, post_logout_redirect_uris=[BACK, "https://shop.test/other"])
    person = await a_person(shop)
    return shop, person, Visitor(app, {COOKIE: person.cookie})


async def over(browser: Browser) -> bool:
    """Whether a session has ended."""
    live = await browser.app.parts.store.pool.fetchval("SELECT count(*) FROM sessions WHERE id = $1", browser.session)
    return live == 0


def gone_on(location: str) -> dict[str, str]:
    """Return what the application is told, which was led back to where it wanted."""
    place, _, _ = BACK.partition("?")
    assert location.startswith(place + "?")
    return dict(parse_qsl(urlsplit(location).query, strict_parsing=True))


def asks(answer: Answer) -> bool:
    return answer.status == 200 and answer.title == "Sign out?"


async def test_who_is_named_by_an_id_token_is_signed_out_at_once_and_led_back(app: Running) -> None:
    shop, person, visitor = await shop_and_person(app)
    hint = await an_id_token(shop, person.user, person.session)
    answer = await visitor.open(LOGOUT, id_token_hint=hint, post_logout_redirect_uri=BACK, state="a b&c")
    assert gone_on(answer.next) == {"lang": "en", "state": "a b&c"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert await over(person)
    assert visitor.cookies == {}
    [ended] = [event for event in await app.events(limit=20) if event["topic"] == "session.ended"][:1]
    assert (ended["stream"], ended["actor"]) == (str(person.session), str(person.user))


async def test_without_an_address_a_page_says_that_it_is_done(app: Running) -> None:
    shop, person, visitor = await shop_and_person(app)
    hint = await an_id_token(shop, person.user, person.session)
    answer = await visitor.open(LOGOUT, id_token_hint=hint, client_id=shop.client_id, state="x")
    assert (answer.status, answer.title) == (200, "You are signed out")
    assert await over(person)
    assert visitor.cookies == {}


async def test_nobody_is_signed_out_unasked_by_less_than_that(app: Running) -> None:
    shop, person, visitor = await shop_and_person(app)
    for query in (
        {},
        {"client_id": shop.client_id, "post_logout_redirect_uri": BACK},
        {"id_token_hint": await an_id_token(shop, person.user, None)},
        {"id_token_hint": await an_id_token(shop, person.user, uuid.uuid4())},
        {"id_token_hint": await an_id_token(shop, uuid.uuid4(), uuid.uuid4())},
        {"logout_hint": "ada"},
    ):
        assert asks(await visitor.open(LOGOUT, **query)), query
    assert not await over(person)


async def test_who_says_yes_is_signed_out_and_led_on(app: Running) -> None:
    shop, person, visitor = await shop_and_person(app)
    asked = await visitor.open(LOGOUT, client_id=shop.client_id, post_logout_redirect_uri=BACK, state="<s>")
    answer = await visitor.submit(asked.form)
    assert gone_on(answer.away) == {"lang": "en", "state": "<s>"}
    assert await over(person)
    assert visitor.cookies == {}


async def test_who_says_yes_without_an_application_is_told_that_it_is_done(app: Running) -> None:
    _, person, visitor = await shop_and_person(app)
    answer = await visitor.submit((await visitor.open(LOGOUT)).form)
    assert (answer.status, answer.title) == (200, "You are signed out")
    assert await over(person)
    again = await visitor.open(LOGOUT)
    assert again.title == "You are signed out"


async def test_who_is_not_signed_in_is_led_back_at_once(app: Running) -> None:
    shop, person, _ = await shop_and_person(app)
    stranger = Visitor(app)
    for query in (
        {"client_id": shop.client_id},
        {"id_token_hint": await an_id_token(shop, person.user, person.session)},
    ):
        answer = await stranger.open(LOGOUT, post_logout_redirect_uri=BACK, state="s", **query)
        assert gone_on(answer.next)["state"] == "s"
    assert not await over(person), "an ID token says who somebody was, and signs nobody out elsewhere"
    stale = Visitor(app, {COOKIE: new_secret(SESSION)})
    await stale.open(LOGOUT)
    assert stale.cookies == {}


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.test/", "https://shop.test/bye", "https://shop.test/bye?lang=en#x", "https://shop.test/bye?lang=en&a=b",
        "https://SHOP.test/bye?lang=en", "https://shop.test:443/bye?lang=en", "https://shop.test/../bye?lang=en",
        "https://shop.test@evil.test/bye?lang=en", "javascript:alert(1)", "https://shop.test/cb", "/account",
        "//shop.test/bye?lang=en", " https://shop.test/bye?lang=en",
    ],
)  # fmt: skip
async def test_nobody_is_led_to_an_address_that_is_not_registered_nor_signed_out(app: Running, uri: str) -> None:
    shop, person, visitor = await shop_and_person(app)
    for named in (
        {"client_id": shop.client_id},
        {"id_token_hint": await an_id_token(shop, person.user, person.session)},
    ):
        for sender in (visitor, Visitor(app)):
            answer = await sender.open(LOGOUT, post_logout_redirect_uri=uri, **named)
            assert (answer.status, answer.title) == (400, "We cannot sign you out this way")
            assert "Location" not in answer.headers
            assert uri not in answer.text
    confirmed = await visitor.submit(
        (await visitor.open(LOGOUT, client_id=shop.client_id)).form, post_logout_redirect_uri=uri
    )
    assert confirmed.status == 400
    assert not await over(person)


async def test_an_address_belongs_to_one_client_that_is_known_and_active(app: Running) -> None:
    shop, _, visitor = await shop_and_person(app)
    other = await a_shop(app)
    disabled = await a_shop(app, post_logout_redirect_uris=[BACK])
    assert (await app.call("POST", f"/api/applications/{disabled.id}/disable", json={})).status == 200
    for client_id in (other.client_id, disabled.client_id, "nobody", "\x00", "ä", ""):
        answer = await visitor.open(LOGOUT, client_id=client_id, post_logout_redirect_uri=BACK)
        assert answer.status == 400, client_id
    assert asks(await visitor.open(LOGOUT, client_id=shop.client_id, post_logout_redirect_uri=BACK))


async def test_a_hint_that_is_not_ours_or_was_for_another_client_is_refused(app: Running) -> None:
    shop, person, visitor = await shop_and_person(app)
    other = await a_shop(app)
    hint = await an_id_token(shop, person.user, person.session)
    for query in (
        {"id_token_hint": "no token"},
        {"id_token_hint": hint + "x"},
        {"id_token_hint": await app.token("root", "root-secret-of-the-tests")},
        {"id_token_hint": hint, "client_id": other.client_id},
    ):
        answer = await visitor.open(LOGOUT, **query)
        assert (answer.status, answer.title) == (400, "We cannot sign you out this way")
    assert not await over(person)
    [record] = [each for each in await app.refusals() if each["client"] == other.client_id]
    assert (record["operation"], record["code"]) == ("GET /oauth2/logout", "invalid_id_token_hint")


async def test_a_parameter_that_stands_twice_is_refused(app: Running) -> None:
    shop, person, visitor = await shop_and_person(app)
    for method, more in (
        ("GET", {"params": [("client_id", shop.client_id), ("client_id", shop.client_id)]}),
        ("POST", {"data": f"client_id={shop.client_id}&client_id={shop.client_id}",
                  "headers": {"Content-Type": "application/x-www-form-urlencoded"}}),
    ):  # fmt: skip
        answer = await visitor.send(method, LOGOUT, **more)
        assert answer.status == 400
    assert not await over(person)


async def test_another_site_cannot_say_yes_in_somebodys_name(app: Running) -> None:
    shop, person, visitor = await shop_and_person(app)
    form = (await visitor.open(LOGOUT, client_id=shop.client_id)).form
    _, _, stranger = await shop_and_person(app)
    theirs = (await stranger.open(LOGOUT, client_id=shop.client_id)).form
    forged: list[tuple[dict[str, str], dict[str, str]]] = [
        ({"csrf": ""}, {}),
        ({"csrf": "x"}, {}),
        ({"csrf": theirs.fields["csrf"]}, {}),
        ({}, FROM_ELSEWHERE),
        ({}, {"Origin": "null"}),
        ({}, {"Sec-Fetch-Site": "same-site"}),
    ]
    for fields, headers in forged:
        answer = await visitor.submit(form, headers=headers, **fields)
        assert (answer.status, answer.title) == (403, "Sign out?"), (fields, headers)
    assert not await over(person)
    again = await visitor.submit(answer.form)
    assert again.title == "You are signed out"


async def test_a_form_that_another_site_posts_comes_again_with_our_cookie(app: Running) -> None:
    shop, person, visitor = await shop_and_person(app)
    hint = await an_id_token(shop, person.user, person.session)
    form = {"id_token_hint": hint, "post_logout_redirect_uri": BACK, "state": "s", "junk": "j", "client_id": ""}
    without_cookie = Visitor(app)  # browsers keep SameSite=Lax cookies from such a form
    answer = await without_cookie.send("POST", LOGOUT, data=form, headers=FROM_ELSEWHERE)
    path, _, query = answer.next.partition("?")
    assert path == LOGOUT
    assert dict(parse_qsl(query)) == {"id_token_hint": hint, "post_logout_redirect_uri": BACK, "state": "s"}
    assert gone_on((await visitor.open(f"{path}?{query}")).next)["state"] == "s"
    assert await over(person)


async def test_another_site_cannot_make_the_browser_forget_its_session(app: Running) -> None:
    shop, person, visitor = await shop_and_person(app)
    form = {"confirmed": "yes", "client_id": shop.client_id, "csrf": "x"}
    answer = await Visitor(app).send("POST", LOGOUT, data=form, headers=FROM_ELSEWHERE)
    assert "Set-Cookie" not in answer.headers
    assert asks(await visitor.open(answer.next))
    assert not await over(person)


async def test_a_form_of_the_same_site_is_answered_as_it_is(app: Running) -> None:
    shop, person, visitor = await shop_and_person(app)
    hint = await an_id_token(shop, person.user, person.session)
    answer = await visitor.send("POST", LOGOUT, data={"id_token_hint": hint, "post_logout_redirect_uri": BACK})
    assert gone_on(answer.next) == {"lang": "en"}
    assert await over(person)


async def test_who_asks_for_the_head_alone_signs_nobody_out(app: Running) -> None:
    shop, person, visitor = await shop_and_person(app)
    hint = await an_id_token(shop, person.user, person.session)
    answer = await visitor.send("HEAD", LOGOUT, params={"id_token_hint": hint})
    assert answer.status == 405
    assert not await over(person)


async def test_what_is_sent_must_be_a_form(app: Running) -> None:
    _, person, visitor = await shop_and_person(app)
    answer = await visitor.send("POST", LOGOUT, json={"confirmed": "yes"})
    assert answer.status == 415
    assert not await over(person)


async def test_the_pages_speak_the_language_that_the_application_asks_for(app: Running) -> None:
    shop, _, visitor = await shop_and_person(app)
    asked = await visitor.open(LOGOUT, client_id=shop.client_id, ui_locales="zh-CN en")
    assert asked.title == "退出登录？"
    assert (await visitor.submit(asked.form)).title == "您已退出登录"


async def test_the_page_that_asks_is_framed_by_nobody_and_runs_no_script(app: Running) -> None:
    _, _, visitor = await shop_and_person(app)
    answer = await visitor.open(LOGOUT)
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script" not in policy
    assert answer.headers["Cache-Control"] == "no-store"


async def test_who_was_suspended_meanwhile_is_signed_out_already(app: Running) -> None:
    shop, person, visitor = await shop_and_person(app)
    form = (await visitor.open(LOGOUT, client_id=shop.client_id, post_logout_redirect_uri=BACK)).form
    await person.suspend()
    answer = await visitor.submit(form)
    assert gone_on(answer.away) == {"lang": "en"}
    assert visitor.cookies == {}


async def test_an_application_of_another_organization_signs_nobody_out_unasked(app: Running) -> None:
    _, person, visitor = await shop_and_person(app)
    foreign = await a_shop(app, post_logout_redirect_uris=[BACK])
    hint = await an_id_token(foreign, person.user, uuid.uuid4())
    assert asks(await visitor.open(LOGOUT, id_token_hint=hint, post_logout_redirect_uri=BACK))
    assert not await over(person)

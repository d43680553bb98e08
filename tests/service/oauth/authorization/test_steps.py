"""The steps to a code: what is asked of a person, how often, and that nothing is issued on ground that moved."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest
import pytest_asyncio

from service.oauth.authorization import steps
from service.store.refusals import Overloaded
from tests.service.oauth.authorization.flow import (
    a_page,
    a_person,
    a_shop,
    answer,
    asked_by,
    codes,
    error,
    place,
    signed_in,
)
from tests.service.oauth.authorization.given import CALLBACK

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOGIN, CONSENT = "https://muniment.test/login", "https://muniment.test/consent"
YEAR = timedelta(days=365)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(app):
    return await a_shop(app)


async def test_a_person_who_signs_in_and_consents_ends_at_the_client(app, shop):
    ada = await a_person(shop)
    async with a_page(app) as page:
        login = await shop.ask()
        asked_by(login, app, "login")
        consent = await page.post(login, ada)
        asked_by(consent, app, "consent")
        assert place(await page.post(consent, ada)) == CONSENT, "to look at the page is no consent"
        await ada.consent(shop)
        told = answer(await page.post(consent, ada, consented="yes"))
    assert set(told) == {"code", "state", "iss"}
    assert told["state"] == "xyz"


async def test_a_person_who_refuses_is_told_to_the_client_and_nobody_gets_a_code(app, shop):
    ada = await a_person(shop)
    async with a_page(app) as page:
        reply = await page.post(await shop.ask(ada), ada, error="access_denied")
    assert error(reply) == "access_denied"
    assert answer(reply)["error_description"] == "The person said no"


@pytest.mark.parametrize("mode", ["query", "form_post"])
async def test_where_no_page_may_be_shown_what_is_missing_is_an_error(app, shop, mode):
    ada = await a_person(shop, "openid")
    missing = {"login_required": (None, "openid"), "consent_required": (ada, "openid files.read")}
    for code, (browser, scope) in missing.items():
        reply = await shop.ask(browser, prompt="none", scope=scope, response_mode=mode)
        if mode == "query":
            assert error(reply) == code
        else:
            assert reply.status == 200
            assert f'name="error" value="{code}"' in reply.text
    assert "code" in answer(await shop.ask(ada, prompt="none"))


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
async def test_who_has_to_sign_in_again_does_so_once(timed, prompt):
    app, clock = timed
    shop = await a_shop(app)
    ada = await a_person(shop, "openid")
    clock.move(timedelta(seconds=1))
    async with a_page(app) as page:
        login = await shop.ask(ada, prompt=prompt)
        assert place(login) == LOGIN
        assert place(await page.post(login, ada)) == LOGIN, "to look at the page is no sign-in"
        clock.move(timedelta(minutes=20))
        again = await ada.again()
        more = {"consented": "yes"} if "consent" in prompt else {}
        assert "code" in answer(await page.post(login, again, **more))
        clock.move(timedelta(minutes=39))
        assert "code" in answer(await page.post(login, again, **more)), "however long the other pages take"
        clock.move(timedelta(minutes=1))
        assert place(await shop.ask(again, prompt=prompt)) == LOGIN, "a new request asks anew"


async def test_who_signed_in_long_ago_does_so_again_where_the_client_asks_for_it(timed):
    app, clock = timed
    shop = await a_shop(app)
    ada = await a_person(shop, "openid")
    clock.move(timedelta(seconds=60))
    assert "code" in answer(await shop.ask(ada, max_age="60"))
    clock.move(timedelta(microseconds=1))
    assert error(await shop.ask(ada, max_age="60", prompt="none")) == "login_required"
    login = await shop.ask(ada, max_age="60")
    assert place(login) == LOGIN
    async with a_page(app) as page:
        again = await ada.again()
        clock.move(timedelta(minutes=59))
        assert "code" in answer(await page.post(login, again)), "time spent on our pages sends nobody back"
    assert "code" in answer(await shop.ask(again)), "the session itself is as good as before"
    assert place(await shop.ask(again, max_age="0")) == LOGIN


async def test_a_request_under_way_is_good_for_an_hour(timed):
    app, clock = timed
    shop = await a_shop(app)
    login = await shop.ask()
    asked_by(login, app, "login")
    clock.move(timedelta(hours=1))
    with pytest.raises(AssertionError):
        asked_by(login, app, "login")


async def test_who_is_to_be_asked_for_consent_is_asked_though_they_gave_it(app, shop):
    ada = await a_person(shop, "openid")
    async with a_page(app) as page:
        consent = await shop.ask(ada, prompt="consent")
        assert place(consent) == CONSENT
        assert place(await page.post(consent, ada)) == CONSENT
        assert "code" in answer(await page.post(consent, ada, consented="yes"))
    assert place(await shop.ask(ada, prompt="consent")) == CONSENT


@pytest.mark.parametrize("uri", ["http://127.0.0.1:51004/cb", "com.example.app:/cb"])
async def test_any_program_could_pose_as_an_installed_application_so_its_people_are_asked_each_time(app, uri):
    shop = await a_shop(app, kind="native", redirect_uris=["http://127.0.0.1/cb", "com.example.app:/cb", CALLBACK])
    ada = await a_person(shop, "openid")
    async with a_page(app) as page:
        consent = await shop.ask(ada, redirect_uri=uri)
        assert place(consent) == CONSENT
        assert "code" in answer(await page.post(consent, ada, consented="yes"), uri)
    assert place(await shop.ask(ada, redirect_uri=uri)) == CONSENT
    assert error(await shop.ask(ada, redirect_uri=uri, prompt="none"), uri) == "consent_required"
    assert "code" in answer(await shop.ask(ada, redirect_uri=CALLBACK)), "an https address is its own"


async def test_a_browsers_application_on_the_loopback_interface_is_no_surer(app):
    uri = "http://localhost:3000/cb"
    ada = await a_person(shop := await a_shop(app, kind="spa", redirect_uris=[uri]), "openid")
    assert place(await shop.ask(ada)) == CONSENT
    back = await a_shop(app, str(shop.organization), redirect_uris=[uri])
    await ada.consent(back)
    assert "code" in answer(await back.ask(ada), uri), "whoever proves itself with a secret is"


async def test_consent_is_asked_again_when_scopes_grow_and_not_when_they_shrink(shop):
    ada = await a_person(shop, "openid", "files.read")
    for scope in ("openid", "files.read", "openid files.read", "files.read openid"):
        assert "code" in answer(await shop.ask(ada, scope=scope))
    assert place(await shop.ask(ada, scope="openid files.read files.write")) == CONSENT
    await ada.consent(shop, "files.write")
    assert "code" in answer(await shop.ask(ada, scope="openid files.read files.write"))


async def test_consent_is_to_one_client_and_of_one_person(app, shop):
    ada, bob = await a_person(shop, "openid"), await a_person(shop)
    other = await a_shop(app, str(shop.organization))
    assert place(await shop.ask(bob)) == CONSENT
    assert place(await other.ask(ada)) == CONSENT


@pytest.mark.parametrize("deed", ["sign_out", "suspend"])
async def test_who_is_out_is_asked_to_sign_in(shop, deed):
    ada = await a_person(shop, "openid")
    assert "code" in answer(await shop.ask(ada))
    await getattr(ada, deed)()
    assert place(await shop.ask(ada)) == LOGIN
    assert error(await shop.ask(ada, prompt="none")) == "login_required"


async def test_consent_that_was_withdrawn_is_asked_for_again(shop):
    ada = await a_person(shop, "openid")
    await ada.withdraw(shop)
    assert place(await shop.ask(ada)) == CONSENT


class Meanwhile:
    """Lets something happen once, after all was looked at and before the code is committed."""

    def __init__(self, deed):
        self.deed, self.times, self.issue = deed, 0, steps.codes.issue

    async def __call__(self, *arguments, **more):
        self.times += 1
        if self.times == 1:
            await self.deed()
        return await self.issue(*arguments, **more)


async def disabled(shop, _):
    assert (await shop.app.call("POST", f"/api/applications/{shop.id}/disable", json={})).status == 200


async def moved(shop, _):
    await shop.change(redirect_uris=["https://app.example.com/moved"])


async def deprived(shop, _):
    await shop.change(permissions=[])


async def withdrawn(shop, ada):
    await ada.withdraw(shop)


async def signed_out(_, ada):
    await ada.sign_out()


async def suspended(_, ada):
    await ada.suspend()


async def renamed(shop, _):
    await shop.change(name="Another name")


@pytest.mark.parametrize(
    ("deed", "expected"),
    [
        (withdrawn, CONSENT),
        (signed_out, LOGIN),
        (suspended, LOGIN),
        (disabled, 400),
        (moved, 400),
        (deprived, "invalid_scope"),
        (renamed, "code"),
    ],
)
async def test_no_code_is_issued_on_ground_that_moved_meanwhile(app, monkeypatch, deed, expected):
    shop = await a_shop(app)
    ada = await a_person(shop, "files.read")
    meanwhile = Meanwhile(lambda: deed(shop, ada))
    monkeypatch.setattr(steps.codes, "issue", meanwhile)
    reply = await shop.ask(ada, scope="files.read")
    if expected == 400:
        assert reply.status == 400
        assert "Location" not in reply.headers
    elif expected == "code":
        assert "code" in answer(reply)
    elif expected == "invalid_scope":
        assert error(reply) == expected
    else:
        assert place(reply) == expected
    assert meanwhile.times == (2 if expected == "code" else 1)
    assert len(await codes(shop)) == (1 if expected == "code" else 0)


async def test_ground_that_never_rests_is_an_error_and_no_code(app, monkeypatch):
    shop = await a_shop(app)
    ada = await a_person(shop, "openid")
    names = iter(range(100))
    issue = steps.codes.issue

    async def restless(*arguments, **more):
        await shop.change(name=f"Shop {next(names)}")
        return await issue(*arguments, **more)

    monkeypatch.setattr(steps.codes, "issue", restless)
    assert error(await shop.ask(ada)) == "temporarily_unavailable"
    assert next(names) == steps.ATTEMPTS
    assert await codes(shop) == []


async def test_a_service_that_is_too_busy_says_so_to_the_client(shop, monkeypatch):
    ada = await a_person(shop, "openid")

    async def busy(*_, **__):
        raise Overloaded

    monkeypatch.setattr(steps.codes, "issue", busy)
    assert error(await shop.ask(ada)) == "temporarily_unavailable"


@pytest.mark.parametrize("deed", [disabled, moved])
async def test_who_was_on_the_pages_while_the_client_lost_its_right_is_led_nowhere(app, deed):
    shop = await a_shop(app)
    ada = await a_person(shop, "openid")
    login = await shop.ask()
    await deed(shop, ada)
    async with a_page(app) as page:
        for more in ({}, {"error": "access_denied"}):
            reply = await page.post(login, ada, **more)
            assert reply.status == 400
            assert "Location" not in reply.headers
    assert await codes(shop) == []


async def test_what_a_client_may_no_more_ask_for_is_not_granted_though_it_asked_when_it_might(app):
    shop = await a_shop(app)
    ada = await a_person(shop, "files.read", "files.write")
    login = await shop.ask(scope="files.read files.write")
    await shop.change(permissions=["files.read"])
    async with a_page(app) as page:
        assert "code" in answer(await page.post(login, ada))
        assert (await codes(shop))[0]["data"]["scope"] == "files.read"
        await shop.change(grant_types=["refresh_token"])
        assert error(await page.post(login, ada)) == "unauthorized_client"


async def test_of_many_windows_at_once_each_gets_a_code_of_its_own(shop):
    ada = await a_person(shop, "openid")
    replies = await asyncio.gather(*(shop.ask(ada) for _ in range(12)))
    assert len({answer(reply)["code"] for reply in replies}) == 12


async def test_somebody_else_who_signs_in_where_one_person_was_asked_for_is_an_error(app, shop):
    """OpenID Connect Core section 3.1.2.1: never a code for another person, and no page that asks for ever."""
    ada, bob = await a_person(shop, "openid"), await a_person(shop, "openid")
    asked = msgspec.structs.replace(asked_by(await shop.ask(), app, "login"), subject=ada.user)
    async with a_page(app) as page:
        again = await bob.again()
        assert error(await page.go_on(asked, again)) == "login_required"
        assert place(await page.go_on(msgspec.structs.replace(asked, asked_at=asked.asked_at + YEAR), again)) == LOGIN
        assert "code" in answer(await page.go_on(asked, ada))


async def test_a_worker_goes_on_with_what_another_began(two):
    first, second = two
    shop = await a_shop(first)
    ada = await a_person(shop, "openid")
    async with a_page(second) as page:
        assert "code" in answer(await page.post(await shop.ask(), ada))
    again = await signed_in(second, ada.user, ada.organization, former=ada.cookie)
    assert place(await shop.ask(ada)) == LOGIN
    assert "code" in answer(await shop.ask(again))

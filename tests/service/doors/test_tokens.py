"""/api/tokens: found by what they were issued to, seen as they are now, ended, approved again and described."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from uuid import UUID, uuid4

import jwt
import pytest
import pytest_asyncio

from tests.app_fixture import AUDIENCE, running
from tests.fake_clock import FakeClock
from tests.service.oauth.redeeming import a_code, a_membership, a_person, a_shop, alive, redeem, renew, tokens_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def timed(app_database):
    """The service with a clock that the test moves."""
    clock = FakeClock()
    async with running(app_database, clock=clock) as service:
        yield service, clock


def jti(token: str) -> str:
    return jwt.decode(token, options={"verify_signature": False})["jti"]


def refresh_id(token: str) -> str:
    """Return the id of a refresh token: the first half of its digest."""
    return str(UUID(bytes=hashlib.sha256(token.encode()).digest()[:16]))


async def back_end(app, organization=None, **settings):
    settings = {"permissions": ["read_role"], "end_user_from": "header:X-Served", **settings}
    return await app.application(organization=organization or await app.organization(), **settings)


async def issued(app, made, end_user: str | None = None, **form: str) -> str:
    headers = {} if end_user is None else {"X-Served": end_user}
    body = {"grant_type": "client_credentials", "audience": AUDIENCE, "client_id": made["client_id"], **form}
    body["client_secret"] = made["secrets"][0]["secret"]
    reply = await app.call("POST", "/oauth2/token", "", json=body, headers=headers)
    assert reply.status == 200, reply.text
    return reply.json["access_token"]


async def asked(app, token=None, **query) -> list[str]:
    """Return the ids that a look-up lists on its first page."""
    reply = await app.call("GET", "/api/tokens", token, params={k: str(v) for k, v in query.items()})
    assert reply.status == 200, reply.text
    return [item["id"] for item in reply.json["items"]]


async def read(app, token_id: str):
    reply = await app.call("GET", f"/api/tokens/{token_id}")
    assert reply.status == 200, reply.text
    return reply.json


async def told(app, token_id: str, action: str, token=None, **body):
    method = "PATCH" if action == "attributes" else "POST"
    return await app.call(method, f"/api/tokens/{token_id}/{action}", token, json=body)


async def done(app, token_id: str, action: str, **body) -> None:
    reply = await told(app, token_id, action, **body)
    assert reply.status in {200, 204}, reply.text


async def test_tokens_are_found_by_application_end_user_and_both(app):
    organization = await app.organization()
    one, other = await back_end(app, organization), await back_end(app, organization)
    texts = [
        await issued(app, *each)
        for each in ((one, "anna"), (one, None), (other, "anna"), (one, "otto"), (one, "anna"), (other, None))
    ]
    ids = [jti(text) for text in texts]
    mine = {"organization": organization}
    assert await asked(app, application=one["id"], **mine) == [ids[4], ids[3], ids[1], ids[0]]
    assert await asked(app, end_user="anna", **mine) == [ids[4], ids[2], ids[0]], "only those that were tagged"
    assert await asked(app, application=one["id"], end_user="anna", **mine) == [ids[4], ids[0]]
    assert await asked(app, application=other["id"], end_user="otto", **mine) == []
    assert await asked(app, application=one["id"], end_user="Anna", **mine) == [], "compared as they were given"


async def test_tokens_are_found_by_user_and_account_access_and_refresh_tokens_apart(app):
    shop = await a_shop(app, end_user_from="user")
    browser = await a_person(shop)
    account, _ = await a_membership(shop, browser)
    first = await tokens_of(shop, browser)
    second = await tokens_of(shop, browser, account=account)
    other = await tokens_of(shop, await a_person(shop))
    access = [jti(each["access_token"]) for each in (first, second, other)]
    refresh = [refresh_id(each["refresh_token"]) for each in (first, second, other)]
    user, mine = str(browser.user), {"organization": str(shop.organization)}
    assert await asked(app, user=user, **mine) == [access[1], access[0]]
    assert await asked(app, end_user=user, **mine) == [access[1], access[0]]
    assert await asked(app, account=account, **mine) == [access[1]]
    assert await asked(app, application=shop.id, user=user, account=account, **mine) == [access[1]]
    assert await asked(app, user=user, kind="refresh", **mine) == [refresh[1], refresh[0]]
    assert await asked(app, application=shop.id, kind="refresh", **mine) == refresh[::-1]
    assert await asked(app, end_user=user, kind="refresh", **mine) == [refresh[1], refresh[0]]
    assert await asked(app, account=account, kind="refresh", **mine) == [refresh[1]]


async def test_a_machines_token_is_shown_with_all_that_is_known_and_nothing_secret(app):
    made = await back_end(app)
    text = await issued(app, made, "anna")
    shown = await read(app, jti(text))
    [listed] = (await app.call("GET", "/api/tokens", params={"application": made["id"]})).json["items"]
    assert shown == {
        **listed,
        "refreshes": 0,
        "refresh_token": None,
    }
    inside = jwt.decode(text, options={"verify_signature": False})
    assert listed == {
        "id": inside["jti"], "kind": "access", "status": "active", "family": inside["jti"],
        "organization": made["organization"], "application": made["id"], "client_id": made["client_id"],
        "user": None, "account": None, "membership": None, "end_user": "anna", "actor": None, "session": None,
        "scope": ["read_role"], "audience": AUDIENCE, "format": "jwt", "grant_type": "client_credentials",
        "issued_at": listed["issued_at"], "expires_at": listed["expires_at"], "ended_at": None, "ended_because": None,
        "attributes": {},
    }  # fmt: skip


async def test_a_persons_token_is_shown_with_the_refresh_token_that_goes_on(app):
    shop = await a_shop(app, token_format="opaque")
    browser = await a_person(shop)
    account, member = await a_membership(shop, browser)
    first = await tokens_of(shop, browser, account=account)
    second = (await renew(shop, first["refresh_token"])).json
    newest, oldest = (await app.call("GET", "/api/tokens", params={"user": str(browser.user)})).json["items"]
    shown = await read(app, newest["id"])
    assert (shown["family"], oldest["id"]) == (oldest["family"], oldest["family"])
    assert (shown["user"], shown["account"], shown["membership"]) == (str(browser.user), str(account), str(member))
    assert (shown["session"], shown["format"], shown["refreshes"]) == (str(browser.session), "opaque", 1)
    assert shown["refresh_token"]["id"] == refresh_id(second["refresh_token"])
    assert shown["refresh_token"]["status"] == "active"
    refresh = await read(app, shown["refresh_token"]["id"])
    assert (refresh["kind"], refresh["status"], refresh["family"]) == ("refresh", "active", shown["family"])
    assert refresh["expires_at"] == shown["refresh_token"]["expires_at"]
    used = await read(app, refresh_id(first["refresh_token"]))
    assert (used["kind"], used["family"]) == ("refresh", shown["family"])
    assert used["status"] == "revoked", "it was replaced"


async def test_pages_begin_where_the_last_one_said_and_hold_every_token_once(app):
    made = await back_end(app)
    ids = [jti(await issued(app, made)) for _ in range(7)][::-1]
    for limit in (1, 3, 7, 200):
        found, start, pages = [], None, 0
        while True:
            query = {"application": made["id"], "limit": str(limit)} | ({} if start is None else {"start": str(start)})
            page = (await app.call("GET", "/api/tokens", params=query)).json
            found += [item["id"] for item in page["items"]]
            pages, start = pages + 1, page["next"]
            if pages == 1 and limit == 3:
                await issued(app, made)  # newer than all that is left: no page shows it
            if start is None:
                break
        assert [each for each in found if each in ids] == ids, limit
        assert len(found) == len(set(found))
    assert (await app.call("GET", "/api/tokens", params={"application": made["id"], "start": "0"})).json == {
        "items": [], "next": None,
    }  # fmt: skip


async def test_filters_by_status_show_each_token_under_one(app):
    organization = await app.organization()
    one, other = await back_end(app, organization), await back_end(app, organization)
    active, revoked, blocked = [jti(await issued(app, each)) for each in (one, one, other)]
    await done(app, revoked, "revoke")
    assert (await app.call("POST", f"/api/applications/{other['id']}/disable", json={})).status == 200
    for status, expected in (("active", [active]), ("revoked", [revoked]), ("blocked", []), ("expired", [])):
        assert await asked(app, application=one["id"], status=status) == expected
    assert await asked(app, application=other["id"], status="blocked") == [blocked]
    assert await asked(app, application=other["id"], status="active") == []


async def test_ranges_of_time_include_their_beginning_and_not_their_end(timed):
    app, clock = timed
    made = await back_end(app, access_token_lifetime=60)
    first = jti(await issued(app, made))
    born, over = clock.now(), clock.now() + timedelta(seconds=60)
    clock.move(timedelta(seconds=1))
    second = jti(await issued(app, made))
    later = clock.now()
    mine = {"application": made["id"]}
    bit = timedelta(microseconds=1)
    for name, moment, expected in (
        ("issued_from", born, [second, first]),
        ("issued_from", born + bit, [second]),
        ("issued_to", born, []),
        ("issued_to", born + bit, [first]),
        ("issued_to", later, [first]),
        ("expires_from", over, [second, first]),
        ("expires_from", over + bit, [second]),
        ("expires_to", over, []),
        ("expires_to", over + bit, [first]),
    ):
        assert await asked(app, **mine, **{name: moment.isoformat()}) == expected, (name, moment)
    both = {"issued_from": later.isoformat(), "issued_to": born.isoformat()}
    assert await asked(app, **mine, **both) == []
    clock.move(over - clock.now() - bit)
    assert await asked(app, **mine, status="active") == [second, first]
    clock.move(bit)
    assert await asked(app, **mine, status="expired") == [first]
    assert await asked(app, **mine, status="active") == [second]


@pytest.mark.parametrize(
    "query", [{}, {"kind": "access"}, {"status": "active"}, {"limit": "5"}, {"issued_from": "2026-01-01T00:00:00Z"}]
)
async def test_something_that_finds_few_is_named(app, query):
    reply = await app.call("GET", "/api/tokens", params=query)
    assert (reply.status, reply.json["code"]) == (400, "invalid_query")
    assert "application" in reply.json["errors"][0]["message"]


@pytest.mark.parametrize(
    "query",
    [{"end_user": ""}, {"end_user": "x" * 256}, {"user": "ada"}, {"status": "approved"}, {"kind": "code"},
     {"start": "-1"}, {"start": "newest"}, {"start": str(2**63)}, {"limit": "0"}, {"limit": "201"},
     {"issued_to": "yesterday"}, {"cursor": "1"}],
)  # fmt: skip
async def test_what_no_look_up_can_be_asked_for(app, query):
    reply = await app.call("GET", "/api/tokens", params={"application": str(uuid4()), **query})
    assert (reply.status, reply.json["code"]) == (400, "invalid_query")


async def test_only_ones_own_organization_is_looked_through(app):
    made = await back_end(app)
    text = await issued(app, made, "anna")
    stranger = await app.manager(await app.organization("Other"))
    own = await app.manager(made["organization"])
    for query in ({"application": made["id"]}, {"end_user": "anna"}, {"application": made["id"], "end_user": "anna"}):
        assert await asked(app, stranger, **query) == []
        assert await asked(app, own, **query) == [jti(text)]
    reply = await app.call(
        "GET", "/api/tokens", stranger, params={"end_user": "anna", "organization": made["organization"]}
    )
    assert (reply.status, reply.json["code"]) == (404, "unknown_account")
    for action in ("revoke", "approve"):
        reply = await told(app, jti(text), action, stranger)
        assert (reply.status, reply.json["code"]) == (404, "unknown_token")
    assert (await told(app, jti(text), "attributes", stranger, attributes={"a": "b"})).status == 404
    assert (await app.call("GET", f"/api/tokens/{jti(text)}", stranger)).status == 404
    assert (await read(app, jti(text)))["status"] == "active"


async def test_root_finds_an_end_user_in_the_organization_that_it_names(app):
    made = [await back_end(app) for _ in range(2)]
    ids = [jti(await issued(app, each, "anna")) for each in made]
    for each, token_id in zip(made, ids, strict=True):
        assert await asked(app, end_user="anna", organization=each["organization"]) == [token_id]
        assert await asked(app, end_user="anna", application=each["id"]) == [token_id]
    reply = await app.call("GET", "/api/tokens", params={"end_user": "anna"})
    assert (reply.status, reply.json["errors"][0]["field"]) == (400, "organization")


async def test_a_token_that_was_revoked_is_refused_until_it_is_approved_again(app):
    made = await back_end(app)
    text = await issued(app, made)
    works = [(await app.call("GET", "/api/roles", text)).status]
    await done(app, jti(text), "revoke", reason="Lost")
    works.append((await app.call("GET", "/api/roles", text)).status)
    shown = await read(app, jti(text))
    assert (shown["status"], shown["ended_because"]) == ("revoked", "Lost")
    await done(app, jti(text), "revoke", reason="Lost again")  # it has ended already
    assert (await read(app, jti(text)))["ended_at"] == shown["ended_at"]
    await done(app, jti(text), "approve")
    works.append((await app.call("GET", "/api/roles", text)).status)
    assert works == [200, 401, 200]
    shown = await read(app, jti(text))
    assert (shown["status"], shown["ended_at"], shown["ended_because"]) == ("active", None, None)


@pytest.mark.parametrize("by", ["access token", "refresh token"])
async def test_the_refresh_token_ends_with_a_token_and_comes_back_with_it(app, by):
    shop = await a_shop(app)
    tokens = await tokens_of(shop, await a_person(shop))
    both = (tokens["access_token"], tokens["refresh_token"])
    token_id = jti(both[0]) if by == "access token" else refresh_id(both[1])
    await done(app, token_id, "revoke")
    assert [await alive(app, each) for each in both] == [False, False]
    await done(app, token_id, "approve")
    assert await alive(app, both[1])
    assert await alive(app, both[0]) is (by == "access token")
    assert (await renew(shop, both[1])).status == 200


async def test_without_cascade_the_refresh_token_goes_on_by_itself(app):
    shop = await a_shop(app)
    tokens = await tokens_of(shop, await a_person(shop))
    both = (tokens["access_token"], tokens["refresh_token"])
    await done(app, jti(both[0]), "revoke", cascade=False)
    assert [await alive(app, each) for each in both] == [False, True]
    await done(app, jti(both[0]), "revoke")
    assert [await alive(app, each) for each in both] == [False, False]
    await done(app, jti(both[0]), "approve", cascade=False)
    assert [await alive(app, each) for each in both] == [True, False]
    assert (await renew(shop, both[1])).status == 400


async def test_no_approval_outlives_a_token_or_undoes_more_than_its_own_revocation(timed):
    app, clock = timed
    made = await back_end(app, access_token_lifetime=60)
    texts = [await issued(app, made) for _ in range(2)]
    await done(app, jti(texts[0]), "revoke")
    await app.made("/api/tokens/revoke", {"application": made["id"], "before": clock.now().isoformat()})
    clock.move(timedelta(seconds=60) - timedelta(microseconds=1))
    await done(app, jti(texts[0]), "approve")
    await done(app, jti(texts[0]), "revoke")
    clock.move(timedelta(microseconds=1))
    reply = await told(app, jti(texts[0]), "approve")
    assert (reply.status, reply.json["code"]) == (409, "token_expired")
    assert (await read(app, jti(texts[0])))["status"] == "expired"


async def test_what_ended_in_bulk_or_by_reuse_stays_ended(app):
    made = await back_end(app)
    text = await issued(app, made)
    await done(app, jti(text), "revoke")
    await app.made("/api/tokens/revoke", {"application": made["id"]})
    reply = await told(app, jti(text), "approve")
    assert (reply.status, reply.json["code"]) == (409, "token_revoked_in_bulk")
    shop = await a_shop(app)
    first = await tokens_of(shop, await a_person(shop))
    await renew(shop, first["refresh_token"])
    assert (await renew(shop, first["refresh_token"])).status == 400  # and its family is dead
    for token_id in (jti(first["access_token"]), refresh_id(first["refresh_token"])):
        reply = await told(app, token_id, "approve")
        assert (reply.status, reply.json["code"]) == (409, "token_ended")
    assert not await alive(app, first["access_token"])


async def test_attributes_are_added_to_those_there_are(app):
    made = await back_end(app)
    text = await issued(app, made)
    reply = await told(app, jti(text), "attributes", attributes={"plan": "gold", "note": ""})
    assert (reply.status, reply.json) == (200, {"attributes": {"plan": "gold", "note": ""}})
    reply = await told(app, jti(text), "attributes", attributes={"plan": "silver", "ü": "\u00fc" * 2048})
    expected = {"plan": "silver", "note": "", "ü": "\u00fc" * 2048}
    assert reply.json["attributes"] == (await read(app, jti(text)))["attributes"] == expected
    told_of = await app.call("POST", "/oauth2/introspect", "", data={
        "token": text, "client_id": made["client_id"], "client_secret": made["secrets"][0]["secret"],
    })  # fmt: skip
    assert "silver" not in told_of.text
    refresh = await tokens_of(shop := await a_shop(app), await a_person(shop))
    await done(app, refresh_id(refresh["refresh_token"]), "attributes", attributes={"device": "phone"})
    assert (await read(app, refresh_id(refresh["refresh_token"])))["attributes"] == {"device": "phone"}
    assert (await read(app, jti(refresh["access_token"])))["attributes"] == {}


@pytest.mark.parametrize(
    "attributes",
    [{"": "x"}, {"x" * 129: "x"}, {"x": "x" * 2049}, {"x": "a\nb"}, {"a\tb": "x"},
     {str(n): "x" for n in range(21)}],
)  # fmt: skip
async def test_attributes_are_few_and_short(app, attributes):
    token_id = jti(await issued(app, await back_end(app)))
    reply = await told(app, token_id, "attributes", attributes=attributes)
    assert (reply.status, reply.json["code"]) == (400, "invalid_attributes")
    assert (await read(app, token_id))["attributes"] == {}


async def test_nothing_is_noted_about_a_token_that_is_over(timed):
    app, clock = timed
    made = await back_end(app, access_token_lifetime=60)
    ended, over, bulk = [jti(await issued(app, made)) for _ in range(3)]
    await done(app, ended, "revoke")
    reply = await told(app, ended, "attributes", attributes={"a": "b"})
    assert (reply.status, reply.json["code"]) == (409, "token_ended")
    await app.made("/api/tokens/revoke", {"application": made["id"]})
    reply = await told(app, bulk, "attributes", attributes={"a": "b"})
    assert (reply.status, reply.json["code"]) == (409, "token_revoked_in_bulk")
    clock.move(timedelta(seconds=60))
    reply = await told(app, over, "attributes", attributes={"a": "b"})
    assert (reply.status, reply.json["code"]) == (409, "token_expired")


async def test_two_who_change_a_token_at_once_both_have_their_way(app):
    made = await back_end(app)
    token_id = jti(await issued(app, made))
    sending = [told(app, token_id, "attributes", attributes={f"name {n}": "x"}) for n in range(5)]
    replies = await asyncio.gather(*sending)
    assert {reply.status for reply in replies} == {200}
    assert len((await read(app, token_id))["attributes"]) == 5
    replies = await asyncio.gather(told(app, token_id, "revoke"), told(app, token_id, "approve"))
    assert {reply.status for reply in replies} == {204}
    assert (await read(app, token_id))["status"] in {"active", "revoked"}


async def test_what_a_token_is_called_by_is_its_id_and_never_its_text(app):
    made = await back_end(app, token_format="opaque")
    text = await issued(app, made)
    for wrong in (text, str(uuid4()), "0"):
        assert (await app.call("GET", f"/api/tokens/{wrong}")).status == 404
        assert (await told(app, wrong, "revoke")).status == 404
    assert await alive(app, text)


async def test_what_a_code_gave_that_is_redeemed_twice_is_not_approved_again(app):
    shop = await a_shop(app)
    code = await a_code(shop, await a_person(shop))
    tokens = (await redeem(shop, code)).json
    assert (await redeem(shop, code)).status == 400
    shown = await read(app, jti(tokens["access_token"]))
    assert (shown["status"], shown["ended_because"]) == ("revoked", "authorization code replayed")
    reply = await told(app, jti(tokens["access_token"]), "approve")
    assert (reply.status, reply.json["code"]) == (409, "token_ended")
    assert not await alive(app, tokens["access_token"])


@pytest.mark.parametrize("name", ["issued_from", "issued_to", "expires_from", "expires_to"])
async def test_times_at_the_ends_of_the_calendar_bound_like_others(app, name):
    made = await back_end(app)
    token_id = jti(await issued(app, made))
    first, last = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
    expected = [[token_id], []] if name.endswith("from") else [[], [token_id]]
    for kind, found in (("access", expected), ("refresh", [[], []])):
        assert [await asked(app, application=made["id"], kind=kind, **{name: each}) for each in (first, last)] == found

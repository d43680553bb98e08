"""End users: whom an application says that it serves, where its own setting says so, on every way to a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from domain.caller import SYSTEM
from service.commands import revocations
from tests.app_fixture import AUDIENCE
from tests.service.oauth.asking import (
    SERVER_TO_SERVER,
    SETTINGS_TOKEN,
    TOKEN,
    Back,
    ask,
    back_end,
    claims,
    error,
    introspected,
)
from tests.service.oauth.attacks.given import nothing_written
from tests.service.oauth.attacks.test_two_workers import GRANTS, a_scene
from tests.service.oauth.authorization.flow import a_shop
from tests.service.oauth.impersonating import impersonated
from tests.service.oauth.persons import origin
from tests.service.oauth.redeeming import a_code, a_person, alive, redeem, renew
from tests.service.oauth.test_stale_decisions import Race, race
from tests.service.wire import exchange

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

__all__ = ["race"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = [TOKEN, SERVER_TO_SERVER, SETTINGS_TOKEN, "/oauth/token", "/token"]
SOURCES = ["header:appuserID", "query:appuserID", "form:appuserID"]
ANNA = "anna@shop 4711 ผู้ใช้"


@dataclass(frozen=True)
class Saying:
    """The service, asked with an end user in a header each time."""

    app: Running
    end_user: str

    async def call(self, method: str, path: str, token: str, **more: Any) -> Reply:
        return await self.app.call(method, path, token, headers={"appuserID": self.end_user}, **more)


def put(source: str, path: str, value: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return path, form and headers of a request that says an end user there."""
    place, _, name = source.partition(":")
    match place:
        case "query":
            return f"{path}?{urlencode({name: value})}", {}, {}
        case "form":
            return path, {name: value}, {}
        case _:
            return path, {}, {name: value}


async def said(app: Running, back: Back, source: str, value: str, path: str = TOKEN) -> Reply:
    """Ask for a machine's own token and say an end user."""
    asked, form, headers = put(source, path, value)
    resource = {"resource": AUDIENCE} if path == SETTINGS_TOKEN else {"audience": AUDIENCE}
    data = {"grant_type": "client_credentials", "scope": "read_role", **back.credentials, **resource, **form}
    return await app.call("POST", asked, "", data=data, headers=headers)


async def served(app: Running, back: Back, token: str) -> str | None:
    """Return the end user of a token, of which introspection and the token itself say the same."""
    told = await introspected(app, back, token)
    assert told["active"]
    assert told["application_id"] == back.id
    if "." in token:
        assert claims(token).get("end_user") == told.get("end_user")
        assert ("end_user" in claims(token)) == ("end_user" in told)
    return told.get("end_user")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("path", PATHS)
async def test_an_end_user_is_read_where_the_setting_says_at_every_token_endpoint(
    app: Running, path: str, source: str
) -> None:
    back = await back_end(app, end_user_from=source, permissions=["read_role"])
    reply = await said(app, back, source, ANNA, path)
    assert reply.status == 200, reply.text
    assert await served(app, back, reply.json["access_token"]) == ANNA
    assert "end_user" not in reply.json


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("path", PATHS)
async def test_who_names_no_end_user_has_none(app: Running, path: str, source: str) -> None:
    back = await back_end(app, end_user_from=source, permissions=["read_role"])
    elsewhere = next(each for each in SOURCES if each != source)
    if path in {"/oauth/token", "/token"} and source.startswith("form"):
        elsewhere = "header:appuserID"  # there, a form's parameters may stand in the query
    for reply in (await said(app, back, source, "", path), await said(app, back, elsewhere, ANNA, path)):
        assert reply.status == 200, reply.text
        assert await served(app, back, reply.json["access_token"]) is None


async def test_without_the_setting_nobody_is_named_whatever_is_sent(app: Running) -> None:
    back = await back_end(app, permissions=["read_role"])
    for source in SOURCES:
        reply = await said(app, back, source, ANNA)
        assert await served(app, back, reply.json["access_token"]) is None


async def test_nobody_is_signed_in_where_a_machine_asks(app: Running) -> None:
    back = await back_end(app, end_user_from="user", permissions=["read_role"])
    reply = await said(app, back, "header:user", ANNA)
    assert await served(app, back, reply.json["access_token"]) is None


async def test_a_member_of_a_json_body_names_an_end_user_too(app: Running) -> None:
    back = await back_end(app, end_user_from="form:appuserID")
    body = {"grant_type": "client_credentials", "audience": AUDIENCE, **back.credentials}
    reply = await app.call("POST", TOKEN, "", json={**body, "appuserID": ANNA})
    assert await served(app, back, reply.json["access_token"]) == ANNA
    assert error(await app.call("POST", TOKEN, "", json={**body, "appuserID": 4711})) == (400, "invalid_request")


async def test_an_opaque_token_is_found_to_have_its_end_user(app: Running) -> None:
    back = await back_end(app, end_user_from=SOURCES[0], token_format="opaque", permissions=["read_role"])
    reply = await said(app, back, SOURCES[0], ANNA)
    assert await served(app, back, reply.json["access_token"]) == ANNA


async def test_a_name_has_at_most_255_characters(app: Running) -> None:
    back = await back_end(app, end_user_from="form:appuserID", permissions=["read_role"])
    longest = "ü" * 255
    reply = await said(app, back, "form:appuserID", longest)
    assert await served(app, back, reply.json["access_token"]) == longest
    async with nothing_written(app):
        assert error(await said(app, back, "form:appuserID", longest + "x")) == (400, "invalid_request")


@pytest.mark.parametrize("text", ["a\nb", "\x7f", "\x00", "a\u0085b", "x" * 256, "x" * 17_000])
@pytest.mark.parametrize("source", ["query:appuserID", "form:appuserID"])
async def test_what_no_end_user_is_called_is_refused_and_nothing_is_issued(
    app: Running, source: str, text: str
) -> None:
    back = await back_end(app, end_user_from=source, permissions=["read_role"])
    length = 8000 if source.startswith("query") else len(text)  # of what a query takes
    async with nothing_written(app):
        assert error(await said(app, back, source, text[:length])) == (400, "invalid_request")


@pytest.mark.parametrize("query", ["appuserID=a&appuserID=b", "appuserID=%ff", "appuserID=%ed%a0%80"])
async def test_a_query_that_names_it_twice_or_in_no_text_is_refused(app: Running, query: str) -> None:
    back = await back_end(app, end_user_from="query:appuserID")
    async with nothing_written(app):
        assert error(await ask(app, f"{TOKEN}?{query}", **back.credentials)) == (400, "invalid_request")


@pytest.mark.parametrize(
    "headers",
    [b"appuserID: a\r\nappuserID: a\r\n", b"appuserID: a\r\nAPPUSERID: b\r\n", b"appuserID: \xff\r\n",
     b"appuserID: a\tb\r\n", b"appuserID: " + b"x" * 256 + b"\r\n"],
)  # fmt: skip
async def test_a_header_that_is_repeated_or_no_text_is_refused(app: Running, headers: bytes) -> None:
    back = await back_end(app, end_user_from="header:appuserID")
    form = urlencode({"grant_type": "client_credentials", "audience": AUDIENCE, **back.credentials}).encode()
    head = b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    assert app.client.port is not None
    async with nothing_written(app):
        sent = head + headers + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(form) + form
        answer = await exchange(app.client.port, sent, until=b"}")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"error":"invalid_request"' in answer


async def test_who_is_not_the_client_learns_nothing_of_its_setting(app: Running) -> None:
    back = await back_end(app, end_user_from="form:appuserID")
    wrong = Back(back.document, "wrong")
    assert error(await said(app, wrong, "form:appuserID", "\n")) == (401, "invalid_client")


@pytest.mark.parametrize("grant", [name for name in GRANTS if name != "by_refresh_token"])
async def test_every_grant_of_people_reads_it_and_a_refresh_keeps_it(app: Running, grant: str) -> None:
    at = await a_scene(app)
    await at.shop.change(end_user_from="header:appuserID")
    reply = await (await GRANTS[grant](at))(Saying(app, ANNA))
    assert reply.status == 200, reply.text
    back = Back(at.shop.document, at.shop.secret)
    assert await served(app, back, reply.json["access_token"]) == ANNA
    if "refresh_token" in reply.json:
        assert await served(app, back, reply.json["refresh_token"]) == ANNA
        renewed = await renew(at.shop, reply.json["refresh_token"], app=Saying(app, "somebody else"))  # type: ignore[arg-type] # it is asked alike
        assert await served(app, back, renewed.json["access_token"]) == ANNA


async def test_a_refresh_names_nobody_who_was_not_named_before(app: Running) -> None:
    at = await a_scene(app)
    await at.shop.change(end_user_from="header:appuserID")
    reply = await (await GRANTS["by_refresh_token"](at))(Saying(app, ANNA))
    assert await served(app, Back(at.shop.document, at.shop.secret), reply.json["access_token"]) is None


@pytest.mark.parametrize("grant", GRANTS)
async def test_the_signed_in_user_is_the_end_user_where_the_setting_says_so(app: Running, grant: str) -> None:
    at = await a_scene(app)
    await at.shop.change(end_user_from="user")
    reply = await (await GRANTS[grant](at))(app)
    assert reply.status == 200, reply.text
    assert await served(app, Back(at.shop.document, at.shop.secret), reply.json["access_token"]) == str(at.person.id)


async def test_who_is_acted_for_is_the_signed_in_user(app: Running) -> None:
    shop = await a_shop(app, end_user_from="user", audiences=[], permissions=[])
    _, user, token = await impersonated(app, shop)
    reply = await renew(shop, token)
    assert reply.status == 200, reply.text
    assert await served(app, Back(shop.document, shop.secret), reply.json["access_token"]) == str(user)


@pytest.mark.parametrize("grant", ["by_code", "by_password", "by_exchange"])
async def test_a_malformed_name_uses_nothing_up(app: Running, grant: str) -> None:
    at = await a_scene(app)
    await at.shop.change(end_user_from="header:appuserID")
    send = await GRANTS[grant](at)
    async with nothing_written(app):
        assert error(await send(Saying(app, "x" * 256))) == (400, "invalid_request")
    assert (await send(Saying(app, ANNA))).status == 200


async def test_an_exchange_names_the_end_user_of_the_client_that_asks_for_it(app: Running) -> None:
    """The one whose token is swapped is the other application's affair."""
    at = await a_scene(app)
    await at.shop.change(end_user_from="header:appuserID")
    back = Back(at.shop.document, at.shop.secret)
    first = (await (await GRANTS["by_code"](at))(Saying(app, ANNA))).json["access_token"]
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": first}
    form |= {"subject_token_type": "urn:ietf:params:oauth:token-type:access_token", **back.credentials}
    reply = await app.call("POST", TOKEN, "", data=form)
    assert reply.status == 200, reply.text
    assert await served(app, back, reply.json["access_token"]) is None


async def test_a_setting_that_changed_meanwhile_is_what_counts(race: Race) -> None:
    back = await back_end(race.here, end_user_from="form:old")
    await ask(race.here, **back.credentials, old="Otto", new="Anna")  # this worker knows the client by heart now
    change = race.there.call("PATCH", f"/api/applications/{back.id}", json={"end_user_from": "form:new"})
    changed, asked = await race.first(change, ask(race.here, **back.credentials, old="Otto", new="Anna"))
    assert changed.status == 200, changed.text
    assert await served(race.here, back, asked.json["access_token"]) == "Anna"


@pytest.mark.parametrize("named", ["end user", "application and end user"])
async def test_no_refresh_token_is_used_after_those_of_its_end_user_were_revoked(race: Race, named: str) -> None:
    shop = await a_shop(race.here, end_user_from="form:appuserID")
    browser = await a_person(shop)
    first = (await redeem(shop, await a_code(shop, browser), appuserID="anna")).json
    change = revocations.record(
        race.there.parts.store, origin(race.there), SYSTEM, organization=shop.organization, end_user="anna",
        application=shop.id if named.startswith("application") else None, cascade=True,
    )  # fmt: skip
    _, reply = await race.first(change, renew(shop, first["refresh_token"]))  # type: ignore[arg-type] # it is awaited alone
    assert error(reply) == (400, "invalid_grant")
    assert not await alive(race.there, first["access_token"])
    assert (await redeem(shop, await a_code(shop, browser), appuserID="anna")).status == 200


async def test_no_token_is_swapped_after_those_of_its_end_user_were_revoked(race: Race) -> None:
    at = await a_scene(race.here)
    await at.shop.change(end_user_from="header:appuserID")
    back = Back(at.shop.document, at.shop.secret)
    first = (await (await GRANTS["by_code"](at))(Saying(race.here, "anna"))).json["access_token"]
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": first}
    form |= {"subject_token_type": "urn:ietf:params:oauth:token-type:access_token", **back.credentials}
    change = revocations.record(
        race.there.parts.store, origin(race.there), SYSTEM, organization=at.shop.organization, end_user="anna",
        cascade=False,
    )  # fmt: skip
    _, reply = await race.first(change, race.here.call("POST", TOKEN, "", data=form))  # type: ignore[arg-type] # as above
    assert error(reply) == (400, "invalid_request")

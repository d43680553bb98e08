"""The token endpoint in iForm's dialect: queries of a POST, any letter case, `bearer`, and who the token is for."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.app_fixture import AUDIENCE
from tests.service.oauth.asking import back_end, claims, error
from tests.service.oauth.redeeming import CALLBACK, a_code, a_person, a_shop, alive, credentials, redeem, renew

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = ["/oauth/token", "/token"]
OTHER = "https://other.test"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("grant_type", ["authorization_code", "AUTHORIZATION_CODE"])
async def test_a_code_is_redeemed_by_a_query_alone(app: Running, path: str, grant_type: str) -> None:
    shop = await a_shop(app)
    browser = await a_person(shop)
    code = await a_code(shop, browser, code_challenge=None, scope="openid profile email files.read")
    asked = {**credentials(shop), "grant_type": grant_type, "code": code, "redirect_uri": CALLBACK}
    reply = await app.call("POST", f"{path}?{urlencode(asked)}", "")
    assert reply.status == 200, reply.text
    answer = reply.json
    assert (answer["token_type"], answer["uid"]) == ("bearer", str(browser.user))
    assert answer.keys() >= {"access_token", "expires_in", "refresh_token", "scope", "info"}
    assert isinstance(answer["info"], dict)
    assert "updated_at" in answer["info"]
    assert reply.headers["Cache-Control"] == "no-store"
    assert await alive(app, answer["access_token"])
    again = await app.call(
        "POST",
        path,
        "",
        data={**credentials(shop), "grant_type": "REFRESH_TOKEN", "refresh_token": answer["refresh_token"]},
    )
    assert (again.status, again.json["uid"]) == (200, str(browser.user))


async def test_what_the_scope_does_not_cover_is_not_told(app: Running) -> None:
    shop = await a_shop(app)
    code = await a_code(shop, await a_person(shop), scope="files.read")
    answer = (await redeem(shop, code, path=PATHS[0])).json
    assert answer["info"] == {}
    assert (await renew(shop, answer["refresh_token"], path=PATHS[1])).json["info"] == {}


@pytest.mark.parametrize("path", PATHS)
async def test_a_machines_token_is_for_nobody(app: Running, path: str) -> None:
    back = await back_end(app, permissions=["read_app"])
    asked = {**back.credentials, "grant_type": "client_credentials"}
    for reply in (
        await app.call("POST", f"{path}?{urlencode(asked)}", ""),
        await app.call("POST", f"{path}?grant_type=Client_Credentials", "", data=back.credentials),
    ):
        assert reply.status == 200, reply.text
        assert reply.json.keys() == {"access_token", "token_type", "expires_in", "scope"}
        assert reply.json["token_type"] == "bearer"


async def test_a_machine_that_names_no_audience_gets_its_only_one(app: Running) -> None:
    only = await back_end(app, audiences=[OTHER], permissions=["files.read"])
    several = await back_end(app, audiences=[OTHER, AUDIENCE])
    none = await back_end(app, audiences=[])
    asked = {"grant_type": "client_credentials"}
    told = [await app.call("POST", PATHS[0], "", data={**asked, **each.credentials}) for each in (only, several)]
    assert [claims(reply.json["access_token"])["aud"] for reply in told] == [OTHER, AUDIENCE]
    assert error(await app.call("POST", PATHS[0], "", data={**asked, **none.credentials})) == (400, "invalid_target")
    unknown = {"client_id": "nobody", "client_secret": "x"}
    assert error(await app.call("POST", PATHS[0], "", data={**asked, **unknown})) == (401, "invalid_client")
    named = await app.call("POST", PATHS[0], "", data={**asked, **several.credentials, "resource": OTHER})
    assert claims(named.json["access_token"])["aud"] == OTHER


@pytest.mark.parametrize("path", PATHS)
async def test_a_parameter_stands_in_one_place(app: Running, path: str) -> None:
    back = await back_end(app)
    asked = {**back.credentials, "grant_type": "client_credentials"}
    for query in ("grant_type=client_credentials", "client_id=x"):
        assert error(await app.call("POST", f"{path}?{query}", "", data=asked)) == (400, "invalid_request")
    query = urlencode({**asked}) + "&scope=a&scope=b"
    assert error(await app.call("POST", f"{path}?{query}", "")) == (400, "invalid_request")
    assert error(await app.call("POST", f"{path}?%ff=1", "", data=asked)) == (400, "invalid_request")
    assert (await app.call("POST", f"{path}?{urlencode(asked)}&scope=", "")).status == 200


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_is_issued_for_a_get(app: Running, path: str) -> None:
    back = await back_end(app)
    asked = urlencode({**back.credentials, "grant_type": "client_credentials"})
    reply = await app.call("GET", f"{path}?{asked}", "")
    assert (reply.status, reply.headers["Allow"]) == (405, "OPTIONS, POST")
    assert error(await app.call("POST", path, "", json={"grant_type": "client_credentials"})) == (
        415,
        "invalid_request",
    )


async def test_secrets_in_queries_are_in_no_log(app: Running, capsys: pytest.CaptureFixture[str]) -> None:
    back = await back_end(app)
    asked = {"client_id": back.client_id, "client_secret": "a-wrong-one-in-a-query", "grant_type": "client_credentials"}
    assert (await app.call("POST", f"{PATHS[0]}?{urlencode(asked)}", "")).status == 401
    [refused] = await app.refusals(client=back.client_id)
    assert refused["operation"] == "token (iForm)"
    assert "a-wrong-one" not in str(refused) + capsys.readouterr().out

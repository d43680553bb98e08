"""Rules about requests: parameters that are empty, unknown or repeated, methods, sizes (docs/standards.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from domain.grant_types import AUTHORIZATION_CODE, DEVICE_CODE, REFRESH_TOKEN, TOKEN_EXCHANGE
from tests.service.oauth.asking import INTROSPECT, REVOKE, TOKEN, claims, error
from tests.service.oauth.authorization.flow import PAR, answer
from tests.service.oauth.redeeming import FILES, a_code, a_person, a_shop, ask, credentials, redeem, tokens_of

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.oauth.authorization.flow import Browser, Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEVICE = "/oauth2/device_authorization"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
PATHS = (TOKEN, PAR, DEVICE, INTROSPECT, REVOKE)
every_endpoint = pytest.mark.parametrize("path", PATHS)


async def a_good_form(path: str, shop: Shop, browser: Browser) -> dict[str, str]:
    """Return what an endpoint answers well, without credentials."""
    if path == TOKEN:
        return {"grant_type": "refresh_token", "refresh_token": (await tokens_of(shop, browser))["refresh_token"]}
    if path == PAR:
        return shop.request()
    return {"scope": "openid"} if path == DEVICE else {"token": "nonsense"}


async def scene(app: Running) -> tuple[Shop, Browser]:
    grants = [AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE, TOKEN_EXCHANGE]
    shop = await a_shop(app, grant_types=grants)
    return shop, await a_person(shop, "openid")


@every_endpoint
async def test_a_parameter_without_a_value_counts_as_left_out_and_an_unknown_one_too(app: Running, path: str) -> None:
    shop, browser = await scene(app)
    form = await a_good_form(path, shop, browser)
    empty = dict.fromkeys(("client_assertion", "client_assertion_type", "token_type_hint", "nonce", "account"), "")
    reply = await ask(shop, {"x": "y", **empty, **form}, path)
    assert reply.status in {200, 201}, reply.text


@every_endpoint
async def test_a_parameter_stands_once_at_every_endpoint(app: Running, path: str) -> None:
    shop, browser = await scene(app)
    form = credentials(shop) | await a_good_form(path, shop, browser)
    for name in (*form, "x"):
        data = [*form.items(), ("x", "1"), (name, form.get(name, "1"))]
        assert error(await app.call("POST", path, "", data=data)) == (400, "invalid_request"), name
    assert (await app.call("POST", path, "", data=form)).status in {200, 201}, "nothing was used up"


@every_endpoint
async def test_every_endpoint_takes_posts_of_a_limited_size_alone(app: Running, path: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert (await app.call(method, path, "")).status == 405
    assert error(await app.call("POST", path, "", data={"x": "y" * 70_000})) == (413, "invalid_request")


async def test_what_is_empty_at_the_authorization_endpoint_was_not_sent(app: Running) -> None:
    shop, browser = await scene(app)
    empty = dict.fromkeys(("state", "nonce", "prompt", "max_age", "response_mode", "account", "resource"), "")
    assert set(answer(await shop.ask(browser, **empty))) == {"code", "iss"}
    told = answer(await shop.ask(browser, response_type=""))
    assert told["error"] == "invalid_request"


async def test_what_only_suggests_something_is_no_error(app: Running) -> None:
    shop, browser = await scene(app)
    told = answer(
        await shop.ask(
            browser,
            display="popup",
            acr_values="gold",
            ui_locales="tlh",
            claims_locales="de",
            claims="{}",
            login_hint="x",
        )
    )
    assert "code" in told


async def test_who_asks_for_an_age_learns_when_the_sign_in_was(app: Running) -> None:
    shop, browser = await scene(app)
    told = answer(await shop.ask(browser, max_age="3600"))
    identity = claims((await redeem(shop, told["code"])).json["id_token"])
    row = await app.parts.store.pool.fetchrow("SELECT * FROM models.sessions WHERE id = $1", browser.session)
    assert row is not None
    assert identity["auth_time"] == int(row["authenticated_at"].timestamp())


async def exchange(shop: Shop, token: str, **told: Any) -> Reply:
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN, "resource": FILES}
    return await ask(shop, form | told)


async def test_an_actor_token_comes_with_its_type_and_never_without(app: Running) -> None:
    shop, browser = await scene(app)
    token = (await tokens_of(shop, browser))["access_token"]
    assert (await exchange(shop, token)).status == 200
    assert (await exchange(shop, token, actor_token=token, actor_token_type=ACCESS_TOKEN)).status == 200
    for half in ({"actor_token": token}, {"actor_token_type": ACCESS_TOKEN}):
        assert error(await exchange(shop, token, **half)) == (400, "invalid_request"), half


@pytest.mark.parametrize("resource", [f"{FILES}#part", "files", "https://", "/files", f"{FILES}/../files"])
async def test_a_resource_is_an_absolute_address_without_fragment(app: Running, resource: str) -> None:
    shop, browser = await scene(app)
    token = (await tokens_of(shop, browser))["access_token"]
    assert answer(await shop.ask(browser, resource=resource))["error"] == "invalid_target"
    assert error(await exchange(shop, token, resource=resource)) == (400, "invalid_target")
    code = await a_code(shop, browser)
    assert error(await redeem(shop, code, resource=resource)) == (400, "invalid_target")

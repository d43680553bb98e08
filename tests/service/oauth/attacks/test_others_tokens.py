"""Other clients' tokens: ended by nobody but their own, told of to nobody but those who may know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.service.oauth.asking import INTROSPECT, REVOKE
from tests.service.oauth.attacks.given import a_code, a_victim, nothing_written, refused
from tests.service.oauth.authorization.flow import a_shop
from tests.service.oauth.persons import an_app
from tests.service.oauth.persons import credentials as of
from tests.service.oauth.redeeming import credentials, redeem, renew

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKENS = ("access_token", "refresh_token")
INACTIVE = {"active": False}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def held(app: Running) -> tuple[Any, dict[str, str]]:
    """An application and the tokens of a person."""
    shop, victim = await a_victim(app)
    return shop, (await redeem(shop, await a_code(shop, victim))).json


async def strangers(app: Running, shop: Any) -> list[dict[str, str]]:
    """Return the credentials of clients beside, and elsewhere, that have no right to others' tokens."""
    organization, elsewhere = str(shop.organization), await app.organization()
    return [
        credentials(await a_shop(app, organization, audiences=[])),
        of(await an_app(app, organization, kind="machine")),
        of(await an_app(app, elsewhere, kind="machine")),
        of(await an_app(app, elsewhere, kind="machine", permissions=["read_token", "revoke_token", "all"])),
    ]


async def asked(app: Running, path: str, token: str, proof: dict[str, str], hint: str) -> Reply:
    return await app.call("POST", path, "", data={"token": token, "token_type_hint": hint, **proof})


@pytest.mark.parametrize("hint", TOKENS)
@pytest.mark.parametrize("which", TOKENS)
async def test_nobody_learns_anything_of_a_token_that_is_not_theirs(
    app: Running, held: tuple[Any, dict[str, str]], which: str, hint: str
) -> None:
    shop, tokens = held
    others = await strangers(app, shop)
    async with nothing_written(app):
        for proof in others:
            reply = await asked(app, INTROSPECT, tokens[which], proof, hint)
            unknown = await asked(app, INTROSPECT, "mun_at_" + "A" * 49, proof, hint)
            assert (reply.status, reply.json) == (unknown.status, unknown.json) == (200, INACTIVE)
        for proof in ({}, {"client_id": shop.client_id}, {**credentials(shop), "client_secret": "x"}):
            assert (await asked(app, INTROSPECT, tokens[which], proof, hint)).status == 401
    assert (await asked(app, INTROSPECT, tokens[which], credentials(shop), hint)).json["active"] is True


@pytest.mark.parametrize("hint", TOKENS)
@pytest.mark.parametrize("which", TOKENS)
async def test_nobody_ends_a_token_that_is_not_theirs(
    app: Running, held: tuple[Any, dict[str, str]], which: str, hint: str
) -> None:
    shop, tokens = held
    public = credentials(await a_shop(app, str(shop.organization), kind="spa"))
    beside, machine, *elsewhere = await strangers(app, shop)
    async with nothing_written(app):
        for proof in (beside, machine, public):
            reply = await asked(app, REVOKE, tokens[which], proof, hint)
            assert (reply.status, reply.json["error"]) == (400, "unauthorized_client")
        for proof in elsewhere:  # to another organization, it is as unknown as one that never was
            assert (await asked(app, REVOKE, tokens[which], proof, hint)).status == 200
        for proof in ({}, {"client_id": shop.client_id}, {**credentials(shop), "client_secret": "x"}):
            assert (await asked(app, REVOKE, tokens[which], proof, hint)).status == 401
    assert not await refused(app, tokens["access_token"])
    told = await asked(app, INTROSPECT, tokens["refresh_token"], credentials(shop), "refresh_token")
    assert told.json["active"] is True


async def test_a_public_client_is_no_mask_for_a_confidential_ones_tokens(
    app: Running, held: tuple[Any, dict[str, str]]
) -> None:
    shop, tokens = held
    public = await a_shop(app, str(shop.organization), kind="spa")
    async with nothing_written(app):
        reply = await renew(public, tokens["refresh_token"])
        assert (reply.status, reply.json["error"]) == (400, "invalid_grant")
        reply = await renew(shop, tokens["refresh_token"], client_secret=None)
        assert (reply.status, reply.json["error"]) == (401, "invalid_client")

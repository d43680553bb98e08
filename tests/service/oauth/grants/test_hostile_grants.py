"""No parameters make a grant fail: whoever may use every grant of people sends what no client would, and is refused."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from domain.grant_types import ALL, PASSWORD_ALIAS
from service.store.log import head
from tests.service.oauth.asking import ISSUER, SERVER_TO_SERVER, SETTINGS_TOKEN, TOKEN
from tests.service.oauth.persons import a_person, an_app, credentials

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = (TOKEN, SERVER_TO_SERVER, SETTINGS_TOKEN)
NAMES = [
    "code", "redirect_uri", "code_verifier", "refresh_token", "username", "password", "device_code", "subject_token",
    "subject_token_type", "actor_token", "actor_token_type", "requested_token_type", "scope", "audience", "resource",
]  # fmt: skip
TEXTS = [
    "urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:id_token", "openid", "root all",
    ISSUER, "mun_ac_" + "A" * 49, "mun_rt_" + "A" * 49, "mun_dc_" + "A" * 49, "mun_at_" + "A" * 49, "a.b.c", "A" * 43,
    "ada@example.com", "@", "\u202e", "\ufeff", "\U0001f600", "\u0130", "%00", "'", '"', "\\", "../../etc/passwd",
    "\r\nSet-Cookie: a=b", "a" * 5000, " ", "-1", "null", "mun_dc_", "\u00df@stra\u00dfe.example", "x" * 300,
]  # fmt: skip
ERRORS = {
    "invalid_request", "invalid_grant", "invalid_scope", "invalid_target", "unsupported_grant_type", "slow_down",
}  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
async def test_no_parameters_make_a_grant_fail_or_succeed(app: Running, seed: int) -> None:
    chance, organization = random.Random(seed), await app.organization()
    back = await an_app(app, organization, grant_types=list(ALL), trusted=True)
    person = await a_person(app, organization)
    before = await head(app.parts.store.pool)
    grants = [name for name in (*ALL, PASSWORD_ALIAS) if name != "client_credentials"]
    for _ in range(50):
        texts = [*TEXTS, person.username, str(person.id), back.client_id, back.secret]
        form = {chance.choice(NAMES): chance.choice(texts) for _ in range(chance.randrange(9))}
        form |= credentials(back) | {"grant_type": chance.choice(grants)}
        reply = await app.call("POST", chance.choice(PATHS), "", data=form)
        assert reply.status in {400, 429}, (form, reply.text)
        assert reply.json["error"] in ERRORS, (form, reply.text)
        assert reply.headers["Cache-Control"] == "no-store"
        assert back.secret not in reply.text
    assert await head(app.parts.store.pool) == before

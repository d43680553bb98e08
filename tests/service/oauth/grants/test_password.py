"""The password grant: trusted applications alone, their own organization's people alone, one answer to every guess."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from domain.grant_types import AUTHORIZATION_CODE, PASSWORD, PASSWORD_ALIAS, REFRESH_TOKEN
from service.store.log import head
from tests.service.oauth.asking import ISSUER, SERVER_TO_SERVER, SETTINGS_TOKEN, TOKEN, claims, error
from tests.service.oauth.persons import PASSWORD as SECRET
from tests.service.oauth.persons import a_person, an_app, credentials, suspended

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.oauth.asking import Back
    from tests.service.oauth.persons import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRUSTED: dict[str, Any] = {"grant_types": [PASSWORD, REFRESH_TOKEN], "trusted": True}


@pytest_asyncio.fixture(loop_scope="module")
async def home(app: Running) -> str:
    return await app.organization()


@pytest.fixture(autouse=True)
def _from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test come from an address of its own, so that guesses of one do not count for another."""
    _from_elsewhere.count = getattr(_from_elsewhere, "count", 0) + 1  # type: ignore[attr-defined]
    address = f"192.0.2.{_from_elsewhere.count}"  # type: ignore[attr-defined]
    monkeypatch.setattr("service.oauth.grants.password.client_address", lambda _: address)


async def ask(app: Running, back: Back, person: Person, *, path: str = TOKEN, **form: str) -> Reply:
    data = {"grant_type": PASSWORD, "username": person.username, "password": SECRET, "scope": "openid"}
    return await app.call("POST", path, "", data={**data, **credentials(back), **form})


async def test_a_trusted_application_has_tokens_for_a_password(app: Running, home: str) -> None:
    back, ada = await an_app(app, home, **TRUSTED), await a_person(app, home, password=SECRET)
    reply = await ask(app, back, ada)
    assert reply.status == 200, reply.text
    assert (reply.headers["Cache-Control"], reply.headers["Pragma"]) == ("no-store", "no-cache")
    told = reply.json
    access, identity = claims(told["access_token"]), claims(told["id_token"])
    assert (access["sub"], access["client_id"], access["aud"]) == (str(ada.id), back.client_id, ISSUER)
    assert (identity["sub"], identity["amr"], "sid" in identity) == (str(ada.id), ["pwd"], False)
    assert told["refresh_token"].startswith("mun_rt_")
    again = await app.call("POST", TOKEN, "", data={
        "grant_type": REFRESH_TOKEN, "refresh_token": told["refresh_token"], **credentials(back),
    })  # fmt: skip
    assert again.status == 200, again.text


@pytest.mark.parametrize("path", [TOKEN, SETTINGS_TOKEN, SERVER_TO_SERVER])
@pytest.mark.parametrize("name", [PASSWORD, PASSWORD_ALIAS])
async def test_the_grant_has_two_names_at_every_token_endpoint(app: Running, home: str, path: str, name: str) -> None:
    back, ada = await an_app(app, home, **TRUSTED), await a_person(app, home, password=SECRET)
    assert (await ask(app, back, ada, path=path, grant_type=name, resource=ISSUER, audience=ISSUER)).status == 200


@pytest.mark.parametrize(
    "settings",
    [
        {"grant_types": [PASSWORD]},
        {"grant_types": [AUTHORIZATION_CODE], "trusted": True},
        {"trusted": True},
        {"kind": "machine", "trusted": True},
        {"kind": "native", "grant_types": [PASSWORD]},
    ],
)
@pytest.mark.parametrize("name", [PASSWORD, PASSWORD_ALIAS])
async def test_who_is_not_trusted_or_does_not_name_the_grant_may_not(
    app: Running, home: str, settings: dict[str, Any], name: str
) -> None:
    back, ada = await an_app(app, home, **settings), await a_person(app, home, password=SECRET)
    assert error(await ask(app, back, ada, grant_type=name)) == (400, "unauthorized_client")


async def test_trust_that_is_withdrawn_counts_at_once(app: Running, home: str) -> None:
    back, ada = await an_app(app, home, **TRUSTED), await a_person(app, home, password=SECRET)
    assert (await ask(app, back, ada)).status == 200
    assert (await app.call("PATCH", f"/api/applications/{back.id}", json={"trusted": False})).status == 200
    assert error(await ask(app, back, ada)) == (400, "unauthorized_client")


async def test_an_application_proves_itself_first(app: Running, home: str) -> None:
    back, ada = await an_app(app, home, **TRUSTED), await a_person(app, home, password=SECRET)
    form = {"grant_type": PASSWORD, "username": ada.username, "password": SECRET}
    for who in ({}, {"client_id": back.client_id}, {"client_id": back.client_id, "client_secret": "x"}):
        assert error(await app.call("POST", TOKEN, "", data={**form, **who})) == (401, "invalid_client")
    public = await an_app(app, home, kind="native", **TRUSTED)
    assert (await ask(app, public, ada)).status == 200


async def test_every_guess_gets_one_answer(app: Running, home: str) -> None:
    back = await an_app(app, home, **TRUSTED)
    ada, without, locked_out = [await a_person(app, home, password=each) for each in (SECRET, None, SECRET)]
    await suspended(app, locked_out)
    stranger = await a_person(app, await app.organization(), password=SECRET)
    before = await head(app.parts.store.pool)
    replies = [
        await ask(app, back, ada, password="wrong"),
        await ask(app, back, ada, username="nobody_at_all"),
        await ask(app, back, ada, username="not a name"),
        await ask(app, back, without),
        await ask(app, back, locked_out),
        await ask(app, back, stranger),
    ]
    assert {error(reply) for reply in replies} == {(400, "invalid_grant")}
    assert len({reply.text for reply in replies}) == 1
    assert await head(app.parts.store.pool) == before


async def test_guessing_is_slowed_down(app: Running, home: str) -> None:
    back, ada = await an_app(app, home, **TRUSTED), await a_person(app, home, password=SECRET)
    for _ in range(5):
        assert error(await ask(app, back, ada, password="wrong")) == (400, "invalid_grant")
    reply = await ask(app, back, ada)
    assert error(reply) == (429, "slow_down")
    assert int(reply.headers["Retry-After"]) >= 1


async def test_of_guesses_at_once_no_more_are_looked_at(app: Running, home: str) -> None:
    back, ada = await an_app(app, home, **TRUSTED), await a_person(app, home, password=SECRET)
    replies = await asyncio.gather(*(ask(app, back, ada, password=f"wrong{n}") for n in range(12)))
    assert sorted(reply.status for reply in replies) == [400] * 5 + [429] * 7


@pytest.mark.parametrize("name", ["username", "password"])
async def test_both_must_be_there(app: Running, home: str, name: str) -> None:
    back, ada = await an_app(app, home, **TRUSTED), await a_person(app, home, password=SECRET)
    assert error(await ask(app, back, ada, **{name: ""})) == (400, "invalid_request")


async def test_what_the_client_may_not_ask_for_is_told_before_the_password_is_looked_at(
    app: Running, home: str
) -> None:
    back, ada = await an_app(app, home, **TRUSTED), await a_person(app, home, password=SECRET)
    for _ in range(7):
        assert error(await ask(app, back, ada, password="wrong", scope="root")) == (400, "invalid_scope")
        wrong = await ask(app, back, ada, password="wrong", resource="https://other.test")
        assert error(wrong) == (400, "invalid_target")
    assert (await ask(app, back, ada)).status == 200


async def test_no_management_permission_is_ever_a_persons(app: Running, home: str) -> None:
    back = await an_app(app, home, permissions=["read_user", "all", "files"], **TRUSTED)
    ada = await a_person(app, home, password=SECRET)
    change = {"audiences": ["https://files.test"]}
    assert (await app.call("PATCH", f"/api/applications/{back.id}", json=change)).status == 200
    reply = await ask(app, back, ada, scope="openid read_user all files write_user root")
    assert reply.json["scope"] == "openid files"


async def test_a_suspension_that_commits_between_proof_and_token_forbids_it(
    app: Running, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    back, ada = await an_app(app, home, **TRUSTED), await a_person(app, home, password=SECRET)
    sign_in = type(app.parts.sign_in)
    check, proved = sign_in.check, []

    async def overtaken(self: Any, **told: Any) -> Any:
        proof = await check(self, **told)
        proved.append(proof)
        await suspended(app, ada)
        return proof

    monkeypatch.setattr(sign_in, "check", overtaken)
    assert error(await ask(app, back, ada)) == (400, "invalid_grant")
    assert len(proved) == 1


async def test_a_password_is_in_no_record(app: Running, home: str) -> None:
    back, ada = await an_app(app, home, **TRUSTED), await a_person(app, home, password=SECRET)
    guess = "a guess that nobody may read"
    assert (await ask(app, back, ada, password=guess)).status == 400
    found = await app.refusals(client=back.client_id)
    assert found
    assert guess not in str(found)
    assert ada.username not in str(found)

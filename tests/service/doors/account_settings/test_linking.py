"""Row 12: a social identity is linked by what the user proved at the provider, which is a real one here."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.app_fixture import copied
from tests.provider import CALLBACK, linking
from tests.service.doors.account_settings.given import Place, a_place, a_strong_person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.provider import Provider

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Linking:
    """An organization with a connector to the provider, and what its server-side application does with it."""

    def __init__(self, place: Place, provider: Provider, connector: Any) -> None:
        self.place, self.provider, self.connector = place, provider, connector
        self.target = connector["target"]

    async def back(self, person: Any, *, state: str = "s", decision: str = "allow") -> dict[str, str]:
        """Send somebody to the provider; return the parameters that they come back with, and where to."""
        path = f"/api/connectors/{self.connector['id']}/authorization-uri"
        asked = {"state": state, "redirectUri": CALLBACK}
        reply = await self.place.app.call("POST", path, self.place.token, json=asked)
        assert reply.status == 200, reply.text
        came = await self.provider.back(reply.json["redirectTo"], person, decision)
        return {**came, "redirectUri": CALLBACK}

    async def link(self, user: str, data: Any, **more: Any) -> Any:
        body = {"connectorId": more.pop("connector", self.connector["id"]), "connectorData": data}
        return await self.place.call("POST", f"/{user}/identities", body, **more)

    async def refused(self, user: str, data: Any, **more: Any) -> tuple[int, str]:
        body = {"connectorId": more.pop("connector", self.connector["id"]), "connectorData": data}
        return await self.place.refused("POST", f"/{user}/identities", body, **more)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(postgres_dsn: str, app_template: str) -> AsyncIterator[tuple[Any, Provider]]:
    with copied(postgres_dsn, app_template) as own, copied(postgres_dsn, app_template) as theirs:
        async with linking(own, theirs) as both:
            yield both


@pytest_asyncio.fixture(loop_scope="module")
async def at(opened: tuple[Any, Provider]) -> Linking:
    app, provider = opened
    place = await a_place(app)
    return Linking(place, provider, await provider.connector(app, place.organization, place.token))


async def test_row12_who_comes_back_is_linked_with_what_the_provider_tells(at: Linking) -> None:
    person, user = (
        await at.provider.person(primaryEmail="ada@provider.example"),
        (await at.place.person(name="A"))["id"],
    )
    assert (await at.place.call("PUT", f"/{user}/identities/apple", {"userId": "7"})).status == 201
    before = await at.place.shown(user)
    reply = await at.link(user, await at.back(person))
    assert reply.status == 200, reply.text
    linked = reply.json[at.target]
    assert linked["userId"] == person.id
    details = linked["details"]
    assert (details["id"], details["email"]) == (person.id, "ada@provider.example")
    assert details["rawData"]["sub"] == person.id
    assert reply.json == {at.target: linked, "apple": {"userId": "7"}}
    assert await at.place.shown(user) == {**before, "identities": reply.json}, "nothing is copied to the user"


async def test_row12_the_same_person_again_is_refreshed(at: Linking) -> None:
    person, user = await at.provider.person(), (await at.place.person())["id"]
    body = {"userId": person.id, "details": {"old": True}}
    assert (await at.place.call("PUT", f"/{user}/identities/{at.target}", body)).status == 201
    reply = await at.link(user, await at.back(person))
    assert reply.status == 200
    assert "old" not in reply.json[at.target]["details"]
    other = await at.provider.person()
    assert (await at.link(user, await at.back(other))).json[at.target]["userId"] == other.id


async def test_row12_who_is_another_user_already_is_refused(at: Linking) -> None:
    person = await at.provider.person()
    ada, eve = [(await at.place.person())["id"] for _ in range(2)]
    assert (await at.link(ada, await at.back(person))).status == 200
    data = await at.back(person)
    assert await at.refused(eve, data) == (422, "user.identity_already_in_use")


async def test_row12_of_two_users_who_link_one_person_at_once_one_does(at: Linking) -> None:
    person = await at.provider.person()
    users = [(await at.place.person())["id"] for _ in range(2)]
    came = [await at.back(person) for _ in users]
    replies = await asyncio.gather(*(at.link(user, data) for user, data in zip(users, came, strict=True)))
    assert sorted(reply.status for reply in replies) == [200, 422]
    assert {reply.json["code"] for reply in replies if reply.status == 422} == {"user.identity_already_in_use"}


async def test_row12_a_code_is_good_once(at: Linking) -> None:
    person, user = await at.provider.person(), (await at.place.person())["id"]
    data = await at.back(person)
    assert (await at.link(user, data)).status == 200
    assert await at.refused(user, data) == (401, "connector.social_auth_code_invalid")


async def test_row12_the_state_is_not_checked_here(at: Linking) -> None:
    user = (await at.place.person())["id"]
    data = await at.back(await at.provider.person(), state="mine")
    assert data["state"] == "mine"
    assert (await at.link(user, {**data, "state": "anything"})).status == 200


async def test_row12_what_the_provider_refuses_is_told(at: Linking) -> None:
    user = (await at.place.person())["id"]
    denied = await at.back(await at.provider.person(), decision="deny")
    assert denied["error"] == "access_denied"
    assert await at.refused(user, denied) == (401, "connector.authorization_failed")
    wrong = {"code": "nonsense", "redirectUri": CALLBACK}
    assert await at.refused(user, wrong) == (401, "connector.social_auth_code_invalid")
    elsewhere = {**await at.back(await at.provider.person()), "redirectUri": "https://elsewhere.example"}
    assert await at.refused(user, elsewhere) == (401, "connector.social_auth_code_invalid")
    assert (await at.refused(user, {}))[0] == 400


async def test_row12_unknown_connectors_and_users_are_not_found(at: Linking) -> None:
    user = (await at.place.person())["id"]
    other = await a_place(at.place.app)
    theirs = await at.provider.connector(at.place.app, other.organization, other.token)
    for connector in (str(uuid4()), theirs["id"], "github", "", f"{{{at.connector['id']}}}"):
        assert await at.refused(user, {"code": "x"}, connector=connector) == (404, "entity.not_found")
    stranger = (await other.person())["id"]
    for nobody in (str(uuid4()), stranger, "MgUzzDsyX0iB"):
        assert await at.refused(nobody, {"code": "x"}) == (404, "entity.not_found")


async def test_row12_a_connector_of_another_kind_links_nobody(at: Linking) -> None:
    user, app = (await at.place.person())["id"], at.place.app
    mail = {"connectorId": "http-email", "config": {"endpoint": "https://mail.example.com/send"}}
    made = await app.made("/api/connectors", mail, at.place.token)
    assert await at.refused(user, {"code": "x"}, connector=made["id"]) == (422, "session.invalid_connector_id")
    needy = {"connectorId": "apple-universal", "config": {"clientId": "shop"}}
    made = await app.made("/api/connectors", needy, at.place.token)
    assert await at.refused(user, {"code": "x"}, connector=made["id"]) == (501, "connector.not_implemented")


@pytest.mark.parametrize(
    "body",
    [{}, {"connectorId": "x"}, {"connectorData": {}}, {"connectorId": 7, "connectorData": {}},
     {"connectorId": "x", "connectorData": []}, {"connectorId": "x", "connectorData": None}],
)  # fmt: skip
async def test_row12_a_malformed_body_is_refused_before_anybody_is_looked_for(at: Linking, body: Any) -> None:
    for user in ((await at.place.person())["id"], str(uuid4())):
        assert await at.place.refused("POST", f"/{user}/identities", body) == (400, "guard.invalid_input")


async def test_row12_who_may_not_link_does_not_use_up_the_code(at: Linking) -> None:
    strong = (await a_strong_person(at.place))["id"]
    app = at.place.app
    weak = await app.manager(at.place.organization, "write_user", "read_user")
    data = await at.back(await at.provider.person())
    assert await at.refused(strong, data, token=weak) == (403, "auth.forbidden")
    nobody = await at.refused(str(uuid4()), data)
    assert nobody == (404, "entity.not_found")
    assert (await at.link(strong, data)).status == 200, "the code was told to nobody"


async def test_row12_root_links_in_any_organization_with_its_own_connectors(at: Linking) -> None:
    user, app = (await at.place.person())["id"], at.place.app
    data = await at.back(await at.provider.person())
    other = await a_place(app)
    theirs = await at.provider.connector(app, other.organization, other.token)
    assert await at.refused(user, data, connector=theirs["id"], token=app.root) == (404, "entity.not_found")
    assert (await at.link(user, data, token=app.root)).status == 200


async def test_row12_a_request_that_is_repeated_under_its_key_asks_the_provider_once(at: Linking) -> None:
    user, headers = (await at.place.person())["id"], {"Idempotency-Key": str(uuid4())}
    data = await at.back(await at.provider.person())
    first = await at.link(user, data, headers=headers)
    again = await at.link(user, data, headers=headers)
    assert (again.status, again.json) == (first.status, first.json)
    assert first.status == 200


async def test_row12_of_one_person_in_two_organizations_there_are_two_users(at: Linking) -> None:
    person, app = await at.provider.person(), at.place.app
    assert (await at.link((await at.place.person())["id"], await at.back(person))).status == 200
    place = await a_place(app)
    metadata = {"target": at.target}
    connector = await at.provider.connector(app, place.organization, place.token, metadata=metadata)
    elsewhere = Linking(place, at.provider, connector)
    reply = await elsewhere.link((await place.person())["id"], await elsewhere.back(person))
    assert (reply.status, list(reply.json)) == (200, [at.target])
    assert reply.json[at.target]["userId"] == person.id

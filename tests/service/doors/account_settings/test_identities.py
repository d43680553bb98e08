"""Rows 13 and 14, and reading: who a user is elsewhere is said, shown and unsaid, as spec/logto.md section 7 has it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from domain.caller import SYSTEM
from service.commands import identities
from service.store.decision import Origin
from tests.service.doors.account_settings.given import KEYS, Place, a_place, a_strong_person, unique

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = UUID(int=0)
IN_USE = (422, "user.identity_already_in_use")
ABSENT = (404, "user.identity_not_exist")
NOT_FOUND = (404, "entity.not_found")
UNFIT = (400, "guard.invalid_input")


@pytest_asyncio.fixture(loop_scope="module")
async def place(app: Running) -> Place:
    return await a_place(app)


@pytest_asyncio.fixture(loop_scope="module")
async def ada(place: Place) -> str:
    return (await place.person(name="Ada"))["id"]


async def put(place: Place, user: str, target: str = "github", person: str | None = None, **more: Any) -> Any:
    return await place.call("PUT", f"/{user}/identities/{target}", {"userId": person or unique(), **more})


async def record(place: Place, user: str, connector: str = "acme", **told: Any) -> None:
    """Record an enterprise identity, for which there is no request."""
    fields = {"issuer": "https://idp.acme.example", "identity_id": unique(), "detail": {"name": "Ada"}}
    origin = Origin(NOBODY, NOBODY, None, uuid4())
    store = place.app.parts.store
    await identities.record_enterprise(
        store, origin, SYSTEM, user=UUID(user), connector=connector, **{**fields, **told}
    )


async def test_row14_a_target_that_was_absent_is_made_and_then_replaced(place: Place, ada: str) -> None:
    first, second = unique(), unique()
    made = await put(place, ada, person=first, details={"email": "ada@example.com", "rawData": {"n": [1, None]}})
    assert made.status == 201
    github = {"userId": first, "details": {"email": "ada@example.com", "rawData": {"n": [1, None]}}}
    assert made.json == {"github": github}
    other = await put(place, ada, "apple", second, details={})
    assert (other.status, other.json) == (201, {"github": github, "apple": {"userId": second, "details": {}}})
    replaced = await put(place, ada, person=second)
    assert replaced.status == 200
    assert replaced.json == {"github": {"userId": second}, "apple": {"userId": second, "details": {}}}
    assert (await place.shown(ada))["identities"] == replaced.json, "without details, they are gone"
    again = await put(place, ada, person=second)
    assert (again.status, again.json) == (200, replaced.json)


async def test_row14_the_printed_form_names_the_target_in_query_or_body(place: Place, ada: str) -> None:
    path, person = f"/{ada}/identities", unique()
    made = await place.call("PUT", path, {"userId": person}, params={"target": "github"})
    assert (made.status, made.json) == (201, {"github": {"userId": person}})
    for body, query in (
        ({"userId": person, "target": "github", "details": {"a": 1}}, {}),
        ({"userId": person, "target": "github", "details": {"a": 1}}, {"target": "github"}),
    ):
        replaced = await place.call("PUT", path, body, params=query)
        assert (replaced.status, replaced.json) == (200, {"github": {"userId": person, "details": {"a": 1}}})


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_row13_row14_without_one_target_nothing_is_touched(place: Place, ada: str, method: str) -> None:
    await put(place, ada)
    await put(place, ada, "apple")
    before = await place.shown(ada)
    path = f"/{ada}/identities"
    person = {"userId": "1"} if method == "PUT" else {}
    for body, query in (
        (person, {}),
        (person | {"target": None}, {}),
        (person | {"target": "github"}, {"target": "apple"}),
        (person, {"tARGET": "github"}),
    ):
        assert await place.refused(method, path, body, params=query) == UNFIT
    if method == "DELETE":
        assert await place.refused(method, path) == UNFIT
        assert (await place.refused(method, path, params={"target": ""})) == ABSENT
    for wrong in (7, ["github"], {}):
        assert await place.refused(method, path, person | {"target": wrong}) == UNFIT
    assert await place.shown(ada) == before


@pytest.mark.parametrize(
    "body",
    [
        {}, {"userId": None}, {"userId": 42}, {"userId": ""}, {"userId": "a" * 257}, {"userId": "a\nb"},
        {"userId": "1", "details": None}, {"userId": "1", "details": []}, {"userId": "1", "details": "x"},
        {"userId": "\ud800"}, {"userId": "1", "details": {"a": "\x00"}}, {"userId": "1", "details": {"a": "\ud800"}},
    ],
)  # fmt: skip
async def test_row14_a_malformed_person_is_refused_before_anybody_is_looked_for(place: Place, body: Any) -> None:
    for user in ((await place.person())["id"], str(uuid4())):
        path = f"/{user}/identities/github"
        raw = {"data": json.dumps(body).encode(), "headers": {"Content-Type": "application/json"}}
        assert await place.refused("PUT", path, **raw) == UNFIT
        assert await place.refused("PUT", f"/{user}/identities?target=github", **raw) == UNFIT


@pytest.mark.parametrize("target", ["GitHub", "git%20hub", "-", "a%2Fb", "%C3%A9", "a" * 65, "..%2F"])
async def test_row14_what_is_no_target_is_refused(place: Place, ada: str, target: str) -> None:
    assert await place.refused("PUT", f"/{ada}/identities/{target}", {"userId": "1"}) == UNFIT
    assert await place.refused("DELETE", f"/{ada}/identities/{target}") == ABSENT
    assert await place.refused("GET", f"/{ada}/identities/{target}") == ABSENT


async def test_row14_a_person_is_nobody_else(place: Place, ada: str) -> None:
    eve, person = (await place.person())["id"], unique()
    assert (await put(place, ada, person=person)).status == 201
    for body in ({"userId": person}, {"userId": person, "details": {"a": 1}}):
        assert await place.refused("PUT", f"/{eve}/identities/github", body) == IN_USE
    assert (await put(place, eve, "gitlab", person)).status == 201, "of that name elsewhere"
    assert (await put(place, ada)).status == 200
    assert (await put(place, eve, person=person)).status == 201, "free, since Ada is another one"


async def test_row14_an_unknown_user_is_not_found_even_with_a_person_who_is_taken(app: Running, place: Place) -> None:
    person = unique()
    assert (await put(place, (await place.person())["id"], person=person)).status == 201
    stranger = (await (await a_place(app)).person())["id"]
    for user in (str(uuid4()), stranger, "MgUzzDsyX0iB"):
        assert await place.refused("PUT", f"/{user}/identities/github", {"userId": person}) == NOT_FOUND
        assert await place.refused("DELETE", f"/{user}/identities/github") == NOT_FOUND
        assert await place.refused("DELETE", f"/{user}/identities?target=github") == NOT_FOUND
        for path in ("identities/github", "all-identities", "sso-identities/acme"):
            assert await place.refused("GET", f"/{user}/{path}") == NOT_FOUND


async def test_row13_what_is_unlinked_is_gone_and_the_user_is_shown(place: Place, ada: str) -> None:
    person = unique()
    await put(place, ada, person=person)
    await put(place, ada, "apple", person)
    reply = await place.call("DELETE", f"/{ada}/identities/github")
    assert reply.status == 200
    assert set(reply.json) == KEYS
    assert reply.json == await place.shown(ada)
    assert (reply.json["name"], reply.json["identities"]) == ("Ada", {"apple": {"userId": person}})
    assert await place.refused("DELETE", f"/{ada}/identities/github") == ABSENT
    assert await place.refused("GET", f"/{ada}/identities/github") == ABSENT
    last = await place.call("DELETE", f"/{ada}/identities/apple")
    assert (last.status, last.json["identities"]) == (200, {}), "the last way to come in may go, too"
    assert (await put(place, (await place.person())["id"], person=person)).status == 201, "the person is free again"


@pytest.mark.parametrize("how", [{"params": {"target": "github"}}, {"body": {"target": "github"}}])
async def test_row13_the_printed_form_unlinks_the_one_that_is_named(
    place: Place, ada: str, how: dict[str, Any]
) -> None:
    person = unique()
    await put(place, ada)
    await put(place, ada, "apple", person)
    reply = await place.call("DELETE", f"/{ada}/identities", **how)
    assert reply.status == 200
    assert reply.json == await place.shown(ada)
    assert reply.json["identities"] == {"apple": {"userId": person}}


async def test_row13_row14_whoever_holds_less_than_the_user_does_not_say_who_they_are(app: Running) -> None:
    place = await a_place(app)
    strong = (await a_strong_person(place))["id"]
    await put(place, strong)
    weak = Place(app, place.organization, await app.manager(place.organization, "write_user", "read_user"))
    for method, body in (("PUT", {"userId": unique()}), ("DELETE", None)):
        assert await weak.refused(method, f"/{strong}/identities/github", body) == (403, "auth.forbidden")
    other = (await place.person())["id"]
    assert (await put(weak, other)).status == 201
    assert (await weak.call("DELETE", f"/{other}/identities/github")).status == 200


async def test_suspended_and_invited_people_have_identities_too(place: Place, ada: str) -> None:
    reply = await place.call("PATCH", f"/{ada}/is-suspended", {"isSuspended": True})
    assert reply.status == 200
    assert (await put(place, ada)).status == 201
    assert (await place.call("DELETE", f"/{ada}/identities/github")).json["isSuspended"]


async def test_row14_of_two_users_who_are_one_person_at_once_one_is(place: Place) -> None:
    users, person = [(await place.person())["id"] for _ in range(2)], unique()
    replies = await asyncio.gather(*(put(place, user, person=person) for user in users))
    assert sorted(reply.status for reply in replies) == [201, 422]
    shown = [(await place.shown(user))["identities"] for user in users]
    assert sorted(map(len, shown)) == [0, 1]


async def test_row14_of_several_that_put_one_target_at_once_one_makes_it(place: Place, ada: str) -> None:
    replies = await asyncio.gather(*(put(place, ada) for _ in range(6)))
    assert sorted(reply.status for reply in replies) == [200] * 5 + [201]
    last = max(replies, key=lambda reply: reply.position)
    assert (await place.shown(ada))["identities"] == last.json


async def test_row13_row14_linked_and_unlinked_at_once_it_is_one_or_the_other(place: Place, ada: str) -> None:
    for _ in range(4):
        await put(place, ada)
        linked, unlinked = await asyncio.gather(put(place, ada), place.call("DELETE", f"/{ada}/identities/github"))
        assert unlinked.status == 200
        left = (await place.shown(ada))["identities"]
        if linked.position > unlinked.position:
            assert (linked.status, left) == (201, linked.json)
        else:
            assert (linked.status, left) == (200, {})


async def test_row14_a_request_that_is_repeated_under_its_key_is_answered_as_the_first(place: Place, ada: str) -> None:
    headers, body = {"Idempotency-Key": str(uuid4())}, {"userId": unique()}
    first = await place.call("PUT", f"/{ada}/identities/github", body, headers=headers)
    again = await place.call("PUT", f"/{ada}/identities/github", body, headers=headers)
    assert (again.status, again.json) == (first.status, first.json) == (201, {"github": body})
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_one_identity_is_read_by_its_target(place: Place, ada: str) -> None:
    person = unique()
    await put(place, ada, person=person, details={"a": 1})
    for query in ("", "?includeTokenSecret=true", "?includeTokenSecret=0"):
        reply = await place.call("GET", f"/{ada}/identities/github{query}")
        assert reply.json == {"identity": {"userId": person, "details": {"a": 1}}}
    assert await place.refused("GET", f"/{ada}/identities/apple") == ABSENT


async def test_all_identities_are_read_at_once(place: Place, ada: str) -> None:
    assert (await place.call("GET", f"/{ada}/all-identities")).json == {"socialIdentities": [], "ssoIdentities": []}
    person = unique()
    await put(place, ada, person=person, details={"a": 1})
    await put(place, ada, "apple", person)
    await record(place, ada)
    reply = await place.call("GET", f"/{ada}/all-identities?includeTokenSecret=yes")
    assert reply.json["socialIdentities"] == [
        {"target": "apple", "identity": {"userId": person}},
        {"target": "github", "identity": {"userId": person, "details": {"a": 1}}},
    ]
    [there] = reply.json["ssoIdentities"]
    assert there["ssoConnectorId"] == there["ssoIdentity"]["ssoConnectorId"] == "acme"


async def test_row16_enterprise_identities_are_shown_and_nothing_else(place: Place, ada: str) -> None:
    person = unique()
    await record(place, ada, identity_id=person)
    await record(place, ada, "second", issuer="https://second.example", detail={})
    reply = await place.call("GET", f"/{ada}?includeSsoIdentities=true")
    [first, second] = reply.json["ssoIdentities"]
    assert first == {
        "tenantId": place.organization, "id": first["id"], "userId": ada, "issuer": "https://idp.acme.example",
        "identityId": person, "detail": {"name": "Ada"}, "createdAt": first["createdAt"],
        "updatedAt": first["createdAt"], "ssoConnectorId": "acme",
    }  # fmt: skip
    assert (second["issuer"], second["detail"], second["ssoConnectorId"]) == ("https://second.example", {}, "second")
    assert abs(first["createdAt"] / 1000 - place.app.parts.clock.now().timestamp()) < 60
    for query in ("", "?includeTokenSecret=true"):
        assert (await place.call("GET", f"/{ada}/sso-identities/acme{query}")).json == {"ssoIdentity": first}
    for word in ("nobody", str(uuid4()), "a%2Fb"):
        refused = await place.refused("GET", f"/{ada}/sso-identities/{word}")
        assert refused == (404, "user.enterprise_sso_identity_not_exists")
    assert reply.json["identities"] == {}
    for method in ("PUT", "POST", "DELETE", "PATCH"):
        answer = await place.app.client.request(method, f"/api/users/{ada}/sso-identities/acme")
        assert answer.status == 405


async def test_a_person_with_read_user_reads_and_with_write_user_writes(app: Running, place: Place, ada: str) -> None:
    reader = Place(app, place.organization, await app.manager(place.organization, "read_user"))
    writer = Place(app, place.organization, await app.manager(place.organization, "write_user"))
    assert (await put(writer, ada)).status == 201
    assert (await reader.call("GET", f"/{ada}/identities/github")).status == 200
    assert await reader.refused("PUT", f"/{ada}/identities/github", {"userId": "1"}) == (403, "auth.forbidden")
    for path in ("identities/github", "all-identities", "sso-identities/acme"):
        assert await writer.refused("GET", f"/{ada}/{path}") == (403, "auth.forbidden")


async def test_when_a_user_is_deleted_their_identities_are_free(place: Place, ada: str) -> None:
    person = unique()
    await put(place, ada, person=person)
    await record(place, ada, identity_id=person)
    assert (await place.call("DELETE", f"/{ada}")).status == 204
    assert await place.refused("GET", f"/{ada}/identities/github") == NOT_FOUND
    eve = (await place.person())["id"]
    assert (await put(place, eve, person=person)).status == 201
    await record(place, eve, identity_id=person)


async def test_what_happens_to_identities_is_in_the_audit_without_saying_who(place: Place, ada: str) -> None:
    person = unique()
    await put(place, ada, person=person, details={"email": f"{person}@example.com"})
    await put(place, ada, person=person)
    await place.call("DELETE", f"/{ada}/identities/github")
    events = await place.app.events(subject=ada)
    assert [event["topic"] for event in events if event["topic"].startswith("identity.")] == [
        "identity.unlinked", "identity.replaced", "identity.linked",
    ]  # fmt: skip
    assert person not in json.dumps(events)

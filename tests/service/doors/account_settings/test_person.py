"""Rows 1, 2 and 16: a person is shown and changed, with what they sign in with, as spec/logto.md section 6 has it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from domain.caller import SYSTEM
from service.commands import identities
from service.store.decision import Origin
from tests.service.doors.account_settings.codes import sent, typed
from tests.service.doors.account_settings.given import KEYS, Place, a_place, a_strong_person, unique
from tests.service.oauth.authorization.flow import a_shop, signed_in
from tests.service.oauth.redeeming import a_code

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

FULL = {
    "familyName": "Lovelace", "givenName": "Ada", "middleName": "King", "nickname": "A",
    "preferredUsername": "countess",
    "profile": "https://a.example/ada", "website": "https://a.example", "gender": "female", "birthdate": "1815-12-10",
    "zoneinfo": "Europe/London", "locale": "en-GB",
    "address": {"formatted": "12 St James's Sq\nLondon", "streetAddress": "12 St James's Sq", "locality": "London",
                "region": "Westminster", "postalCode": "SW1", "country": "UK"},
}  # fmt: skip
NOBODY = UUID(int=0)


@pytest_asyncio.fixture(loop_scope="module")
async def place(app: Running) -> Place:
    return await a_place(app)


async def test_row01_a_person_is_shown_with_exactly_these_members(place: Place) -> None:
    email, username = f"{unique()}@example.com", unique()
    made = await place.person(
        username=username, primaryEmail=email, primaryPhone="447400123456", name="Ada", avatar="https://a.example/a.png",
        profile=FULL, customData={"a": [1, None, {"b": "c"}]}, password="correct horse",
    )  # fmt: skip
    shown = await place.shown(made["id"])
    assert set(shown) == KEYS
    assert shown == made == {
        "id": made["id"], "username": username, "primaryEmail": email, "primaryPhone": "447400123456", "name": "Ada",
        "avatar": "https://a.example/a.png", "customData": {"a": [1, None, {"b": "c"}]}, "identities": {},
        "lastSignInAt": None, "createdAt": made["createdAt"], "updatedAt": made["createdAt"], "profile": FULL,
        "applicationId": None, "cimdClientId": None, "isSuspended": False, "hasPassword": True,
    }  # fmt: skip
    assert abs(shown["createdAt"] / 1000 - place.app.parts.clock.now().timestamp()) < 60


async def test_row01_what_is_not_known_is_null(place: Place) -> None:
    made = await place.person()
    shown = await place.shown(made["id"])
    for member in ("username", "primaryEmail", "primaryPhone", "name", "avatar", "lastSignInAt", "applicationId"):
        assert shown[member] is None
    assert (shown["customData"], shown["identities"], shown["profile"]) == ({}, {}, {})


async def test_row01_whoever_is_unknown_elsewhere_or_no_id_is_not_found(app: Running, place: Place) -> None:
    stranger = await (await a_place(app)).person()
    for user in (uuid4(), stranger["id"], "MgUzzDsyX0iB", uuid4().hex):
        for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
            assert await place.refused(method, f"/{user}", body) == (404, "entity.not_found")
    assert (await app.call("GET", f"/api/users/{stranger['id']}")).status == 200, "root sees everybody"


async def test_row01_the_application_is_the_one_that_they_were_made_of_or_signed_in_to_first(app: Running) -> None:
    shop = await a_shop(app)
    manager = await app.manager(shop.document["organization"])
    place = Place(app, shop.document["organization"], manager)
    of_shop = await app.made(f"/api/applications/{shop.id}/users", {"status": "active"})
    assert (await place.shown(of_shop["id"]))["applicationId"] == str(shop.id)
    ada = await place.person()
    browser = await signed_in(app, UUID(ada["id"]), shop.organization)
    assert (await place.shown(ada["id"]))["applicationId"] is None, "signed in to no application yet"
    other = await a_shop(app, str(shop.organization))
    for one in (shop, other):
        await browser.consent(one)
        await a_code(one, browser)
    at_least = {"Muniment-At-Least": str(await place.head())}
    shown = (await place.call("GET", f"/{ada['id']}", headers=at_least)).json
    assert shown["applicationId"] == str(shop.id)
    assert (await place.changed(ada["id"], name="Ada"))["applicationId"] == str(shop.id)
    listed = (await place.call("GET", "", params={"search.id": ada["id"]}, headers=at_least)).json
    assert [one["applicationId"] for one in listed] == [str(shop.id)]


async def test_row01_the_last_sign_in_is_told_and_is_no_change(app: Running) -> None:
    shop = await a_shop(app)
    place = Place(app, str(shop.organization), await app.manager(str(shop.organization)))
    ada = await place.person()
    browser = await signed_in(app, UUID(ada["id"]), shop.organization)
    first = await place.shown(ada["id"])
    now = app.parts.clock.now().timestamp() * 1000
    assert now - 60_000 < first["lastSignInAt"] <= now
    assert first["updatedAt"] == ada["updatedAt"]
    await asyncio.sleep(0.005)
    await browser.again()
    assert (await place.shown(ada["id"]))["lastSignInAt"] > first["lastSignInAt"]


@pytest.mark.parametrize("flag", ["1", "true", "TRUE", "y", "yes", "Yep", "yeah"])
async def test_row16_enterprise_identities_are_shown_when_they_are_asked_for(place: Place, flag: str) -> None:
    made = await place.person()
    reply = await place.call("GET", f"/{made['id']}", params={"includeSsoIdentities": flag})
    assert reply.status == 200
    assert set(reply.json) == KEYS | {"ssoIdentities"}
    assert reply.json["ssoIdentities"] == []


@pytest.mark.parametrize("flag", [None, "", "0", "false", "no", "on", "2", "truee"])
async def test_row16_and_not_otherwise(place: Place, flag: str | None) -> None:
    made = await place.person()
    params = {} if flag is None else {"includeSsoIdentities": flag}
    reply = await place.call("GET", f"/{made['id']}", params=params | {"unknownToEverybody": "1"})
    assert (reply.status, set(reply.json)) == (200, KEYS)


async def test_row16_an_enterprise_identity_is_shown_whole(app: Running, place: Place) -> None:
    made, issuer = await place.person(), f"https://{unique('idp').replace('_', '-')}.example"
    await identities.record_enterprise(
        app.parts.store, Origin(NOBODY, NOBODY, None, app.parts.clock.new_id()), SYSTEM, user=UUID(made["id"]),
        issuer=issuer, identity_id="ada@corp", connector="corp", detail={"email": "ada@corp.example"},
    )  # fmt: skip
    reply = await place.call("GET", f"/{made['id']}", params={"includeSsoIdentities": "true"})
    [shown] = reply.json["ssoIdentities"]
    assert shown == {
        "tenantId": place.organization, "id": shown["id"], "userId": made["id"], "issuer": issuer,
        "identityId": "ada@corp", "detail": {"email": "ada@corp.example"}, "createdAt": shown["createdAt"],
        "updatedAt": shown["createdAt"], "ssoConnectorId": "corp",
    }  # fmt: skip
    assert "ssoIdentities" not in await place.shown(made["id"])


async def test_row01_a_social_identity_is_shown_wherever_its_person_is(place: Place) -> None:
    made = await place.person()
    linked = {"unit": {"userId": unique(), "details": {"id": "1", "name": "Ada"}}}
    reply = await place.call("PUT", f"/{made['id']}/identities/unit", linked["unit"])
    assert reply.status == 201, reply.text
    assert (await place.shown(made["id"]))["identities"] == linked
    assert (await place.changed(made["id"], name="Ada"))["identities"] == linked
    suspended = await place.call("PATCH", f"/{made['id']}/is-suspended", {"isSuspended": True})
    assert suspended.json["identities"] == linked
    listed = await place.call("GET", "", params={"search.id": made["id"]})
    assert [one["identities"] for one in listed.json] == [linked]


async def test_row02_what_is_named_changes_and_all_else_stays(place: Place) -> None:
    username, email = unique(), f"{unique()}@example.com"
    made = await place.person(username=unique(), name="Ada", customData={"a": 1}, profile=FULL, password="x")
    changed = await place.changed(made["id"], username=username)
    assert changed == made | {"username": username, "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > made["updatedAt"]
    again = await place.changed(made["id"], primaryEmail=email, name="Augusta", avatar="https://a.example/b.png")
    assert again == changed | {
        "primaryEmail": email, "name": "Augusta", "avatar": "https://a.example/b.png", "updatedAt": again["updatedAt"],
    }  # fmt: skip


async def test_row02_custom_data_and_profile_are_replaced_whole(place: Place) -> None:
    avatar = "https://a.example/a.png"
    made = await place.person(customData={"a": 1, "b": {"c": 2}}, profile=FULL, avatar=avatar)
    changed = await place.changed(made["id"], customData={"b": {"d": None}}, profile={"nickname": "Countess"})
    assert (changed["customData"], changed["profile"]) == ({"b": {"d": None}}, {"nickname": "Countess"})
    assert changed["avatar"] == avatar, "which is shown apart from the profile"
    emptied = await place.changed(made["id"], customData={}, profile={})
    assert (emptied["customData"], emptied["profile"]) == ({}, {})


@pytest.mark.parametrize("nothing", ["", None])
async def test_row02_empty_text_and_null_remove_a_value_the_last_identifier_too(
    place: Place, nothing: str | None
) -> None:
    body = {
        "username": unique(), "primaryEmail": f"{unique()}@example.com", "primaryPhone": f"4474{str(uuid4().int)[:8]}",
        "name": "Ada", "avatar": "https://a.example/a.png",
    }  # fmt: skip
    made = await place.person(**body)
    cleared = await place.changed(made["id"], **dict.fromkeys(body, nothing))
    assert {cleared[member] for member in body} == {None}
    assert (await place.person(**body))["username"] == body["username"], "free for others"


async def test_row02_a_phone_number_is_kept_in_one_form(place: Place) -> None:
    made = await place.person()
    number = f"7400{str(uuid4().int)[:6]}"
    assert (await place.changed(made["id"], primaryPhone=f"440{number}"))["primaryPhone"] == f"44{number}"
    other = await place.person()
    for same in (f"44{number}", f"440{number}"):
        refused = await place.refused("PATCH", f"/{other['id']}", {"primaryPhone": same})
        assert refused == (422, "user.phone_already_in_use")
    unchanged = await place.changed(made["id"], primaryPhone=f"44{number}")
    assert unchanged["primaryPhone"] == f"44{number}", "one's own is free for oneself"


@pytest.mark.parametrize(
    ("member", "value", "same", "code"),
    [
        ("username", "Taken_{}", "taken_{}", "user.username_already_in_use"),
        ("primaryEmail", "Taken_{}@Example.com", "tAKEN_{}@example.COM", "user.email_already_in_use"),
    ],
)
async def test_row02_what_somebody_else_has_is_refused_and_ones_own_is_not(
    place: Place, member: str, value: str, same: str, code: str
) -> None:
    made, number = await place.person(), unique("n")
    await place.changed(made["id"], **{member: value.format(number)})
    other = await place.person(name="Eve")
    refused = await place.refused("PATCH", f"/{other['id']}", {member: same.format(number), "name": "Mallory"})
    assert refused == (422, code)
    assert (await place.shown(other["id"]))["name"] == "Eve", "all or nothing"
    assert (await place.changed(made["id"], **{member: same.format(number)}))[member] is not None
    await place.changed(made["id"], **{member: None})
    assert (await place.changed(other["id"], **{member: same.format(number)}))[member] is not None


async def test_row02_two_at_once_do_not_get_the_same_address(place: Place) -> None:
    people = [await place.person() for _ in range(4)]
    for member, value in {
        "primaryEmail": f"{unique()}@example.com", "username": unique(), "primaryPhone": f"4474{str(uuid4().int)[:8]}",
    }.items():  # fmt: skip
        changes = (place.call("PATCH", f"/{one['id']}", {member: value}) for one in people)
        replies = await asyncio.gather(*changes)
        assert sorted(reply.status for reply in replies) == [200, 422, 422, 422]
        holders = [one for one in people if (await place.shown(one["id"]))[member] == value]
        assert len(holders) == 1


async def test_row02_two_changes_at_once_are_both_kept(place: Place) -> None:
    made = await place.person()
    name, username = "Grace", unique()
    changes = (place.call("PATCH", f"/{made['id']}", body) for body in ({"name": name}, {"username": username}))
    await asyncio.gather(*changes)
    shown = await place.shown(made["id"])
    assert (shown["name"], shown["username"]) == (name, username)


async def test_row02_whoever_has_two_names_swaps_nothing_halfway(place: Place) -> None:
    first, second = [await place.person(username=unique(), primaryEmail=f"{unique()}@example.com") for _ in range(2)]
    body = {"username": unique(), "primaryEmail": second["primaryEmail"]}
    assert await place.refused("PATCH", f"/{first['id']}", body) == (422, "user.email_already_in_use")
    assert (await place.person(username=body["username"]))["username"] == body["username"], "it was never taken"
    assert await place.shown(first["id"]) == first


async def test_row02_a_body_without_anything_known_is_refused_after_the_person_was_found(place: Place) -> None:
    made = await place.person()
    for body in ({}, {"surname": "x"}, {"primary_email": "x@example.com"}, {"isSuspended": True}, {"id": str(uuid4())}):
        assert await place.refused("PATCH", f"/{made['id']}", body) == (422, "entity.invalid_input")
        assert await place.refused("PATCH", f"/{uuid4()}", body) == (404, "entity.not_found")
    kept = await place.changed(made["id"], name="Ada", surname="x")
    assert "surname" not in kept


@pytest.mark.parametrize(
    "body",
    [
        {"username": "1a"}, {"username": "a b"}, {"username": "\u00e4"}, {"username": 7}, {"primaryEmail": "nobody"},
        {"primaryEmail": "a b@example.com"}, {"primaryPhone": "+447400123456"}, {"primaryPhone": 447400123456},
        {"avatar": "javascript:alert(1)"}, {"avatar": "/a.png"}, {"name": 1}, {"name": "a\u202eb"}, {"customData": []},
        {"customData": None}, {"customData": "x"}, {"profile": None}, {"profile": {"givenName": None}},
        {"profile": {"address": {"country": 1}}}, {"profile": {"locale": "?"}}, {"profile": {"address": "London"}},
    ],
)  # fmt: skip
async def test_row02_a_value_that_does_not_fit_is_refused(place: Place, body: dict[str, object]) -> None:
    made = await place.person()
    assert await place.refused("PATCH", f"/{made['id']}", body) == (400, "guard.invalid_input")


async def test_row02_a_malformed_body_is_refused_before_anybody_is_looked_for(place: Place) -> None:
    assert await place.refused("PATCH", f"/{uuid4()}", {"username": "1a"}) == (400, "guard.invalid_input")
    taken = await place.person(username=unique())
    refused = await place.refused("PATCH", f"/{uuid4()}", {"username": taken["username"]})
    assert refused == (404, "entity.not_found"), "and nobody is found before they are compared with others"


@pytest.mark.parametrize(
    ("member", "longest", "longer"),
    [
        ("username", "a" * 128, "a" * 129),
        ("name", "n" * 128, "n" * 129),
        ("avatar", "https://a.example/" + "x" * 2030, "https://a.example/" + "x" * 2031),
        ("primaryEmail", "a@" + "b" * 57 + "." + "c" * 60 + ".example", "a@" + "b" * 57 + "." + "c" * 61 + ".example"),
    ],
)
async def test_row02_a_value_that_is_too_long_is_told_apart(
    place: Place, member: str, longest: str, longer: str
) -> None:
    made = await place.person()
    await place.changed(made["id"], **{member: longest})
    refused = await place.refused("PATCH", f"/{made['id']}", {member: longer})
    assert refused == (422, "entity.value_too_long")
    assert await place.refused("PATCH", f"/{uuid4()}", {member: longer}) == (404, "entity.not_found")
    await place.changed(made["id"], **{member: None})


async def test_row02_a_number_that_cannot_be_called_is_told_apart(place: Place) -> None:
    made = await place.person()
    assert await place.refused("PATCH", f"/{made['id']}", {"primaryPhone": "123"}) == (422, "user.invalid_phone")


async def test_row02_who_holds_less_does_not_change_what_somebody_signs_in_with(app: Running, place: Place) -> None:
    strong = await a_strong_person(place)
    weak = await app.manager(place.organization, "read_user", "write_user")
    for body in ({"username": unique()}, {"primaryEmail": f"{unique()}@example.com"}, {"primaryPhone": "447400123459"},
                 {"username": None}):  # fmt: skip
        refused = await place.refused("PATCH", f"/{strong['id']}", body, token=weak)
        assert refused == (403, "auth.forbidden")
    reply = await place.call("PATCH", f"/{strong['id']}", {"name": "Ada"}, token=weak)
    assert reply.status == 200, "nobody comes in by a name that is only shown"
    await place.changed(strong["id"], username=unique())


async def test_row02_an_invited_person_keeps_the_address_that_the_invitation_went_to(app: Running) -> None:
    organization = await app.organization()
    made = await app.application(organization=organization, permissions=["all"])
    place = Place(app, organization, await app.token(made["client_id"], made["secrets"][0]["secret"]))
    body = {"email": f"{unique()}@example.com"}
    reply = await app.call("POST", "/api/v1/users/invitations", place.token, json=body)
    assert reply.status == 200, reply.text
    invited = reply.json["user"]["authId"]
    refused = await place.refused("PATCH", f"/{invited}", {"primaryEmail": f"{unique()}@example.com"})
    assert refused == (422, "user.invitation_pending")
    assert (await place.changed(invited, name="Ada"))["primaryEmail"] == body["email"]


async def verified_first(place: Place) -> None:
    """Let the organization want codes before addresses."""
    path = f"/api/organizations/{place.organization}/settings"
    shown = await place.app.call("GET", path, place.token)
    assert shown.status == 200, shown.text
    reply = await place.app.call("PUT", path, place.token, json=shown.json | {"verified_identifiers": True})
    assert reply.status == 200, reply.text


async def test_row02_where_the_organization_wants_it_a_new_address_is_shown_first(app: Running) -> None:
    place = await a_place(app)
    await verified_first(place)
    made = await place.person(username=unique())
    email = f"{unique()}@example.com"
    for body in ({"primaryEmail": email}, {"primaryPhone": "447400123458"}):
        status, code = await place.refused("PATCH", f"/{made['id']}", body)
        assert (status, code.partition(".")[0]) == (422, "verification_record")
    assert (await place.changed(made["id"], username=unique(), name="Ada"))["name"] == "Ada"
    assert (await place.changed(made["id"], primaryEmail=""))["primaryEmail"] is None, "none needs no proof"


async def test_row02_an_address_that_was_shown_is_verified_and_the_proof_is_good_once(app: Running) -> None:
    place = await a_place(app)
    await verified_first(place)
    made, email = await place.person(username=unique()), f"{unique()}@example.com"
    assert (await typed(app, place.token, email, await sent(app, place.token, email))).status == 204
    other = f"x{email}"
    refused = await place.refused("PATCH", f"/{made['id']}", {"primaryEmail": other})
    assert refused == (422, "verification_record.not_found"), "the proof is of that address alone"
    assert (await place.changed(made["id"], primaryEmail=email))["primaryEmail"] == email
    [recorded] = await app.events(topic="user.email_changed", subject=made["id"])
    assert recorded["data"]["verified"] is True
    assert (await place.changed(made["id"], primaryEmail=email, name="Ada"))["name"] == "Ada", "it is theirs already"
    await place.changed(made["id"], primaryEmail=None)
    again = await place.refused("PATCH", f"/{made['id']}", {"primaryEmail": email})
    assert again == (422, "verification_record.not_found")


async def test_row02_a_repeated_request_is_answered_as_the_first_was(place: Place) -> None:
    made = await place.person()
    headers = {"Idempotency-Key": str(uuid4())}
    body = {"username": unique(), "customData": {"a": 1}}
    first = await place.call("PATCH", f"/{made['id']}", body, headers=headers)
    await place.changed(made["id"], username=unique())
    again = await place.call("PATCH", f"/{made['id']}", body, headers=headers)
    assert (first.status, first.text) == (again.status, again.text)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await place.call("PATCH", f"/{made['id']}", {"name": "x"}, headers=headers)
    assert (other.status, other.json["code"]) == (422, "request.idempotency_mismatch")


async def test_row02_every_change_leaves_events_with_actor_and_request_and_no_personal_text(place: Place) -> None:
    made = await place.person()
    body = {"username": "unmistakable_name", "primaryEmail": "unmistakable@example.com", "customData": {"pin": "4711"}}
    reply = await place.call("PATCH", f"/{made['id']}", body)
    recorded = await place.app.events(request_id=reply.headers["X-Request-Id"])
    assert {event["topic"] for event in recorded} == {
        "user.username_changed", "user.email_changed", "user.custom_data_changed",
    }  # fmt: skip
    assert all(event["actor"] == event["client"] for event in recorded)
    states = await place.app.parts.store.pool.fetch(
        "SELECT state FROM muniment.events WHERE originator_id = $1", UUID(made["id"])
    )
    for text in (b"unmistakable", b"4711"):
        assert text not in b"".join(row["state"] for row in states)

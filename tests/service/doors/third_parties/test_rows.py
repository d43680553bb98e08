"""Each row of spec/iform.md section 0, F1 to F16, over HTTP; the OAuth ones with a browser and a back end."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain.grant_types import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, PASSWORD, REFRESH_TOKEN
from tests.app_fixture import AUDIENCE
from tests.service.doors.third_parties.given import (
    AUTHORIZE,
    CALLBACK,
    PATH,
    SHORT_TOKEN,
    TOKEN,
    alive,
    error,
    queried,
    refused,
    told,
)
from tests.service.oauth.asking import claims
from tests.service.pages.people import PASSWORD as SECRET
from tests.service.pages.visitor import Visitor

if TYPE_CHECKING:
    from tests.service.doors.third_parties.given import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

MONTH = 30 * 24 * 3600
TOKEN_HEADER, SYSTEM_HEADER = "X-Authorization-access_token", "X-Authorization-systemid"


@pytest.fixture(autouse=True)
def _from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test come from an address of its own, so that passwords tried in one do not count for another."""
    address = f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1"
    monkeypatch.setattr("service.oauth.grants.password.client_address", lambda _: address)


@pytest.mark.parametrize("name", ["第三方应用 №1", "  Shop & Söhne  ", "e\u0301" * 64, "x" * 128, "مرحبا", "💩"])
async def test_f01_a_third_party_has_any_name(desk: Desk, name: str) -> None:
    kept = unicodedata.normalize("NFC", name.strip())
    assert (await (await desk.party(name=name)).present())["name"] == kept


@pytest.mark.parametrize("name", ["", "   ", "x" * 129, "a\nb", "a\u202eb", "\x7f"])
async def test_f01_but_none_that_nobody_could_read(desk: Desk, name: str) -> None:
    reply = await desk.register(name=name)
    assert refused(reply) == (400, "invalid_name")
    assert reply.json["errors"][0]["field"] == "name"


async def test_f01_two_may_have_the_same_name(desk: Desk) -> None:
    assert (await desk.party(name="Twin")).id != (await desk.party(name="Twin")).id


@pytest.mark.parametrize("identifier", ["a", "Z", "shop_1", "ifrom", "A" + "_" * 127])
async def test_f02_an_identifier_begins_with_a_letter(desk: Desk, identifier: str) -> None:
    party = await desk.party(identifier=identifier)
    assert party.document["identifier"] == identifier


@pytest.mark.parametrize(
    "identifier", ["", "1a", "_a", "a-b", "a b", "a:b", " a", "a\n", "é", "第三方", "a" * 129, "shop\u00a0"]
)
async def test_f02_and_is_of_letters_digits_and_underscores(desk: Desk, identifier: str) -> None:
    reply = await desk.register(identifier=identifier)
    assert refused(reply) == (400, "invalid_identifier")
    assert reply.json["errors"][0]["field"] == "identifier"


async def test_f02_an_identifier_is_unique_everywhere_and_for_ever(desk: Desk) -> None:
    party = await desk.party()
    identifier = party.document["identifier"]
    others = await desk.app.manager(await desk.app.organization("Other"))
    for token in (desk.creator, others):
        reply = await desk.register(token, identifier=identifier)
        assert refused(reply) == (409, "client_id_taken")
        assert reply.json["errors"][0]["field"] == "identifier"
    assert (await desk.app.call("DELETE", party.path, desk.creator)).status == 204
    assert refused(await desk.register(identifier=identifier)) == (409, "client_id_taken")


async def test_f02_identifier_and_secret_together_prove_who_it_is(desk: Desk) -> None:
    party, other = await (await desk.party()).approved(), await (await desk.party()).approved()
    assert claims(await party.machine_token())["client_id"] == party.document["identifier"]
    wrong = other.credentials["client_secret"]
    assert error(await party.ask(grant_type=CLIENT_CREDENTIALS, client_secret=wrong)) == (401, "invalid_client")
    assert error(await party.ask(grant_type=CLIENT_CREDENTIALS, client_secret="")) == (401, "invalid_client")


@pytest.mark.parametrize(
    "domain", ["https://shop.example.com", "http://10.0.0.1:8080/app?x=1", "shop.example.com", "localhost", "商店.中国"]
)
async def test_f03_a_domain_is_kept_and_decides_nothing(desk: Desk, domain: str) -> None:
    party = await desk.party(domain=domain, redirect_uris=[])
    assert (await party.present())["domain"] == domain
    await party.approved()
    asked = {
        "response_type": "code",
        "client_id": party.document["identifier"],
        "redirect_uri": "https://shop.example.com",
    }
    page = await Visitor(desk.app).open(AUTHORIZE, **asked)
    assert (page.status, "Location" in page.headers) == (400, False)


@pytest.mark.parametrize("domain", ["", " ", "javascript:alert(1)", "https://", "a b", "https://a\nb", "x" * 2049])
async def test_f03_what_is_no_address_is_no_domain(desk: Desk, domain: str) -> None:
    reply = await desk.register(domain=domain)
    assert refused(reply) == (400, "invalid_domain")


async def test_f04_the_secret_is_shown_once(desk: Desk) -> None:
    party = await desk.party()
    secret = party.document["secret"]
    assert secret.startswith("mun_sec_")
    read = await desk.app.call("GET", party.path, desk.creator)
    assert read.json == {name: value for name, value in party.document.items() if name != "secret"}
    listed = await desk.app.call("GET", PATH, desk.creator)
    events = await desk.app.events(organization=desk.organization, limit=200)
    assert secret not in read.text + listed.text + str(events)


async def test_f04_a_lost_answer_is_given_again_under_its_key(desk: Desk) -> None:
    body = {"name": "Once", "identifier": f"once_{uuid4().hex}", "domain": "once.test"}
    body |= {"scope_kinds": ["api"], "grant_types": ["client"]}
    key = {"Idempotency-Key": uuid4().hex}
    first, again = [await desk.app.call("POST", PATH, desk.creator, json=body, headers=key) for _ in range(2)]
    assert (again.status, again.text, again.headers["Idempotency-Replayed"]) == (201, first.text, "true")


async def test_f04_a_secret_is_replaced_by_another(desk: Desk) -> None:
    party = await (await desk.party()).approved()
    token = await party.machine_token()
    for caller in (desk.creator, desk.approver):
        reply = await desk.app.call("POST", f"{party.path}/reset-secret", caller)
        assert reply.status == 200, reply.text
        assert reply.json.keys() == {"id", "identifier", "secret"}
        former, secret = party.document["secret"], reply.json["secret"]
        assert error(await party.ask(grant_type=CLIENT_CREDENTIALS, client_secret=former)) == (401, "invalid_client")
        assert (await party.ask(grant_type=CLIENT_CREDENTIALS, client_secret=secret)).status == 200
        party.document["secret"] = secret
    assert await alive(desk.app, token), "what was issued before goes on"


async def test_f04_while_it_is_not_in_effect_no_secret_is_replaced(desk: Desk) -> None:
    party = await desk.party()
    path = f"{party.path}/reset-secret"
    assert refused(await desk.app.call("POST", path, desk.creator)) == (409, "third_party_not_effective")
    await party.rejected()
    assert refused(await desk.app.call("POST", path, desk.creator)) == (409, "third_party_not_effective")


async def test_f04_and_by_nobody_but_its_creator_and_who_may_approve(desk: Desk) -> None:
    party = await (await desk.party()).approved()
    colleague = await desk.app.manager(desk.organization, "read_app", "write_app")
    secrets = f"/api/applications/{party.id}/secrets"
    for path, body in ((f"{party.path}/reset-secret", {}), (secrets, {"secrets": [{"name": "mine"}]})):
        assert refused(await desk.app.call("POST", path, colleague, json=body)) == (403, "creator_required")
    assert await party.machine_token()


async def test_f05_for_single_sign_on_alone_there_is_no_interface(desk: Desk) -> None:
    party = await (await desk.party(scope_kinds=["sso"])).approved(trusted=True)
    assert error(await party.ask(grant_type=CLIENT_CREDENTIALS)) == (400, "invalid_target")
    person = await desk.person()
    reply = await party.ask(grant_type=PASSWORD, username=person.username, password=SECRET)
    assert (reply.status, reply.json["info"]["name"]) == (200, "Ada Lovelace"), reply.text
    token = reply.json["access_token"]
    assert claims(token)["aud"] == "https://muniment.test"
    assert refused(await desk.app.call("GET", PATH, token)) == (401, "invalid_token")
    granted = {"application": party.id, "audience": AUDIENCE, "scope": ["read_app"]}
    assert refused(await desk.app.call("POST", "/api/grants", desk.creator, json=granted)) == (403, "sign_in_only")


async def test_f05_for_interface_calls_there_are_tokens_that_hold_what_was_granted(desk: Desk) -> None:
    party = await (await desk.party(scope_kinds=["api"])).approved()
    token = await party.machine_token()
    assert (claims(token)["aud"], claims(token)["scope"]) == (AUDIENCE, "")
    assert refused(await desk.app.call("GET", PATH, token)) == (403, "insufficient_scope")
    grant = await desk.app.made(
        "/api/grants", {"application": party.id, "audience": AUDIENCE, "scope": ["read_app"]}, desk.creator
    )
    assert (await desk.app.call("POST", f"/api/grants/{grant['id']}/approve", desk.approver)).status == 200
    assert (await desk.app.call("GET", PATH, await party.machine_token())).status == 200


@pytest.mark.parametrize("scope_kinds", [[], ["root"], ["SSO"], "sso", None])
async def test_f05_the_scope_is_one_of_two_or_both(desk: Desk, scope_kinds: object) -> None:
    reply = await desk.register(scope_kinds=scope_kinds)
    assert refused(reply) == (400, "invalid_body")
    assert reply.json["errors"][0]["field"].startswith("scope_kinds")
    assert (await desk.party(scope_kinds=["api", "sso", "api"])).document["scope_kinds"] == ["sso", "api"]


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("code", [AUTHORIZATION_CODE, REFRESH_TOKEN]),
        ("password", [REFRESH_TOKEN, PASSWORD]),
        ("client", [CLIENT_CREDENTIALS]),
    ],
)
async def test_f06_there_are_three_grant_types(desk: Desk, word: str, kept: list[str]) -> None:
    party = await desk.party(grant_types=[word])
    assert party.document["grant_types"] == [word]
    application = await desk.app.call("GET", f"/api/applications/{party.id}", desk.creator)
    assert (application.json["kind"], application.json["grant_types"]) == ("web", kept)


async def test_f06_a_third_party_uses_those_that_it_was_registered_for(desk: Desk) -> None:
    person = {"username": "ada", "password": SECRET}
    ways = {
        "code": {"grant_type": AUTHORIZATION_CODE, "code": "x"},
        "password": {"grant_type": PASSWORD, **person},
        "client": {"grant_type": CLIENT_CREDENTIALS},
    }
    for word in ways:
        party = await (await desk.party(grant_types=[word])).approved(trusted=True)
        for other, form in ways.items():
            reply = await party.ask(**form)
            assert (reply.status >= 400 and reply.json["error"] == "unauthorized_client") is (other != word), reply.text


@pytest.mark.parametrize("grant_types", [[], ["implicit"], ["authorization_code"], "code", None])
async def test_f06_one_of_them_at_least(desk: Desk, grant_types: object) -> None:
    reply = await desk.register(grant_types=grant_types)
    assert refused(reply) == (400, "invalid_body")
    assert reply.json["errors"][0]["field"].startswith("grant_types")


async def test_f07_a_third_party_may_be_described(desk: Desk) -> None:
    assert (await desk.party()).document["description"] is None
    assert (await desk.party(description="  为客户 ")).document["description"] == "为客户"
    assert (await desk.party(description="  ")).document["description"] is None
    assert refused(await desk.register(description="x" * 1001)) == (400, "invalid_description")


async def test_f08_a_rejected_one_is_told_why_and_may_be_edited_and_submitted_again(desk: Desk) -> None:
    party = await (await desk.party()).rejected("名称不对")
    shown = await party.present()
    assert (shown["status"], shown["cause"], shown["expires_at"]) == ("rejected", "名称不对", None)
    assert shown["decided_by"] not in (None, shown["created_by"])
    reply = await desk.app.call("PUT", party.path, desk.creator, json={"name": "Better"})
    assert reply.status == 200, reply.text
    assert reply.json == await party.present()
    assert (reply.json["status"], reply.json["name"], reply.json["cause"]) == ("pending", "Better", None)
    assert (await (await party.approved()).present())["status"] == "effective"


@pytest.mark.parametrize(
    ("reason", "code"),
    [("", "reason_missing"), ("  ", "reason_missing"), ("x" * 501, "invalid_reason"), ("a\nb", "invalid_reason")],
)
async def test_f08_nobody_is_rejected_without_a_reason(desk: Desk, reason: str, code: str) -> None:
    party = await desk.party()
    assert refused(await desk.decide("reject", party, reason=reason)) == (400, code)
    assert refused(await desk.decide("reject", party)) == (400, "invalid_body")
    assert (await party.present())["status"] == "pending"


async def test_f08_rejection_ends_every_token_at_once_and_for_ever(desk: Desk) -> None:
    party = await (await desk.party()).approved()
    tokens = [await party.machine_token()]
    reply = await party.ask(
        grant_type=AUTHORIZATION_CODE, code=await party.code(await desk.person()), redirect_uri=CALLBACK
    )
    tokens += [reply.json["access_token"], reply.json["refresh_token"]]
    assert [await alive(desk.app, token) for token in tokens] == [True] * 3
    await party.rejected()
    assert [await alive(desk.app, token) for token in tokens] == [False] * 3
    assert error(await party.ask(grant_type=CLIENT_CREDENTIALS)) == (400, "unauthorized_client")
    assert (await desk.app.call("PUT", party.path, desk.creator, json={})).status == 200
    await party.approved()
    assert [await alive(desk.app, token) for token in tokens] == [False] * 3
    assert await alive(desk.app, await party.machine_token())


async def test_f09_nothing_works_before_approval(desk: Desk) -> None:
    party = await desk.party()
    asked = {"response_type": "code", "client_id": party.document["identifier"], "redirect_uri": CALLBACK}
    page = await Visitor(desk.app).open(AUTHORIZE, **asked, scope="read")
    assert (page.status, "Location" in page.headers) == (403, False)
    for form in ({"grant_type": CLIENT_CREDENTIALS}, {"grant_type": AUTHORIZATION_CODE, "code": "x"}):
        assert error(await party.ask(**form)) == (400, "unauthorized_client")
        assert error(await party.ask(**form, client_secret="x")) == (401, "invalid_client")
    await party.approved()
    assert (await Visitor(desk.app).open(AUTHORIZE, **asked, scope="read")).status == 303
    assert await party.machine_token()


async def test_f09_an_approval_is_for_a_year_unless_told(desk: Desk) -> None:
    shown = await (await (await desk.party()).approved()).present()
    assert shown["status"] == "effective"
    until, decided = (datetime.fromisoformat(shown[name]) for name in ("expires_at", "decided_at"))
    assert (until.year, until.month, until.hour, until.second) == (
        decided.year + 1,
        decided.month,
        decided.hour,
        decided.second,
    )
    soon = "2031-01-31T12:00:00+08:00"
    shown = await (await (await desk.party()).approved(expires_at=soon)).present()
    assert datetime.fromisoformat(shown["expires_at"]) == datetime(2031, 1, 31, 4, 0, tzinfo=UTC)


async def test_f10_a_front_end_may_send_its_token_in_a_header_of_its_own(desk: Desk) -> None:
    party = await desk.party()
    reply = await desk.app.call("GET", party.path, "", headers={TOKEN_HEADER: desk.creator})
    assert (reply.status, reply.json["id"]) == (200, party.id)
    approved = await desk.app.call("POST", f"{party.path}/approve", "", headers={TOKEN_HEADER: desk.approver})
    assert (approved.status, approved.json["status"]) == (200, "effective")


@pytest.mark.parametrize("token", ["", "mun_at_nobody", "a b", "Bearer x"])
async def test_f10_what_stands_there_has_to_be_a_token(desk: Desk, token: str) -> None:
    reply = await desk.app.call("GET", PATH, "", headers={TOKEN_HEADER: token})
    assert refused(reply) == ((401, "invalid_token") if token == "mun_at_nobody" else (400, "invalid_request"))


async def test_f10_a_token_stands_in_one_header_only(desk: Desk) -> None:
    both = await desk.app.call("GET", PATH, desk.creator, headers={TOKEN_HEADER: desk.creator})
    assert refused(both) == (400, "invalid_request")
    twice = [(TOKEN_HEADER, desk.creator), (TOKEN_HEADER, desk.creator)]
    async with desk.app.client.get(PATH, headers=twice) as response:
        assert response.status == 400


async def test_f10_only_the_doors_to_third_parties_know_that_header(desk: Desk) -> None:
    reply = await desk.app.call("GET", "/api/applications", "", headers={TOKEN_HEADER: desk.creator})
    assert refused(reply) == (401, "unauthenticated")


async def test_f10_the_system_that_is_named_is_the_callers_own(desk: Desk) -> None:
    other = await desk.app.organization("Other")
    for sent in ({TOKEN_HEADER: desk.creator}, {"Authorization": f"Bearer {desk.creator}"}):
        for system, status in ((desk.organization, 200), (other, 400), ("1", 400), ("", 400)):
            reply = await desk.app.call("GET", PATH, "", headers={**sent, SYSTEM_HEADER: system})
            assert reply.status == status, (system, reply.text)


async def test_f10_the_grant_by_password_has_two_names(desk: Desk) -> None:
    party, person = await (await desk.party()).approved(trusted=True), await desk.person()
    for name in ("password_credentials", "PASSWORD_CREDENTIALS", "password"):
        reply = await party.ask(grant_type=name, username=person.username, password=SECRET)
        assert reply.status == 200, reply.text


async def test_f11_who_accepts_comes_back_with_a_code_and_who_refuses_with_an_error(desk: Desk) -> None:
    party, person = await (await desk.party()).approved(), await desk.person()
    visitor, page = await party.asked_for_consent(person)
    assert page.status == 200
    refusal = (await visitor.submit(page.form, decision="deny")).away
    assert told(refusal)["error"] == "access_denied"
    visitor, page = await party.asked_for_consent(person)
    assert told((await visitor.submit(page.form, decision="allow")).away)["code"].startswith("mun_ac_")


async def test_f11_the_scope_read_lets_it_read_the_profile_and_nothing_else(desk: Desk) -> None:
    party, person = await (await desk.party(scope_kinds=["sso"])).approved(), await desk.person()
    _, page = await party.asked_for_consent(person, scope="read")
    assert "See your profile" in page.text
    assert "e-mail" not in page.text
    reply = await party.ask(grant_type=AUTHORIZATION_CODE, code=await party.code(person), redirect_uri=CALLBACK)
    assert (reply.json["scope"], reply.json["info"]["name"]) == ("profile", "Ada Lovelace")
    assert "email" not in reply.json["info"]
    again = await party.ask(grant_type=REFRESH_TOKEN, refresh_token=reply.json["refresh_token"], scope="read")
    assert (again.status, again.json["scope"]) == (200, "profile")


async def test_f11_a_third_party_that_was_granted_read_means_that(desk: Desk) -> None:
    party, person = await (await desk.party()).approved(), await desk.person()
    files = "https://files.test"
    asked = {"application": party.id, "audience": files, "scope": ["read"]}
    grant = await desk.app.made("/api/grants", asked, desk.creator)
    assert (await desk.app.call("POST", f"/api/grants/{grant['id']}/approve", desk.approver)).status == 200
    code = await party.code(person, scope="read", resource=files)
    reply = await party.ask(grant_type=AUTHORIZATION_CODE, code=code, redirect_uri=CALLBACK)
    assert reply.json["scope"] == "read"
    assert claims(reply.json["access_token"])["aud"] == files


async def test_f11_nobody_is_sent_to_an_address_that_is_not_registered(desk: Desk) -> None:
    party = await (await desk.party()).approved()
    asked = {"response_type": "code", "client_id": party.document["identifier"], "scope": "read"}
    for address in (f"{CALLBACK}/", "https://shop.example.com", "https://evil.example"):
        page = await Visitor(desk.app).open(AUTHORIZE, **asked, redirect_uri=address)
        assert (page.status, "Location" in page.headers) == (400, False)


async def test_f12_a_person_signs_in_and_is_asked_for_consent(desk: Desk) -> None:
    party, person = await (await desk.party(name="商店")).approved(), await desk.person()
    visitor, page = await party.asked_for_consent(person)
    assert page.title == "Allow 商店 to use your account?"
    assert page.form.buttons == [("decision", "allow"), ("decision", "deny")]
    answer = told((await visitor.submit(page.form, decision="allow")).away)
    assert answer.keys() == {"code", "iss"}, "no state, since none was sent"
    _, page = await party.asked_for_consent(await desk.person(), state="s1")
    assert page.status == 200


@pytest.mark.parametrize("path", [TOKEN, SHORT_TOKEN])
@pytest.mark.parametrize("grant_type", ["authorization_code", "AUTHORIZATION_CODE"])
async def test_f13_a_code_is_exchanged_by_a_query(desk: Desk, path: str, grant_type: str) -> None:
    party, person = await (await desk.party()).approved(), await desk.person()
    asked = {**party.credentials, "grant_type": grant_type, "code": await party.code(person), "redirect_uri": CALLBACK}
    reply = await desk.app.call("POST", queried(path, **asked), "")
    assert reply.status == 200, reply.text
    assert error(await desk.app.call("POST", queried(path, **asked), "")) == (400, "invalid_grant"), "once"
    assert (await desk.app.call("GET", queried(path, **asked), "")).status == 405


async def test_f13_with_the_same_address_and_the_secret(desk: Desk) -> None:
    party, person = await (await desk.party(redirect_uris=[CALLBACK, f"{CALLBACK}2"])).approved(), await desk.person()
    code = await party.code(person)
    form = {"grant_type": AUTHORIZATION_CODE, "code": code}
    assert error(await party.ask(**form, redirect_uri=CALLBACK, client_secret="x")) == (401, "invalid_client")
    assert error(await party.ask(**form, redirect_uri=CALLBACK, client_secret="")) == (401, "invalid_client")
    assert error(await party.ask(**form, redirect_uri=f"{CALLBACK}2")) == (400, "invalid_grant")
    assert error(await party.ask(**form)) == (400, "invalid_grant")
    assert (await party.ask(**form, redirect_uri=CALLBACK)).status == 200


async def test_f14_the_answer_tells_whom_the_token_is_for(desk: Desk) -> None:
    party, person = await (await desk.party()).approved(), await desk.person()
    code = await party.code(person, scope="read email")
    reply = await party.ask(grant_type=AUTHORIZATION_CODE, code=code, redirect_uri=CALLBACK)
    answer = reply.json
    assert answer.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope", "uid", "info"}
    assert (answer["token_type"], answer["uid"], answer["scope"]) == ("bearer", person.id, "profile email")
    assert (answer["info"]["name"], answer["info"]["email"]) == ("Ada Lovelace", person.email)
    assert answer["info"]["preferred_username"] == person.username
    assert reply.headers["Cache-Control"] == "no-store"


async def test_f14_the_thirty_days_are_those_of_the_refresh_token(desk: Desk) -> None:
    party, person = await (await desk.party()).approved(), await desk.person()
    reply = await party.ask(grant_type=AUTHORIZATION_CODE, code=await party.code(person), redirect_uri=CALLBACK)
    assert reply.json["expires_in"] == 300
    application = await desk.app.call("GET", f"/api/applications/{party.id}", desk.creator)
    assert application.json["refresh_token_lifetime"] == MONTH
    again = await party.ask(grant_type=REFRESH_TOKEN, refresh_token=reply.json["refresh_token"])
    assert (again.status, again.json["uid"], again.json["token_type"]) == (200, person.id, "bearer")


@pytest.mark.parametrize("path", [TOKEN, SHORT_TOKEN])
async def test_f15_a_trusted_third_party_asks_with_a_password_and_no_secret(desk: Desk, path: str) -> None:
    party, person = await (await desk.party()).approved(trusted=True), await desk.person()
    asked = {"grant_type": "password", "username": person.username, "password": SECRET}
    reply = await desk.app.call("POST", queried(path, **asked, client_id=party.document["identifier"]), "")
    assert reply.status == 200, reply.text
    assert (reply.json["uid"], reply.json["info"]["email"]) == (person.id, person.email)
    again = await party.ask(
        path=path, client_secret="", grant_type="refresh_token", refresh_token=reply.json["refresh_token"]
    )
    assert (again.status, again.json["uid"]) == (200, person.id)


async def test_f15_but_what_a_code_was_exchanged_for_is_renewed_with_the_secret_alone(desk: Desk) -> None:
    party, person = await (await desk.party()).approved(trusted=True), await desk.person()
    reply = await party.ask(grant_type=AUTHORIZATION_CODE, code=await party.code(person), redirect_uri=CALLBACK)
    renewal = {"grant_type": REFRESH_TOKEN, "refresh_token": reply.json["refresh_token"]}
    assert error(await party.ask(**renewal, client_secret="")) == (401, "invalid_client")
    assert (await party.ask(**renewal)).status == 200


async def test_f15_nobody_else_asks_without_a_secret(desk: Desk) -> None:
    person = await desk.person()
    form = {"grant_type": PASSWORD, "username": person.username, "password": SECRET, "client_secret": ""}
    untrusted = await (await desk.party()).approved()
    for party in (await desk.party(), untrusted, await (await desk.party(grant_types=["code"])).approved(trusted=True)):
        assert error(await party.ask(**form)) == (401, "invalid_client")
    trusted = await (await desk.party()).approved(trusted=True)
    assert error(await trusted.ask(path="/oauth2/token", **form)) == (401, "invalid_client")
    assert error(await trusted.ask(**form | {"grant_type": CLIENT_CREDENTIALS})) == (401, "invalid_client")
    own = await desk.app.application(
        organization=desk.organization, kind="web", trusted=True, grant_types=[PASSWORD], audiences=[]
    )
    reply = await desk.app.call("POST", TOKEN, "", data={**form, "client_id": own["client_id"]})
    assert error(reply) == (401, "invalid_client")


async def test_f15_a_third_party_that_is_not_trusted_takes_no_passwords(desk: Desk) -> None:
    party, person = await (await desk.party()).approved(), await desk.person()
    reply = await party.ask(grant_type=PASSWORD, username=person.username, password=SECRET)
    assert error(reply) == (400, "unauthorized_client")


@pytest.mark.parametrize(("decision", "answer"), [("rename", 200), ("reject", 400)])
async def test_f15_what_is_decided_meanwhile_counts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, decision: str, answer: int
) -> None:
    party, person = await (await desk.party()).approved(trusted=True), await desk.person()
    sign_in = type(desk.app.parts.sign_in)
    check, tried = sign_in.check, []

    async def overtaken(self: Any, **told: Any) -> Any:
        proof = await check(self, **told)
        if not tried:
            await renamed() if decision == "rename" else await party.rejected()
        tried.append(told["shared"])
        return proof

    async def renamed() -> None:
        path = f"/api/applications/{party.id}"
        assert (await desk.app.call("PATCH", path, desk.approver, json={"name": "Renamed"})).status == 200

    monkeypatch.setattr(sign_in, "check", overtaken)
    form = {"grant_type": PASSWORD, "username": person.username, "password": SECRET, "client_secret": ""}
    reply = await party.ask(**form)
    assert reply.status == answer, reply.text
    assert answer == 200 or reply.json["error"] == "unauthorized_client"
    assert tried == [False] * (2 if decision == "rename" else 1), "whoever proves nothing counts by address"


@pytest.mark.parametrize(
    ("scope", "granted"), [("read", "profile"), ("read email read", "profile email"), ("profile read", "profile")]
)
async def test_f15_the_scope_read_is_the_profile_here_too(desk: Desk, scope: str, granted: str) -> None:
    party, person = await (await desk.party()).approved(trusted=True), await desk.person()
    reply = await party.ask(grant_type=PASSWORD, username=person.username, password=SECRET, scope=scope)
    assert (reply.status, reply.json["scope"]) == (200, granted)
    assert error(await party.ask(grant_type=CLIENT_CREDENTIALS, scope=scope)) == (400, "invalid_scope")


async def test_f15_those_who_come_without_its_secret_do_not_use_up_its_rate(desk: Desk) -> None:
    party = await (await desk.party()).approved(trusted=True)
    path, limit = f"/api/applications/{party.id}", {"rate_limit": 2}
    assert (await desk.app.call("PATCH", path, desk.approver, json=limit)).status == 200
    guess = {"grant_type": PASSWORD, "username": "nobody", "password": "x", "client_secret": ""}
    assert [(await party.ask(**guess)).status for _ in range(3)] == [400, 400, 429]
    assert await party.machine_token()


async def test_f15_passwords_are_tried_a_few_times_only(desk: Desk) -> None:
    party, person = await (await desk.party()).approved(trusted=True), await desk.person()
    form = {"grant_type": PASSWORD, "username": person.username, "client_secret": ""}
    replies = [await party.ask(**form, password="wrong") for _ in range(6)]
    assert [error(reply) for reply in replies] == [(400, "invalid_grant")] * 5 + [(429, "slow_down")]


@pytest.mark.parametrize("path", [TOKEN, SHORT_TOKEN])
async def test_f16_a_program_has_a_token_that_is_nobodys(desk: Desk, path: str) -> None:
    party = await (await desk.party()).approved()
    asked = {"grant_type": "client_credentials", **party.credentials}
    reply = await desk.app.call("POST", queried(path, **asked), "")
    assert reply.status == 200, reply.text
    assert reply.json.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert claims(reply.json["access_token"])["sub"] == party.document["identifier"]


async def test_f16_every_row_has_a_test() -> None:
    named = {name.removeprefix("test_")[:3] for name in globals() if name.startswith("test_f")}
    assert named == {f"f{row:02}" for row in range(1, 17)}

"""Rows 21 to 23: the factors of a person are listed, added, removed and checked, as spec/logto.md section 10 has it."""

from __future__ import annotations

import asyncio
import base64
import re
from datetime import timedelta
from uuid import uuid4

import pyotp
import pytest
import pytest_asyncio

from tests.service.doors.account_settings.given import a_place, a_strong_person, unique

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CODES = [f"{n:09x}A" for n in range(10)]
STEP = timedelta(seconds=30)
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
TOTP, BACKUP = {"type": "Totp"}, {"type": "BackupCode"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def place(app):
    return await a_place(app, "read_user", "write_user")


@pytest_asyncio.fixture(loop_scope="module")
async def ada(place):
    """The path of somebody's factors."""
    return f"/{(await place.person(name='Ada Lovelace', username=unique()))['id']}/mfa-verifications"


async def added(place, path, **body):
    reply = await place.call("POST", path, body)
    assert reply.status == 200, reply.text
    return reply.json


async def listed(place, path):
    reply = await place.call("GET", path)
    assert reply.status == 200, reply.text
    return reply.json


async def test_row21_the_factors_of_a_person_are_listed_without_what_they_are_made_of(place, ada):
    assert await listed(place, ada) == []
    app, codes = await added(place, ada, **TOTP), await added(place, ada, **BACKUP)
    [one, other] = await listed(place, ada)
    assert (set(one), one["type"]) == ({"id", "type", "createdAt"}, "Totp")
    assert (set(other), other["type"]) == ({"id", "type", "createdAt", "remainCodes"}, "BackupCode")
    assert other["remainCodes"] == 10
    assert all(ISO.fullmatch(factor["createdAt"]) for factor in (one, other))
    text = (await place.call("GET", ada)).text
    assert not any(secret in text for secret in (app["secret"], *codes["codes"]))


async def test_row21_how_much_is_left_and_when_it_was_used_is_told(place, ada):
    await added(place, ada, **TOTP, secret=SECRET)
    codes = (await added(place, ada, **BACKUP))["codes"]
    for code in codes[:3]:
        assert (await place.call("POST", f"{ada}/verify", {**BACKUP, "code": code})).status == 204
    app, left = await listed(place, ada)
    assert "lastUsedAt" not in app
    assert left["remainCodes"] == 7
    assert ISO.fullmatch(left["lastUsedAt"])


async def test_row21_of_nobody_nothing_is_listed(place):
    for user in (uuid4(), "nobody"):
        assert await place.refused("GET", f"/{user}/mfa-verifications") == (404, "entity.not_found")


async def test_row22_an_app_is_added_with_a_secret_of_ours(place, ada):
    told = await added(place, ada, **TOTP)
    assert set(told) == {"type", "secret", "secretQrCode"}
    assert told["type"] == "Totp"
    assert len(base64.b32decode(told["secret"])) == 20
    kind, _, data = told["secretQrCode"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")
    code = pyotp.TOTP(told["secret"]).at(place.app.parts.clock.now())
    assert (await place.call("POST", f"{ada}/verify", {**TOTP, "code": code})).status == 204


async def test_row22_the_qr_code_names_host_and_account(place, ada, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "service.doors.account_settings.mfa.one_time.image", lambda uri: drawn.append(uri) or "data:image/png;base64,"
    )
    reply = await place.call("POST", ada, TOTP, headers={"Host": "evil.example"})
    assert reply.status == 200, reply.text
    read = pyotp.parse_uri(drawn[-1])
    assert (read.issuer, read.name, read.secret) == ("muniment.test", "Ada Lovelace", reply.json["secret"])
    assert (read.interval, read.digits) == (30, 6)


@pytest.mark.parametrize("secret", [SECRET, "A" * 16, "ABCDEFGHAB======"])
async def test_row22_an_app_is_added_with_a_secret_of_its_own(place, ada, secret):
    assert (await added(place, ada, **TOTP, secret=secret))["secret"] == secret


@pytest.mark.parametrize(
    "secret", ["", "A" * 8, "A" * 40, "a" * 16, "A" * 15 + "1", "A" * 17, "ABCDEFGHABCDEF==", "\u0410" * 16]
)
async def test_row22_a_secret_that_is_none_is_refused_the_empty_one_too(place, ada, secret):
    assert await place.refused("POST", ada, {**TOTP, "secret": secret}) == (422, "user.totp_secret_invalid")
    assert await listed(place, ada) == []


async def test_row22_a_person_has_one_app(place, ada):
    await added(place, ada, **TOTP)
    for body in (TOTP, {**TOTP, "secret": ""}):
        assert await place.refused("POST", ada, body) == (422, "user.totp_already_in_use")


async def test_row22_of_two_apps_at_once_one_is_added(place, ada):
    replies = await asyncio.gather(*(place.call("POST", ada, TOTP) for _ in range(2)))
    assert sorted(reply.status for reply in replies) == [200, 422]
    assert len(await listed(place, ada)) == 1


async def test_row22_backup_codes_are_added_beside_an_app(place, ada):
    assert await place.refused("POST", ada, BACKUP) == (422, "session.mfa.backup_code_can_not_be_alone")
    await added(place, ada, **TOTP)
    told = await added(place, ada, **BACKUP)
    assert set(told) == {"type", "codes"}
    assert all(re.fullmatch(r"[0-9a-f]{10}", code) for code in told["codes"])
    assert len(set(told["codes"])) == 10
    for body in (BACKUP, {**BACKUP, "codes": ["x"]}):
        assert await place.refused("POST", ada, body) == (422, "user.backup_code_already_in_use")


async def test_row22_backup_codes_may_be_brought_along(place, ada):
    await added(place, ada, **TOTP)
    assert await added(place, ada, **BACKUP, codes=CODES) == {"type": "BackupCode", "codes": CODES}
    assert (await place.call("POST", f"{ada}/verify", {**BACKUP, "code": CODES[0].lower()})).status == 204


@pytest.mark.parametrize(
    "codes",
    [[], CODES[:9], [*CODES, "0123456789"], [*CODES[:9], "012345678"], [*CODES[:9], "012345678g"], CODES[:1] * 10],
)
async def test_row22_backup_codes_are_ten_of_ten_hex_digits(place, ada, codes):
    assert await place.refused("POST", ada, {**BACKUP, "codes": codes}) == (
        422, "session.mfa.backup_code_can_not_be_alone",
    )  # fmt: skip
    await added(place, ada, **TOTP)
    assert await place.refused("POST", ada, {**BACKUP, "codes": codes}) == (422, "user.wrong_backup_code_format")


async def test_row22_a_new_set_is_added_beside_one_that_is_used_up(place, ada):
    await added(place, ada, **TOTP)
    for code in (await added(place, ada, **BACKUP))["codes"]:
        assert (await place.call("POST", f"{ada}/verify", {**BACKUP, "code": code})).status == 204
    await added(place, ada, **BACKUP)
    assert [factor.get("remainCodes") for factor in await listed(place, ada)] == [None, 0, 10]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"type": "WebAuthn"}, {"type": "EmailVerificationCode"}, {"type": "totp"}, {"type": None},
        {**TOTP, "secret": 7}, {**BACKUP, "codes": "x"}, {**BACKUP, "codes": [1]}, {**BACKUP, "codes": ["a"] * 101},
    ],
)  # fmt: skip
async def test_row22_any_other_factor_is_no_input(place, ada, body):
    assert await place.refused("POST", ada, body) == (400, "guard.invalid_input")
    assert await place.refused("POST", f"/{uuid4()}/mfa-verifications", body) == (400, "guard.invalid_input")


async def test_row22_nobody_gets_no_factor(place):
    for body in (TOTP, BACKUP, {**TOTP, "secret": ""}):
        assert await place.refused("POST", f"/{uuid4()}/mfa-verifications", body) == (404, "entity.not_found")


async def test_row22_the_same_request_again_has_the_same_answer(place, ada):
    headers = {"Idempotency-Key": uuid4().hex}
    first, again = [await place.call("POST", ada, TOTP, headers=headers) for _ in range(2)]
    assert first.status == again.status == 200
    assert first.json == again.json


async def test_row22_whoever_holds_less_than_somebodys_roles_adds_and_removes_nothing(app, place):
    boss = await a_place(app)
    strong = f"/{(await a_strong_person(boss))['id']}/mfa-verifications"
    await added(boss, strong, **TOTP)
    [factor] = await listed(boss, strong)
    weak = await app.manager(boss.organization, "read_user", "write_user")
    assert await boss.refused("POST", strong, BACKUP, token=weak) == (403, "auth.forbidden")
    assert await boss.refused("DELETE", f"{strong}/{factor['id']}", token=weak) == (403, "auth.forbidden")
    assert (await boss.call("GET", strong, token=weak)).json == [factor]


async def test_row23_a_factor_is_removed_once(place, ada):
    await added(place, ada, **TOTP)
    [factor] = await listed(place, ada)
    reply = await place.call("DELETE", f"{ada}/{factor['id']}")
    assert (reply.status, reply.text, reply.headers.get("Content-Type")) == (204, "", None)
    assert await listed(place, ada) == []
    assert await place.refused("DELETE", f"{ada}/{factor['id']}") == (404, "entity.not_found")
    await added(place, ada, **TOTP)


async def test_row23_backup_codes_stay_when_the_app_goes(place, ada):
    await added(place, ada, **TOTP)
    await added(place, ada, **BACKUP)
    app, codes = await listed(place, ada)
    assert (await place.call("DELETE", f"{ada}/{app['id']}")).status == 204
    assert await listed(place, ada) == [codes]
    assert (await place.call("DELETE", f"{ada}/{codes['id']}")).status == 204


async def test_row23_anothers_factor_and_an_unknown_one_are_not_there(place, ada):
    await added(place, ada, **TOTP)
    [factor] = await listed(place, ada)
    other = (await place.person(username=unique()))["id"]
    for path in (f"/{other}/mfa-verifications/{factor['id']}", f"{ada}/{uuid4()}", f"{ada}/verify",
                 f"/{uuid4()}/mfa-verifications/{factor['id']}"):  # fmt: skip
        assert await place.refused("DELETE", path) == (404, "entity.not_found")
    assert await listed(place, ada) == [factor]


async def test_rows21_to_23_another_organizations_people_are_unknown(app, place, ada):
    await added(place, ada, **TOTP)
    [factor] = await listed(place, ada)
    elsewhere = await a_place(app)
    for method, path, body in [
        ("GET", ada, None), ("POST", ada, BACKUP), ("DELETE", f"{ada}/{factor['id']}", None),
        ("POST", f"{ada}/verify", {**TOTP, "code": "000000"}),
    ]:  # fmt: skip
        assert await elsewhere.refused(method, path, body) == (404, "entity.not_found")


async def test_rows21_to_23_reading_and_writing_are_told_apart(app, place, ada):
    reader = await app.manager(place.organization, "read_user")
    writer = await app.manager(place.organization, "write_user")
    assert (await place.call("GET", ada, token=reader)).status == 200
    assert await place.refused("GET", ada, token=writer) == (403, "auth.forbidden")
    for method, path, body in [
        ("POST", ada, TOTP), ("DELETE", f"{ada}/{uuid4()}", None), ("POST", f"{ada}/verify", {**TOTP, "code": "1"}),
    ]:  # fmt: skip
        assert await place.refused(method, path, body, token=reader) == (403, "auth.forbidden")
    assert (await place.call("POST", ada, TOTP, token=writer)).status == 200


async def test_a_code_is_checked_and_used_thereby(place, ada):
    await added(place, ada, **TOTP, secret=SECRET)
    code = pyotp.TOTP(SECRET).at(place.app.parts.clock.now())
    reply = await place.call("POST", f"{ada}/verify", {**TOTP, "code": code})
    assert (reply.status, reply.text) == (204, "")
    assert "Muniment-Position" in reply.headers
    for typed in (code, "", "12345", "abcdef"):
        answer = await place.refused("POST", f"{ada}/verify", {**TOTP, "code": typed})
        assert answer == ((422, "session.mfa.invalid_totp_code") if typed else (400, "guard.invalid_input"))
    answer = await place.refused("POST", f"{ada}/verify", {**BACKUP, "code": "0" * 10})
    assert answer == (422, "session.mfa.invalid_backup_code")


async def test_of_one_code_in_ten_requests_at_once_one_counts(place, ada):
    await added(place, ada, **TOTP, secret=SECRET)
    code = pyotp.TOTP(SECRET).at(place.app.parts.clock.now())
    replies = await asyncio.gather(*(place.call("POST", f"{ada}/verify", {**TOTP, "code": code}) for _ in range(10)))
    assert sorted(reply.status for reply in replies) == [204] + [422] * 9


async def test_guesses_are_few_and_at_once_too(place, ada):
    await added(place, ada, **TOTP, secret=SECRET)
    wrong = {**TOTP, "code": "nonono"}
    replies = await asyncio.gather(*(place.call("POST", f"{ada}/verify", wrong) for _ in range(14)))
    assert sorted(reply.status for reply in replies) == [422] * 10 + [429] * 4
    [one, *_] = [reply for reply in replies if reply.status == 429]
    assert int(one.headers["Retry-After"]) > 0
    code = pyotp.TOTP(SECRET).at(place.app.parts.clock.now())
    assert (await place.call("POST", f"{ada}/verify", {**TOTP, "code": code})).status == 429, "the right one, too"


async def test_what_is_left_out_of_the_log_and_the_refusals(place, ada):
    secret, codes = (await added(place, ada, **TOTP))["secret"], (await added(place, ada, **BACKUP))["codes"]
    await place.refused("POST", f"{ada}/verify", {**BACKUP, "code": "feedc0ffee"})
    told = str(await place.app.refusals()) + str(await place.app.events())
    assert "factor.added" in told
    assert not any(text in told for text in (secret, "feedc0ffee", *codes))

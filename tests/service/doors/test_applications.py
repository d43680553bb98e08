from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.app_fixture import AUDIENCE

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEMBERS = {
    "id", "organization", "client_id", "kind", "status", "name", "permissions", "audiences", "token_format",
    "access_token_lifetime", "key_set", "rate_limit", "redirect_uris", "use_system_mfa_config", "require_email_mfa",
    "require_otp_mfa", "require_sms_mfa", "allow_email_mfa_as_backup", "grant_types", "trusted",
    "refresh_token_lifetime", "refresh_grace", "post_logout_redirect_uris", "backchannel_logout_uri",
    "end_user_from", "standing", "effective_until", "created_at", "updated_at",
}  # fmt: skip
KEY = {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
       "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}  # fmt: skip


async def test_an_application_is_registered_with_secrets_that_are_shown_once(app):
    reply = await app.call(
        "POST",
        "/api/applications",
        json={
            "name": "Ledger",
            "kind": "machine",
            "client_id": "ledger",
            "permissions": ["write_user", "read_user"],
            "audiences": [AUDIENCE],
            "token_format": "opaque",
            "access_token_lifetime": 600,
            "key_set": {"keys": [KEY]},
            "rate_limit": 100,
            "secrets": [{"name": "blue"}, {"name": "green", "expires_at": "2099-01-01T00:00:00+02:00"}],
        },
    )
    assert reply.status == 201
    made = reply.json
    secrets = made.pop("secrets")
    assert set(made) == MEMBERS
    assert made["client_id"] == "ledger"
    assert made["permissions"] == ["read_user", "write_user"]
    assert made["key_set"] == {"keys": [KEY]}
    assert [one["name"] for one in secrets] == ["blue", "green"]
    assert [one["expires_at"] for one in secrets] == [None, "2098-12-31T22:00:00Z"]

    read = await app.call("GET", f"/api/applications/{made['id']}")
    assert read.json == made
    listed = (await app.call("GET", f"/api/applications/{made['id']}/secrets")).json
    assert listed["next"] is None
    assert [set(one) for one in listed["items"]] == [{"id", "name", "hint", "expires_at", "created_at"}] * 2
    everything = read.text + str(listed) + str(await app.events(stream=made["id"]))
    for one in secrets:
        assert one["hint"] == one["secret"][-4:]
        assert one["secret"] not in everything
        assert await app.token("ledger", one["secret"])


async def test_defaults_follow_the_kind_and_the_client_id_is_the_id(app):
    for kind, lifetime in (("machine", 3600), ("web", 300), ("spa", 300), ("native", 300)):
        made = await app.made("/api/applications", {"name": kind, "kind": kind})
        assert (made["access_token_lifetime"], made["client_id"], made["secrets"]) == (lifetime, made["id"], [])


async def test_settings_change_one_by_one(app):
    made = await app.application(key_set={"keys": [KEY]}, rate_limit=5)
    made.pop("secrets")
    path = f"/api/applications/{made['id']}"
    for change in (
        {"name": "Grüße 🌍"},
        {"permissions": ["read_app"]},
        {"audiences": []},
        {"token_format": "opaque"},
        {"access_token_lifetime": 60},
        {"key_set": None},
        {"rate_limit": None},
    ):
        reply = await app.call("PATCH", path, json=change)
        assert reply.status == 200, reply.text
        made = {**made, **change, "updated_at": reply.json["updated_at"]}
        assert reply.json == made == (await app.call("GET", path)).json
    assert (await app.call("PATCH", path, json={"access_token_lifetime": None})).json["access_token_lifetime"] == 3600


async def test_what_people_sign_in_by_is_decided_at_registration_and_later(app):
    chosen = {
        "grant_types": ["authorization_code", "refresh_token", "password"],
        "trusted": True,
        "refresh_token_lifetime": 3600,
        "refresh_grace": 10,
        "post_logout_redirect_uris": ["https://web.test/bye"],
        "backchannel_logout_uri": "https://web.test/logout",
        "end_user_from": "header:appuserID",
    }
    made = await app.application(kind="web", **chosen)
    assert {name: made[name] for name in chosen} == chosen
    path = f"/api/applications/{made['id']}"
    kept = {
        "grant_types": [],
        "trusted": False,
        "refresh_token_lifetime": 2_592_000,
        "refresh_grace": 0,
        "post_logout_redirect_uris": [],
        "backchannel_logout_uri": None,
        "end_user_from": None,
    }
    for name, value in kept.items():
        reply = await app.call("PATCH", path, json={name: value})
        assert reply.status == 200, reply.text
        chosen[name] = value
        assert {name: reply.json[name] for name in chosen} == chosen
    plain = await app.made("/api/applications", {"name": "plain", "kind": "web"})
    assert {name: plain[name] for name in kept} == kept


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": ""}, "invalid_name"),
        ({"name": "x" * 129}, "invalid_name"),
        ({"name": "a\tb"}, "invalid_name"),
        ({"name": "safe\u202eevas"}, "invalid_name"),
        ({"permissions": ["a b"]}, "invalid_scope"),
        ({"audiences": ["https://a.test/#f"]}, "invalid_audience"),
        ({"audiences": [f"a{n}" for n in range(101)]}, "too_many"),
        ({"access_token_lifetime": 59}, "invalid_lifetime"),
        ({"access_token_lifetime": 86401}, "invalid_lifetime"),
        ({"rate_limit": 0}, "invalid_limit"),
        ({"grant_types": ["authorization_code"]}, "invalid_grant_type"),
        ({"grant_types": ["implicit"]}, "invalid_grant_type"),
        ({"grant_types": None}, "invalid_body"),
        ({"refresh_token_lifetime": 59}, "invalid_lifetime"),
        ({"refresh_grace": 61}, "invalid_lifetime"),
        ({"refresh_grace": 10**30}, "invalid_lifetime"),
        ({"trusted": "true"}, "invalid_body"),
        ({"post_logout_redirect_uris": ["http://web.test/"]}, "invalid_redirect_uri"),
        ({"backchannel_logout_uri": "http://web.test/"}, "invalid_redirect_uri"),
        ({"backchannel_logout_uri": ""}, "invalid_redirect_uri"),
        ({"end_user_from": ""}, "invalid_end_user_source"),
        ({"end_user_from": "cookie:id"}, "invalid_end_user_source"),
        ({"end_user_from": "header:Authorization"}, "invalid_end_user_source"),
        ({"end_user_from": "form:client_secret"}, "invalid_end_user_source"),
        ({"key_set": {}}, "invalid_key_set"),
        ({"key_set": {"keys": [{**KEY, "d": "secret"}]}}, "invalid_key_set"),
        ({"name": None}, "invalid_body"),
        ({"permissions": None}, "invalid_body"),
        ({"token_format": "jwe"}, "invalid_body"),
        ({"access_token_lifetime": "60"}, "invalid_body"),
        ({"access_token_lifetime": True}, "invalid_body"),
        ({"kind": "web"}, "invalid_body"),
        ({"client_id": "x"}, "invalid_body"),
    ],
)
async def test_settings_that_break_a_rule_are_refused_by_name(app, change, code):
    made = await app.application()
    reply = await app.call("PATCH", f"/api/applications/{made['id']}", json=change)
    assert (reply.status, reply.json["code"]) == (400, code), reply.text
    assert reply.json["errors"][0]["field"] == next(iter(change))


async def test_what_escalates_is_refused(app):
    organization = await app.organization()
    manager = await app.manager(organization, "write_app", "read_app")
    own = (await app.call("GET", "/api/applications", manager)).json["items"][0]
    for permissions, code in ((["root"], "root_required"), (["all"], "missing_permission")):
        body = {"name": "x", "kind": "machine", "permissions": permissions}
        reply = await app.call("POST", "/api/applications", manager, json=body)
        assert (reply.status, reply.json["code"]) == (403, code)
        reply = await app.call("PATCH", f"/api/applications/{own['id']}", manager, json={"permissions": permissions})
        assert (reply.status, reply.json["code"]) == (403, code)
    stronger = await app.application(organization=organization, permissions=["all"])
    reply = await app.call(
        "POST", f"/api/applications/{stronger['id']}/secrets", manager, json={"secrets": [{"name": "mine"}]}
    )
    assert (reply.status, reply.json["code"]) == (403, "missing_permission")


async def test_a_client_id_is_taken_for_ever_and_everywhere(app):
    made = await app.application(client_id="taken")
    await app.call("DELETE", f"/api/applications/{made['id']}")
    body = {"name": "x", "kind": "web", "client_id": "taken", "organization": await app.organization()}
    reply = await app.call("POST", "/api/applications", json=body)
    assert (reply.status, reply.json["code"]) == (409, "client_id_taken")
    for client_id in ("a:b", "", "ü", "x" * 129, "a b"):
        reply = await app.call("POST", "/api/applications", json={**body, "client_id": client_id})
        assert (reply.status, reply.json["code"]) == (400, "invalid_client_id")


async def test_disabling_stops_tokens_at_once_and_enabling_lets_them_work_again(app):
    made = await app.application(permissions=["read_role"])
    path = f"/api/applications/{made['id']}"
    token = await app.token(made["client_id"], made["secrets"][0]["secret"])
    assert (await app.call("GET", "/api/roles", token)).status == 200
    reply = await app.call("POST", f"{path}/disable", json={"reason": "Leaving"})
    assert (reply.status, reply.json["status"]) == (200, "disabled")
    assert (await app.call("GET", "/api/roles", token)).status == 401
    again = await app.call("POST", f"{path}/disable")
    assert again.json == reply.json
    assert (await app.call("POST", f"{path}/enable")).json["status"] == "active"
    assert (await app.call("GET", "/api/roles", token)).status == 200
    assert (await app.call("DELETE", path)).status == 204
    assert (await app.call("GET", "/api/roles", token)).status == 401
    for method, where in (("GET", ""), ("DELETE", ""), ("GET", "/secrets"), ("GET", "/users"), ("POST", "/enable")):
        assert (await app.call(method, path + where)).status == 404


async def test_nobody_disables_or_deletes_themselves(app):
    organization = await app.organization()
    manager = await app.manager(organization)
    own = (await app.call("GET", "/api/applications", manager)).json["items"][0]["id"]
    for method, path in (("POST", f"/api/applications/{own}/disable"), ("DELETE", f"/api/applications/{own}")):
        reply = await app.call(method, path, manager)
        assert (reply.status, reply.json["code"]) == (403, "own_deletion")


async def test_secrets_are_added_together_used_and_retired(app):
    made = await app.application()
    path = f"/api/applications/{made['id']}/secrets"
    reply = await app.call("POST", path, json={"secrets": [{"name": "second"}, {"name": "third"}]})
    assert reply.status == 201
    assert [one["name"] for one in reply.json["secrets"]] == ["second", "third"]
    second, third = reply.json["secrets"]
    await app.token(made["client_id"], second["secret"])
    assert (await app.call("DELETE", f"{path}/{second['id']}")).status == 204
    await app.token(made["client_id"], third["secret"])
    with pytest.raises(AssertionError, match="invalid_client"):
        await app.token(made["client_id"], second["secret"])
    assert [one["name"] for one in (await app.call("GET", path)).json["items"]] == ["first", "third"]
    reply = await app.call("DELETE", f"{path}/{second['id']}")
    assert (reply.status, reply.json["code"]) == (404, "unknown_secret")


async def test_secrets_are_added_all_or_none(app):
    made = await app.application()
    path = f"/api/applications/{made['id']}/secrets"
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    for secrets, status, code in (
        ([{"name": "new"}, {"name": "first"}], 409, "name_taken"),
        ([{"name": "new"}, {"name": "new"}], 409, "name_taken"),
        ([{"name": "new"}, {"name": "x" * 65}], 400, "invalid_name"),
        ([{"name": "new"}, {"name": "old", "expires_at": past}], 400, "invalid_expiry"),
        ([{"name": f"n{n}"} for n in range(20)], 409, "too_many_secrets"),
        ([{"name": f"n{n}"} for n in range(21)], 400, "invalid_body"),
        ([], 400, "invalid_body"),
        ([{"name": "new", "secret": "chosen"}], 400, "invalid_body"),
    ):
        reply = await app.call("POST", path, json={"secrets": secrets})
        assert (reply.status, reply.json["code"]) == (status, code), secrets
    assert [one["name"] for one in (await app.call("GET", path)).json["items"]] == ["first"]
    public = await app.made("/api/applications", {"name": "p", "kind": "spa"})
    reply = await app.call("POST", f"/api/applications/{public['id']}/secrets", json={"secrets": [{"name": "a"}]})
    assert (reply.status, reply.json["code"]) == (403, "wrong_client_kind")


@pytest.mark.parametrize(
    "text",
    [
        "2099-01-01",
        "2099-01-01T00:00:00",
        "2099-01-01 00:00:00Z",
        "2099-02-30T00:00:00Z",
        "2099-01-01T24:00:00Z",
        "2099-01-01T23:59:60Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "4070908800",
        4070908800,
        "tomorrow",
        "\uff12\uff1099-01-01T00:00:00Z",
    ],
)
async def test_a_time_is_written_in_one_way(app, text):
    body = {"name": "x", "kind": "web", "secrets": [{"name": "a", "expires_at": text}]}
    reply = await app.call("POST", "/api/applications", json=body)
    assert (reply.status, reply.json["code"]) == (400, "invalid_body")
    assert reply.json["errors"][0]["field"] == "secrets.0.expires_at"


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2099-06-30T23:30:00-05:30", "2099-07-01T05:00:00Z"),
        ("2099-01-01t00:00:00z", "2099-01-01T00:00:00Z"),
        ("2099-01-01T00:00:00.5+14:00", "2098-12-31T10:00:00.5Z"),
        ("2099-01-01T00:00:00.123456789Z", "2099-01-01T00:00:00.123456Z"),
    ],
)
async def test_a_time_of_any_zone_is_answered_in_utc(app, text, utc):
    made = await app.application(secrets=[{"name": "a", "expires_at": text}])
    shown = made["secrets"][0]["expires_at"]
    assert shown.replace("00.500000Z", "00.5Z") == utc
    listed = (await app.call("GET", f"/api/applications/{made['id']}/secrets")).json["items"]
    assert listed[0]["expires_at"] == shown

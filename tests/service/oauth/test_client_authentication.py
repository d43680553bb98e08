"""How clients prove themselves, and what those learn who cannot: nothing, in the same words and after the same work."""

from __future__ import annotations

import base64
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from domain.application import Application
from domain.caller import SYSTEM
from service.oauth.client_authentication import CHALLENGE, Credentials
from service.oauth.errors import OAuthError
from service.secrets.digests import sha256_hex
from service.store.decision import Origin
from tests.app_fixture import AUDIENCE, ROOT_SECRET, Reply, Running
from tests.service.oauth.asking import GRANT, INTROSPECT, REVOKE, TOKEN, ask, back_end, basic, error

if TYPE_CHECKING:
    from tests.fake_clock import FakeClock

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHANGING = {"x-request-id", "date"}


def told(reply: Reply) -> tuple[int, str, dict[str, str]]:
    """Return all of an answer but what differs at every request."""
    return reply.status, reply.text, {k: v for k, v in reply.headers.items() if k.lower() not in CHANGING}


async def refused_in_every_way(app: Running) -> dict[str, tuple[str, str]]:
    """Return credentials that must all get one answer: who asks cannot tell which of these is the case."""
    retired = await back_end(app)
    await app.call("DELETE", f"/api/applications/{retired.id}/secrets/{retired.document['secrets'][0]['id']}")
    disabled, deleted = await back_end(app), await back_end(app)
    assert (await app.call("POST", f"/api/applications/{disabled.id}/disable", json={})).status == 200
    assert (await app.call("DELETE", f"/api/applications/{deleted.id}")).status == 204
    organization = await app.organization()
    suspended = await back_end(app, organization=organization)
    assert (await app.call("PATCH", f"/api/accounts/{organization}", json={"status": "suspended"})).status == 200
    without = await app.application(secrets=[])
    return {
        "unknown": ("nobody", "x" * 57),
        "wrong": ("root", "x" * 57),
        "empty": ("root", ""),
        "nearly right": ("root", ROOT_SECRET + " "),
        "another's secret": ("root", disabled.secret),
        "retired": (retired.client_id, retired.secret),
        "disabled": (disabled.client_id, disabled.secret),
        "deleted": (deleted.client_id, deleted.secret),
        "suspended": (suspended.client_id, suspended.secret),
        "without any": (without["client_id"], "x"),
        "odd id": ("no body", "x"),
        "long id": ("x" * 129, "x"),
    }


@pytest.mark.parametrize("path", [TOKEN, INTROSPECT, REVOKE])
async def test_who_cannot_prove_itself_gets_one_answer_byte_for_byte(app: Running, path: str) -> None:
    credentials = await refused_in_every_way(app)
    form = {**GRANT, "audience": AUDIENCE, "token": "x"}
    in_body, in_header = set(), set()
    for name, secret in credentials.values():
        reply = await app.call("POST", path, "", data={**form, "client_id": name, "client_secret": secret})
        in_body.add(str(told(reply)))
        reply = await app.call("POST", path, "", data=form, headers=basic(name, secret))
        in_header.add(str(told(reply)))
        assert error(reply) == (401, "invalid_client")
        assert reply.headers["WWW-Authenticate"] == 'Basic realm="muniment", charset="UTF-8"'
        assert reply.headers["Cache-Control"] == "no-store"
    assert len(in_body) == len(in_header) == 1
    assert "WWW-Authenticate" not in in_body.pop()


async def test_an_unknown_client_costs_what_a_wrong_secret_costs(app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    back = await back_end(app)
    queries = app.parts.clients._queries
    ask_the_database, asked = queries._fetch, []

    async def noted(names: list[str]) -> Any:
        asked.append(names)
        return await ask_the_database(names)

    monkeypatch.setattr(queries, "_fetch", noted)
    for name in ("nobody-at-all", back.client_id, back.client_id, "root"):
        asked.clear()
        await ask(app, client_id=name, client_secret="x" * 57)
        assert asked == [[name]]


async def test_two_methods_at_once_are_refused(app: Running) -> None:
    right = basic("root", ROOT_SECRET)
    body = {"client_id": "root", "client_secret": ROOT_SECRET}
    assertion = {"client_assertion": "a.b.c", "client_assertion_type": "x"}
    for headers, form in ((right, body), (right, assertion), ({}, {**body, **assertion})):
        assert error(await ask(app, headers=headers, **form)) == (400, "invalid_request")
    twice = [("Authorization", right["Authorization"])] * 2
    async with app.client.post(TOKEN, data={**GRANT, "audience": AUDIENCE}, headers=twice) as response:
        assert response.status == 400


async def test_a_client_id_beside_basic_must_be_the_same(app: Running) -> None:
    assert (await ask(app, headers=basic("root", ROOT_SECRET), client_id="root")).status == 200
    assert error(await ask(app, headers=basic("root", ROOT_SECRET), client_id="other")) == (400, "invalid_request")


async def test_no_credentials_are_asked_for_by_a_challenge(app: Running) -> None:
    reply = await ask(app)
    assert error(reply) == (401, "invalid_client")
    assert reply.headers["WWW-Authenticate"].startswith("Basic ")
    assert error(await ask(app, client_secret="x")) == (400, "invalid_request")
    assert error(await ask(app, client_id="root")) == (401, "invalid_client")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic cm9vdA==",  # no colon
        "Basic cm9vdDp4, Basic cm9vdDp4",
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"ro%ffot:x").decode(),
        "Basic " + base64.b64encode(b"root\x00:x").decode(),
        "Basic " + base64.b64encode(b":x").decode(),
        "Bearer x",
        "Digest x",
        "Basic\tcm9vdDp4",
        "B\u00e4sic cm9vdDp4",
    ],
)
async def test_a_malformed_header_is_a_failed_authentication(app: Running, header: str) -> None:
    reply = await ask(app, headers={"Authorization": header})
    assert error(reply) == (401, "invalid_client")
    assert reply.headers["WWW-Authenticate"].startswith("Basic ")


async def test_a_secret_is_taken_form_encoded_and_as_curl_sends_it(app: Running) -> None:
    """An operator's own secret may be base64: with a plus, a slash and a percent sign."""
    chosen = "pl+us/per%cent%ff&eq=uals"
    back = await back_end(app)
    await give_secret(app, back.id, chosen)
    for encoded in (True, False):
        reply = await ask(app, headers=basic(back.client_id, chosen, encoded=encoded))
        assert reply.status == 200, (encoded, reply.text)
    assert (await ask(app, client_id=back.client_id, client_secret=chosen)).status == 200
    assert (await ask(app, headers=basic(back.client_id, chosen.replace("+", " "), encoded=False))).status == 401


@pytest.mark.parametrize("kind", ["spa", "native"])
@pytest.mark.parametrize("path", [TOKEN, INTROSPECT])
async def test_a_public_client_may_not_come_here(app: Running, path: str, kind: str) -> None:
    public = await app.application(kind=kind, secrets=[])
    for secret in ({}, {"client_secret": "x"}):
        form = {**GRANT, "audience": AUDIENCE, "token": "x", "client_id": public["client_id"], **secret}
        assert error(await app.call("POST", path, "", data=form)) == (400, "unauthorized_client")


@pytest.mark.parametrize("kind", ["spa", "native"])
async def test_where_public_clients_are_served_they_name_themselves_and_present_nothing(
    app: Running, kind: str
) -> None:
    public = await app.application(kind=kind, secrets=[])
    client_id = public["client_id"]
    authenticate = app.parts.issuer.authenticate
    assert str((await authenticate(Credentials(client_id), public=True)).id) == public["id"]
    for credentials in (
        Credentials(client_id, secret="x"),
        Credentials(client_id, secret="", basic=True),
        Credentials(client_id, assertion="a.b.c"),
        Credentials("nobody"),
        Credentials("root"),
        Credentials((await back_end(app, kind="web")).client_id),
    ):
        with pytest.raises(OAuthError) as refused:
            await authenticate(credentials, public=True)
        assert (refused.value.status, refused.value.error) == (401, "invalid_client")
        assert refused.value.challenge == (CHALLENGE if credentials.basic else None)
    with pytest.raises(OAuthError, match="unauthorized_client"):
        await authenticate(Credentials(client_id))
    assert (await app.call("POST", f"/api/applications/{public['id']}/disable", json={})).status == 200
    with pytest.raises(OAuthError, match="invalid_client"):
        await authenticate(Credentials(client_id), public=True)


async def test_a_client_uses_the_grants_it_names_and_no_other(app: Running) -> None:
    web = await back_end(app, kind="web", grant_types=["client_credentials", "password"], permissions=["read_role"])
    assert (await ask(app, **web.credentials)).status == 200
    client = await app.parts.clients.fresh(web.client_id)
    assert client is not None
    assert client.grant_types == {"client_credentials"}  # it is not trusted with passwords
    machine = await back_end(app, grant_types=["urn:ietf:params:oauth:grant-type:token-exchange"])
    assert error(await ask(app, **machine.credentials)) == (400, "unauthorized_client")
    assert (await app.call("PATCH", f"/api/applications/{web.id}", json={"trusted": True})).status == 200
    client = await app.parts.clients.fresh(web.client_id)
    assert client is not None
    assert (client.may("password"), client.may("refresh_token")) == (True, False)


async def test_a_confidential_client_that_is_no_machine_gets_no_token(app: Running) -> None:
    web = await back_end(app, kind="web")
    assert error(await ask(app, **web.credentials)) == (400, "unauthorized_client")
    assert error(await ask(app, client_id=web.client_id, client_secret="x")) == (401, "invalid_client")


async def test_each_of_several_secrets_proves_the_client_until_it_is_retired(app: Running) -> None:
    back = await back_end(app, secrets=[{"name": "first"}, {"name": "second"}])
    first, second = back.document["secrets"]
    for secret in (first, second):
        assert (await ask(app, client_id=back.client_id, client_secret=secret["secret"])).status == 200
    assert (await app.call("DELETE", f"/api/applications/{back.id}/secrets/{first['id']}")).status in {200, 204}
    assert (await ask(app, client_id=back.client_id, client_secret=first["secret"])).status == 401
    assert (await ask(app, client_id=back.client_id, client_secret=second["secret"])).status == 200


async def test_a_secret_proves_nothing_from_its_expiry_on(timed: tuple[Running, FakeClock]) -> None:
    app, clock = timed
    end = clock.now() + timedelta(minutes=10)
    back = await back_end(app, secrets=[{"name": "first", "expires_at": end.isoformat()}])
    clock.move(timedelta(minutes=10, microseconds=-1))
    assert (await ask(app, **back.credentials)).status == 200
    assert (await app.call("POST", INTROSPECT, "", data={**back.credentials, "token": "x"})).status == 200
    clock.move(timedelta(microseconds=1))
    assert error(await ask(app, **back.credentials)) == (401, "invalid_client")
    assert (await app.call("POST", INTROSPECT, "", data={**back.credentials, "token": "x"})).status == 401


async def test_an_enabled_application_and_a_reinstated_organization_are_served_again(app: Running) -> None:
    organization = await app.organization()
    back = await back_end(app, organization=organization)
    for off, on in (
        ((f"/api/applications/{back.id}/disable", "POST", {}), (f"/api/applications/{back.id}/enable", "POST", {})),
        (
            (f"/api/accounts/{organization}", "PATCH", {"status": "suspended"}),
            (f"/api/accounts/{organization}", "PATCH", {"status": "active"}),
        ),
    ):
        assert (await ask(app, **back.credentials)).status == 200
        for (path, method, body), status in ((off, 401), (on, 200)):
            assert (await app.call(method, path, json=body)).status == 200
            assert (await ask(app, **back.credentials)).status == status


async def give_secret(app: Running, application: str, text: str) -> None:
    """Give an application a secret that somebody chose, as the root application's may be."""
    clock, nobody = app.parts.clock, uuid.UUID(int=0)

    async def command(decision: Any) -> None:
        found = await decision.load(Application, uuid.UUID(application))
        decision.organization = found.organization
        found.add_secret(clock.new_id(), "chosen", sha256_hex(text), text[-4:], None, by=SYSTEM, now=clock.now())
        decision.save(found)

    await app.parts.store.decide(command, Origin(nobody, nobody, None, clock.new_id()))

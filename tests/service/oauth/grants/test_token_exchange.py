"""Token exchange: a client acts in a person's name, visibly, for no longer and with no more than the token it swaps."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from domain.caller import SYSTEM
from domain.grant_types import CLIENT_CREDENTIALS, PASSWORD, REFRESH_TOKEN, TOKEN_EXCHANGE
from domain.token_family import TokenFamily
from service.commands import revocations
from service.secrets.digests import ACCESS_TOKEN, new_secret, sha256_hex
from service.store.log import head
from tests.service.oauth.asking import INTROSPECT, ISSUER, TOKEN, ask, claims, error
from tests.service.oauth.persons import a_person, an_app, credentials, origin, signed_in, suspended
from tests.service.oauth.test_token_path import EVENTS, heard

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.fake_clock import FakeClock
    from tests.service.oauth.asking import Back
    from tests.service.oauth.persons import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")

KIND = "urn:ietf:params:oauth:token-type:access_token"
API, DEEPER = "https://api.test", "https://deeper.test"


class Scene:
    """A person, the token that a front end has of them for an API, and the API's back end, which may exchange it."""

    def __init__(self, app: Running, organization: str, front: Back, back: Back, ada: Person) -> None:
        self.app, self.organization, self.front, self.back, self.ada = app, organization, front, back, ada

    async def token(self, person: Person | None = None, **told: Any) -> str:
        """Return a token of a person (of Ada) as another grant issues it to the front end."""
        text, clock = new_secret(ACCESS_TOKEN), self.app.parts.clock
        now = clock.now()
        fields = {
            "id": clock.new_id(), "organization": UUID(self.organization), "application": UUID(self.front.id),
            "scope": "openid files", "audience": API, "format": "opaque", "digest": sha256_hex(text),
            "expires_at": now + timedelta(minutes=5), "grant_type": "authorization_code",
            "user": (person or self.ada).id, "now": now,
        }  # fmt: skip

        async def command(decision: Any) -> None:
            decision.organization = fields["organization"]
            decision.save(TokenFamily.issue(**{**fields, **told}))

        await self.app.parts.store.decide(command, origin(self.app))
        return text

    async def exchange(self, token: str, back: Back | None = None, app: Running | None = None, **form: str) -> Reply:
        data = {"grant_type": TOKEN_EXCHANGE, "subject_token": token, "subject_token_type": KIND, "audience": DEEPER}
        data |= credentials(back or self.back)
        data |= {name: value for name, value in form.items() if value}
        return await (app or self.app).call("POST", TOKEN, "", data=data)

    async def worth(self, token: str) -> Any:
        return (await self.app.call("POST", INTROSPECT, "", data={**credentials(self.back), "token": token})).json


async def scene(app: Running, **body: Any) -> Scene:
    organization = await app.organization()
    front = await an_app(app, organization, kind="spa")
    settings = {
        "kind": "machine", "grant_types": [TOKEN_EXCHANGE, CLIENT_CREDENTIALS], "permissions": ["files", "mail"], **body
    }  # fmt: skip
    back = await an_app(app, organization, **settings)
    audiences = {"audiences": [API, DEEPER]}
    assert (await app.call("PATCH", f"/api/applications/{back.id}", json=audiences)).status == 200
    return Scene(app, organization, front, back, await a_person(app, organization))


async def test_a_client_acts_in_a_persons_name_and_it_shows(app: Running) -> None:
    at = await scene(app)
    reply = await at.exchange(await at.token())
    assert reply.status == 200, reply.text
    assert (reply.headers["Cache-Control"], reply.headers["Pragma"]) == ("no-store", "no-cache")
    told = reply.json
    assert (told["issued_token_type"], told["token_type"], told["scope"]) == (KIND, "Bearer", "openid files")
    assert "refresh_token" not in told
    assert "id_token" not in told
    token = claims(told["access_token"])
    assert (token["sub"], token["client_id"], token["aud"]) == (str(at.ada.id), at.back.client_id, DEEPER)
    assert token["act"] == {"sub": at.back.client_id}
    worth = await at.worth(told["access_token"])
    assert (worth["active"], worth["act"], worth["sub"]) == (True, {"sub": at.back.client_id}, str(at.ada.id))


async def test_a_person_acts_for_another_and_it_shows(app: Running) -> None:
    at = await scene(app)
    bob = await a_person(app, at.organization)
    actor = {"actor_token": await at.token(bob), "actor_token_type": KIND}
    reply = await at.exchange(await at.token(), **actor)
    token = claims(reply.json["access_token"])
    assert (token["sub"], token["act"]) == (str(at.ada.id), {"sub": str(bob.id)})
    assert (await at.worth(reply.json["access_token"]))["act"] == {"sub": str(bob.id)}
    [issued] = [event for event in await app.events(topic="token.issued") if event["position"] == reply.position]
    assert (issued["actor"], issued["subject"]) == (str(bob.id), str(at.ada.id))
    await suspended(app, bob)
    assert not (await at.worth(reply.json["access_token"]))["active"]


async def test_who_acts_already_goes_on_acting(app: Running) -> None:
    at = await scene(app)
    bob, eve = await a_person(app, at.organization), await a_person(app, at.organization)
    acted = await at.token(actor=bob.id)
    assert claims((await at.exchange(acted)).json["access_token"])["act"] == {"sub": str(bob.id)}
    again = {"actor_token": await at.token(bob), "actor_token_type": KIND}
    assert claims((await at.exchange(acted, **again)).json["access_token"])["act"] == {"sub": str(bob.id)}
    other = {"actor_token": await at.token(eve), "actor_token_type": KIND}
    assert error(await at.exchange(acted, **other)) == (400, "invalid_request")
    # Somebody who acts as the actor is the one who acts.
    behind = {"actor_token": await at.token(bob, actor=eve.id), "actor_token_type": KIND}
    reply = await at.exchange(await at.token(), **behind)
    assert claims(reply.json["access_token"])["act"] == {"sub": str(eve.id)}


async def test_an_exchanged_token_may_be_exchanged_by_whom_it_is_for(app: Running) -> None:
    at = await scene(app)
    first = (await at.exchange(await at.token())).json["access_token"]
    deeper = await an_app(app, at.organization, kind="machine", grant_types=[TOKEN_EXCHANGE], permissions=["files"])
    change = {"audiences": [DEEPER]}
    assert (await app.call("PATCH", f"/api/applications/{deeper.id}", json=change)).status == 200
    reply = await at.exchange(first, deeper)
    assert claims(reply.json["access_token"])["act"] == {"sub": deeper.client_id}


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("", "openid files"),
        ("files", "files"),
        ("files mail", "files"),
        ("openid root files read_user", "openid files"),
    ],
)
async def test_the_scope_is_never_wider(app: Running, asked: str, granted: str) -> None:
    at = await scene(app)
    assert (await at.exchange(await at.token(), scope=asked)).json["scope"] == granted


@pytest.mark.parametrize("asked", ["mail", "root", "offline_access", " "])
async def test_nothing_is_issued_for_a_scope_of_which_nothing_remains(app: Running, asked: str) -> None:
    at = await scene(app)
    token = await at.token(scope="openid files offline_access")
    assert error(await at.exchange(token, scope=asked)) == (400, "invalid_scope")


async def test_what_the_client_does_not_hold_it_does_not_get(app: Running) -> None:
    at = await scene(app, permissions=["mail", "read_token", "all"])
    token = await at.token(scope="files read_user all root")
    assert error(await at.exchange(token)) == (400, "invalid_scope")


async def test_the_audience_is_one_that_the_client_may_name(app: Running) -> None:
    at = await scene(app)
    token = await at.token()
    assert error(await at.exchange(token, audience="https://other.test")) == (400, "invalid_target")
    assert error(await at.exchange(token, resource=API)) == (400, "invalid_request")
    named = await at.exchange(token, audience=DEEPER, resource=DEEPER)
    assert claims(named.json["access_token"])["aud"] == DEEPER


async def test_it_lives_no_longer_than_either_token(timed: tuple[Running, FakeClock]) -> None:
    app, clock = timed
    at = await scene(app)
    bob = await a_person(app, at.organization)
    soon, sooner = clock.now() + timedelta(minutes=4), clock.now() + timedelta(minutes=3)
    token = await at.token(expires_at=soon)
    assert claims((await at.exchange(token)).json["access_token"])["exp"] == int(soon.timestamp())
    actor = {"actor_token": await at.token(bob, expires_at=sooner), "actor_token_type": KIND}
    reply = await at.exchange(token, **actor)
    assert claims(reply.json["access_token"])["exp"] == int(sooner.timestamp())
    assert reply.json["expires_in"] == 180
    clock.move(timedelta(minutes=4, seconds=-1))
    assert (await at.exchange(token)).json["expires_in"] == 1
    clock.move(timedelta(microseconds=1))
    assert error(await at.exchange(token)) == (400, "invalid_request")


async def test_it_ends_with_the_session_of_the_first(app: Running) -> None:
    at = await scene(app)
    session = await signed_in(app, at.ada)
    told = (await at.exchange(await at.token(session=session.id))).json
    assert (await at.worth(told["access_token"]))["active"]
    await app.parts.sessions.end(origin_of(app, at), session.id, reason=None)
    assert not (await at.worth(told["access_token"]))["active"]


def origin_of(app: Running, at: Scene) -> Any:
    return type(origin(app))(at.ada.id, at.ada.organization, None, app.parts.clock.new_id())


async def test_only_who_names_the_grant_may(app: Running) -> None:
    at = await scene(app)
    others = [
        await an_app(app, at.organization, kind="machine"),
        await an_app(app, at.organization, grant_types=[REFRESH_TOKEN, PASSWORD], trusted=True),
        at.front,
    ]
    token = await at.token()
    for back in others:
        assert error(await at.exchange(token, back)) == (400, "unauthorized_client")


async def test_the_client_proves_itself_first(app: Running) -> None:
    at = await scene(app)
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": await at.token(), "subject_token_type": KIND}
    for who in ({}, {"client_id": at.back.client_id}, {"client_id": at.back.client_id, "client_secret": "x"}):
        assert error(await app.call("POST", TOKEN, "", data={**form, **who})) == (401, "invalid_client")


async def test_a_token_that_the_client_may_not_look_into_is_refused(app: Running) -> None:
    at = await scene(app)
    token = await at.token(audience="https://another-api.test")
    assert error(await at.exchange(token)) == (400, "invalid_request")
    change = {"permissions": ["files", "read_token"]}
    assert (await app.call("PATCH", f"/api/applications/{at.back.id}", json=change)).status == 200
    assert (await at.exchange(token)).status == 200
    own = await at.token(audience="https://another-api.test", application=UUID(at.back.id))
    assert (await app.call("PATCH", f"/api/applications/{at.back.id}", json={"permissions": ["files"]})).status == 200
    assert (await at.exchange(own)).status == 200


async def ended(at: Scene) -> dict[str, str]:
    """Return tokens, by what is wrong with them, that must all be refused in the same words."""
    elsewhere = await scene(at.app, permissions=["files", "all"])
    revoked, expired = await at.token(), await at.token(expires_at=at.app.parts.clock.now() + timedelta(seconds=0.2))
    row = await at.app.parts.tokens.find(revoked)
    assert row is not None
    family = row["family"]

    async def command(decision: Any) -> None:
        found = await decision.load(TokenFamily, family)
        found.revoke(None, None, at.app.parts.clock.now())
        decision.save(found)

    await at.app.parts.store.decide(command, origin(at.app))
    machine = (await ask(at.app, **credentials(at.back), audience=DEEPER)).json["access_token"]
    refresh = new_secret()
    await at.token(refresh_digest=sha256_hex(refresh))
    await asyncio.sleep(0.3)
    return {
        "unknown": "mun_at_" + "A" * 49, "revoked": revoked, "expired": expired, "a machine's": machine,
        "of another organization": await elsewhere.token(), "a refresh token": refresh, "not ours": "a.b.c",
    }  # fmt: skip


async def test_whatever_is_wrong_with_a_token_is_told_in_the_same_words(app: Running) -> None:
    at = await scene(app)
    good, bad = await at.token(), await ended(at)
    before = await head(app.parts.store.pool)
    as_subject = {name: await at.exchange(token) for name, token in bad.items()}
    as_actor = {name: await at.exchange(good, actor_token=token, actor_token_type=KIND) for name, token in bad.items()}
    for replies in (as_subject, as_actor):
        assert {name: error(reply) for name, reply in replies.items()} == dict.fromkeys(bad, (400, "invalid_request"))
        assert len({reply.text for reply in replies.values()}) == 1
    assert await head(app.parts.store.pool) == before


async def test_another_organizations_client_exchanges_nothing_of_ours(app: Running) -> None:
    at, elsewhere = await scene(app), await scene(app, permissions=["files", "all"])
    assert error(await at.exchange(await at.token(), elsewhere.back)) == (400, "invalid_request")


@pytest.mark.parametrize(
    "form",
    [
        {"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:saml2"},
        {"actor_token": "x"},
        {"actor_token_type": KIND},
        {"actor_token": "x", "actor_token_type": "urn:ietf:params:oauth:token-type:jwt"},
    ],
)
async def test_tokens_of_other_kinds_are_refused(app: Running, form: dict[str, str]) -> None:
    at = await scene(app)
    assert error(await at.exchange(await at.token(), **form)) == (400, "invalid_request")


async def test_an_access_token_may_be_asked_for_by_name(app: Running) -> None:
    at = await scene(app)
    assert (await at.exchange(await at.token(), requested_token_type=KIND)).status == 200


@pytest.mark.parametrize("name", ["subject_token", "subject_token_type"])
async def test_the_subject_token_and_its_type_must_be_there(app: Running, name: str) -> None:
    at = await scene(app)
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": await at.token(), "subject_token_type": KIND}
    form |= {**credentials(at.back), name: ""}
    assert error(await app.call("POST", TOKEN, "", data=form)) == (400, "invalid_request")


async def test_a_revocation_that_commits_first_forbids_the_exchange(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person's tokens are revoked after the subject token was looked up: its guard refuses the append."""
    at = await scene(app)
    token, find, found = await at.token(), type(app.parts.tokens).find, []

    def overtaken(self: Any, text: str) -> Any:
        async def late() -> Any:
            row = await find(self, text)
            if not found:
                await revocations.record(
                    app.parts.store, origin(app), SYSTEM, organization=UUID(at.organization), user=at.ada.id
                )
            found.append(row)
            return row

        return asyncio.ensure_future(late())

    monkeypatch.setattr(type(app.parts.tokens), "find", overtaken)
    assert error(await at.exchange(token)) == (400, "invalid_request")
    assert [row["alive"] for row in found] == [True, False]


async def test_many_exchanges_at_once_on_two_workers_are_each_served(two: tuple[Running, Running]) -> None:
    at = await scene(two[0])
    token = await at.token()
    replies = await asyncio.gather(*(at.exchange(token, app=two[n % 2]) for n in range(8)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.json["access_token"] for reply in replies}) == 8


async def test_what_ends_the_person_ends_the_exchanged_token_on_every_worker(two: tuple[Running, Running]) -> None:
    one, other = two
    at = await scene(one)
    tokens = [(await at.exchange(await at.token(), app=app)).json["access_token"] for app in two]
    question = {**credentials(at.back), "token": ""}
    for token in tokens:
        for app in two:
            assert (await app.call("POST", INTROSPECT, "", data={**question, "token": token})).json["active"]
    await suspended(one, at.ada)
    for token in tokens:
        assert (await other.call("POST", INTROSPECT, "", data={**question, "token": token})).json == {"active": False}
    assert error(await at.exchange(tokens[0], app=other)) == (400, "invalid_request")


async def test_no_event_is_read_to_exchange(app: Running) -> None:
    at = await scene(app)
    token = await at.token()
    with heard(app) as statements:
        assert (await at.exchange(token)).status == 200
    assert statements
    assert not [statement for statement in statements if EVENTS.search(statement)]


async def test_without_an_audience_it_is_for_the_issuer(app: Running) -> None:
    at = await scene(app)
    reply = await at.exchange(await at.token(), audience=ISSUER)
    assert (claims(reply.json["access_token"])["aud"], reply.json["scope"]) == (ISSUER, "openid")

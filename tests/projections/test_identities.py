"""Identities in plain form, found by their user, until they are unlinked."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from domain.caller import SYSTEM
from domain.identity import EnterpriseIdentity, Identity
from projections import identities
from tests.projections.given import ORGANIZATION, ORIGIN, a_user, rows, same_when_rebuilt, save

if TYPE_CHECKING:
    from domain.user import User
    from tests.store_fixture import StoreParts

CONNECTOR = UUID(int=5)
MINUTE = timedelta(minutes=1)
ISSUER = "https://idp.acme.example"


def an_identity(parts: StoreParts, user: User, target: str = "github", **told: Any) -> Identity:
    fields = {"connector": CONNECTOR, "person": "42", "details": {"id": "42", "more": [1, None]}, "others": 0}
    return Identity.link(id=parts.clock.new_id(), user=user, target=target, now=parts.clock.now(), **{**fields, **told})


def an_enterprise_identity(parts: StoreParts, user: User, connector: str = "acme") -> EnterpriseIdentity:
    return EnterpriseIdentity.link(
        id=parts.clock.new_id(), user=user, connector=connector, issuer=ISSUER, identity_id="ada@acme",
        detail={"name": "Ada"}, others=0, now=parts.clock.now(),
    )  # fmt: skip


async def test_identities_are_mapped_by_target_for_as_many_users_as_are_asked_for(parts: StoreParts) -> None:
    ada, eve = a_user(parts), a_user(parts, "Eve")
    linked = an_identity(parts, ada), an_identity(parts, ada, "apple", details=None), an_identity(parts, eve)
    await save(parts, ada, eve, *linked)
    nobody = uuid4()
    found = await identities.of_users(parts.pool, [eve.id, nobody, ada.id])
    github = {"userId": "42", "details": {"id": "42", "more": [1, None]}}
    assert found == {eve.id: {"github": github}, nobody: {}, ada.id: {"apple": {"userId": "42"}, "github": github}}
    assert list(found[ada.id]) == ["apple", "github"]
    assert await identities.of_users(parts.pool, []) == {}
    [first, second] = await identities.of_user(parts.pool, ada.id)
    assert (first["target"], first["details"], second["connector"]) == ("apple", None, CONNECTOR)
    assert second["created_at"] == second["updated_at"] == parts.clock.now()
    assert await identities.id_of(parts.pool, ada.id, "github") == linked[0].id
    assert await identities.id_of(parts.pool, eve.id, "apple") is None
    assert set(await identities.ids_of_user(parts.pool, ada.id)) == {linked[0].id, linked[1].id}
    await same_when_rebuilt(parts, "identities")


async def test_what_replaces_an_identity_leaves_nothing_of_the_former(parts: StoreParts) -> None:
    user = a_user(parts)
    identity = an_identity(parts, user)
    await save(parts, user, identity)
    parts.clock.move(MINUTE)
    identity.replace(connector=None, person="43", details=None, now=parts.clock.now())
    await save(parts, identity)
    assert await identities.of_users(parts.pool, [user.id]) == {user.id: {"github": {"userId": "43"}}}
    [row] = await identities.of_user(parts.pool, user.id)
    assert (row["connector"], row["updated_at"]) == (None, parts.clock.now())
    assert row["created_at"] < row["updated_at"]
    await same_when_rebuilt(parts, "identities")


async def test_what_is_unlinked_leaves_no_row_and_makes_room_for_another(parts: StoreParts) -> None:
    user = a_user(parts)
    identity, enterprise = an_identity(parts, user), an_enterprise_identity(parts, user)
    await save(parts, user, identity, enterprise)
    identity.unlink(parts.clock.now())
    enterprise.unlink(parts.clock.now())
    await save(parts, identity, enterprise)
    assert await rows(parts, "identities") == await rows(parts, "enterprise_identities") == []
    again = an_identity(parts, user, person="44", details=None)
    await save(parts, again)
    assert await identities.of_users(parts.pool, [user.id]) == {user.id: {"github": {"userId": "44"}}}
    await same_when_rebuilt(parts, "identities")


async def test_enterprise_identities_are_found_by_their_user_the_oldest_first(parts: StoreParts) -> None:
    ada, eve = a_user(parts), a_user(parts)
    first, second = an_enterprise_identity(parts, ada, "zoo"), an_enterprise_identity(parts, ada)
    await save(parts, ada, eve, first, second)
    found = await identities.enterprise_of(parts.pool, ada.id)
    assert [row["id"] for row in found] == [first.id, second.id]
    [row, _] = found
    assert json.loads(row["detail"]) == {"name": "Ada"}
    assert {name: row[name] for name in ("organization", "user_id", "connector", "issuer", "identity_id")} == {
        "organization": ORGANIZATION, "user_id": ada.id, "connector": "zoo", "issuer": ISSUER,
        "identity_id": "ada@acme",
    }  # fmt: skip
    assert await identities.enterprise_of(parts.pool, eve.id) == []
    parts.clock.move(MINUTE)
    first.replace(issuer="https://new.example", identity_id="ada", detail={}, now=parts.clock.now())
    await save(parts, first)
    [row, _] = await identities.enterprise_of(parts.pool, ada.id)
    assert (row["issuer"], row["identity_id"], row["detail"]) == ("https://new.example", "ada", "{}")
    assert row["created_at"] < row["updated_at"] == parts.clock.now()
    await same_when_rebuilt(parts, "identities")


async def test_a_rebuild_after_the_key_is_gone_says_nothing_of_the_person(parts: StoreParts) -> None:
    user = a_user(parts)
    identity, enterprise = an_identity(parts, user), an_enterprise_identity(parts, user)
    await save(parts, user, identity, enterprise)
    identity.unlink(parts.clock.now())
    enterprise.unlink(parts.clock.now())
    user.delete(SYSTEM, parts.clock.now())

    async def command(decision: Any) -> None:
        decision.save(identity, enterprise, user)
        decision.destroy_key(user.id)

    await parts.store.decide(command, ORIGIN)
    await same_when_rebuilt(parts, "identities", "users")

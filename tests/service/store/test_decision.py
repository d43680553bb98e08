"""A decision loads streams, and notes every one that it was made on."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from domain.account import Account
from domain.token_family import TokenFamily
from domain.user import User
from service.store import decision as decision_module
from service.store.decision import Decision
from service.store.pending import Claim, Expectation
from tests.service.store.given import ACTOR, CLIENT, ORGANIZATION, a_token, an_account, an_origin, write

if TYPE_CHECKING:
    import pytest

    from tests.store_fixture import StoreParts


def a_decision(parts: StoreParts, position: int = 7) -> Decision:
    return Decision(parts.pool, parts.vault, position=position, organization=ORGANIZATION)


async def test_a_loaded_aggregate_is_the_one_that_was_committed(parts: StoreParts) -> None:
    account = an_account(parts)
    account.rename("Renamed", parts.clock.now())
    await write(parts, account)
    deciding = a_decision(parts)
    assert await deciding.load(Account, account.id) == account
    assert deciding.loaded == {account.id: Expectation(account.id, 2, token=False)}


async def test_a_token_family_is_looked_for_among_the_tokens(parts: StoreParts) -> None:
    family = a_token(parts)
    await write(parts, family)
    deciding = a_decision(parts)
    assert await deciding.load(TokenFamily, family.id) == family
    assert deciding.loaded[family.id].token


async def test_an_empty_stream_or_one_of_another_kind_is_none(parts: StoreParts) -> None:
    account = an_account(parts)
    await write(parts, account)
    deciding = a_decision(parts)
    assert await deciding.load(Account, uuid4()) is None
    assert await deciding.load(User, account.id) is None
    assert await deciding.load(TokenFamily, account.id) is None
    assert deciding.loaded == {}


async def test_a_peek_expects_nothing(parts: StoreParts) -> None:
    account = an_account(parts)
    await write(parts, account)
    deciding = a_decision(parts)
    assert await deciding.peek(Account, account.id) == account
    assert deciding.loaded == {}


async def test_several_are_loaded_in_the_order_asked_for_and_those_without_are_left_out(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision_module, "PAGE", 2)
    accounts = [an_account(parts, f"{n}") for n in range(5)]
    await write(parts, *accounts)
    deciding = a_decision(parts)
    asked = [accounts[n].id for n in (4, 0, 2)]
    found = await deciding.load_many(Account, [asked[0], uuid4(), *asked[1:]])
    assert [each.name for each in found] == ["4", "0", "2"]
    assert set(deciding.loaded) == set(asked)
    assert await deciding.load_many(User, asked) == []
    assert await deciding.load_many(Account, []) == []


async def test_a_personal_field_is_opened_where_its_key_lives(parts: StoreParts) -> None:
    async def command(deciding: Decision) -> User:
        user = User.create(
            id=parts.clock.new_id(), organization=ORGANIZATION, application=CLIENT, name="Ada", now=parts.clock.now()
        )
        deciding.save(user)
        return user

    user = (await parts.store.decide(command, an_origin())).value
    found = await a_decision(parts).load(User, user.id)
    assert found is not None
    assert found.name == "Ada"
    await parts.owner.execute("UPDATE muniment.subject_keys SET wrapped = NULL")
    parts.vault.forget(user.id)
    [again] = await a_decision(parts).load_many(User, [user.id])
    assert again.name is None


async def test_what_a_decision_rests_on_is_noted_at_its_position(parts: StoreParts) -> None:
    deciding = a_decision(parts, position=7)
    deciding.rely_on("application:1", "user:2")
    deciding.rely_on("user:2")
    assert deciding.reads == {"application:1": 7, "user:2": 7}


async def test_names_and_keys_are_gathered(parts: StoreParts) -> None:
    deciding = a_decision(parts)
    deciding.claim("client_id", b"a", ACTOR)
    deciding.claim("role-name", b"b", ACTOR, organization=ORGANIZATION)
    deciding.release("role-name", b"c", ACTOR, organization=ORGANIZATION)
    deciding.destroy_key(CLIENT)
    assert deciding.claims == [
        Claim(decision_module.EVERYWHERE, "client_id", b"a", ACTOR), Claim(ORGANIZATION, "role-name", b"b", ACTOR),
    ]  # fmt: skip
    assert deciding.releases == [Claim(ORGANIZATION, "role-name", b"c", ACTOR)]
    assert deciding.destroyed == [CLIENT]

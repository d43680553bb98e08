"""Connectors: one to a target, one sender of each kind, set up by those who may be trusted with what it sends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from domain.connector import Connector
from projections import connectors as rows
from service.commands import accounts, connectors
from service.connectors import sending, stored
from service.connectors.configuration import MASK
from service.messages.smtp import Undelivered
from service.store.decision import Decision
from tests.projections.given import same_when_rebuilt
from tests.service.commands.given import ROOT, a_role, an_application, an_organization, backend, log, meanwhile, origin
from tests.service.connectors.hosting import outbound

if TYPE_CHECKING:
    from domain.caller import Caller
    from tests.store_fixture import StoreParts

NONE: frozenset[tuple[str, int]] = frozenset()
GITHUB = {"clientId": "id", "clientSecret": "s3cr3t"}
HOOK = {"endpoint": "https://hooks.example/send", "authorization": "Bearer s3cr3t"}
SMTP = {"host": "mail.example", "port": 587, "fromEmail": "a@b.example", "auth": {"user": "u", "pass": "s3cr3t"}}


async def create(
    parts: StoreParts, organization: UUID, type: str = "github-universal", by: Caller = SYSTEM, **told: Any
) -> Connector:
    fields = {"organization": organization, "type": type, "allowed": NONE, **told}
    return (await connectors.create(parts.store, origin(by), by, **fields)).value


async def change(parts: StoreParts, connector: UUID, by: Caller = SYSTEM, **told: Any) -> Connector:
    made = await connectors.change(parts.store, origin(by), by, connector=connector, allowed=NONE, **told)
    return made.value


async def delete(parts: StoreParts, connector: UUID, by: Caller = SYSTEM) -> None:
    await connectors.delete(parts.store, origin(by), by, connector=connector)


async def kept(parts: StoreParts, connector: UUID) -> Any:
    found = await stored.one(parts.pool, parts.vault, connector)
    return None if found is None else found.config


@pytest.fixture
async def organization(parts: StoreParts) -> UUID:
    return (await an_organization(parts)).id


async def test_no_secret_of_a_connector_stands_in_the_log_or_a_table(parts: StoreParts, organization: UUID) -> None:
    made = await create(parts, organization, config=GITHUB)
    await create(parts, organization, "simple-mail-transfer-protocol", config=SMTP)
    await create(parts, organization, "http-sms", config=HOOK)
    await change(parts, made.id, config={**GITHUB, "clientSecret": "s3cr3t-too"})
    stored_states = await parts.owner.fetch("SELECT state FROM muniment.events")
    assert all(b"s3cr3t" not in row["state"] for row in stored_states)
    tables = await parts.owner.fetch("SELECT * FROM models.connectors")
    assert "s3cr3t" not in str(tables)
    assert (await kept(parts, made.id))["clientSecret"] == "s3cr3t-too"


async def test_deleting_a_connector_destroys_what_it_was_configured_with(parts: StoreParts, organization: UUID) -> None:
    made = await create(parts, organization, config=GITHUB)
    await delete(parts, made.id)
    assert await parts.vault.is_destroyed(made.id)
    read = await Decision(parts.pool, parts.vault, position=0, organization=organization).peek(Connector, made.id)
    assert (read.config, read.deleted) == (None, True)
    assert await stored.one(parts.pool, parts.vault, made.id) is None
    assert await stored.of_organization(parts.pool, parts.vault, organization) == []


async def test_a_target_has_one_connector_and_is_free_again_afterwards(parts: StoreParts, organization: UUID) -> None:
    first = await create(parts, organization)
    for target in (None, "github"):
        with pytest.raises(refusals.TargetTaken):
            await create(parts, organization, target=target)
    with pytest.raises(refusals.TargetTaken):
        await create(parts, organization, "oauth2", target="github")
    await create(parts, organization, target="gitlab")
    await create(parts, (await an_organization(parts)).id)
    await delete(parts, first.id)
    await create(parts, organization)
    await same_when_rebuilt(parts, "connectors")


async def test_of_two_at_once_one_gets_the_target(parts: StoreParts, organization: UUID) -> None:
    made = await asyncio.gather(*(create(parts, organization) for _ in range(4)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in made) == ["Connector", *["TargetTaken"] * 3]
    assert len(await rows.of_organization(parts.pool, organization, limit=9)) == 1


async def test_a_new_sender_takes_the_place_of_the_former(parts: StoreParts, organization: UUID) -> None:
    former = await create(parts, organization, "http-email", config=HOOK)
    sms = await create(parts, organization, "http-sms", config=HOOK)
    with pytest.raises(refusals.ConnectorTypeTaken):
        await create(parts, organization, "http-email", config=HOOK)
    present = await create(parts, organization, "simple-mail-transfer-protocol", config=SMTP)
    assert [one.id for one in await stored.of_organization(parts.pool, parts.vault, organization)] == [
        sms.id, present.id,
    ]  # fmt: skip
    assert await parts.vault.is_destroyed(former.id)
    assert [event.TOPIC for event in (await log(parts))[-2:]] == ["connector.deleted", "connector.created"]
    await delete(parts, present.id)
    await create(parts, organization, "http-email", config=HOOK)


async def test_of_two_senders_at_once_one_is_left(parts: StoreParts, organization: UUID) -> None:
    types = [("http-email", HOOK), ("simple-mail-transfer-protocol", SMTP)] * 2
    await asyncio.gather(
        *(create(parts, organization, type, config=config) for type, config in types), return_exceptions=True
    )
    assert len(await rows.of_organization(parts.pool, organization, limit=9)) == 1
    assert len(await stored.of_organization(parts.pool, parts.vault, organization)) == 1


@pytest.mark.parametrize(
    ("type", "told", "refusal"),
    [
        ("no-such-type", {}, refusals.NoSuchConnectorType),
        ("oauth2", {}, refusals.TargetMissing),
        ("github-universal", {"target": "A"}, refusals.InvalidTarget),
        ("http-sms", {}, refusals.InvalidConnectorConfig),
        ("http-sms", {"config": {**HOOK, "authorization": MASK}}, refusals.InvalidConnectorConfig),
        ("http-sms", {"config": HOOK, "target": "sms"}, refusals.InvalidTarget),
        ("github-universal", {"config": {}}, refusals.InvalidConnectorConfig),
    ],
)
async def test_what_cannot_be_set_up_is_refused_and_nothing_is_written(
    parts: StoreParts, organization: UUID, type: str, told: dict[str, Any], refusal: type[Exception]
) -> None:
    before = len(await log(parts))
    with pytest.raises(refusal):
        await create(parts, organization, type, **told)
    assert len(await log(parts)) == before


async def test_a_connector_belongs_to_an_organization_that_is_active(parts: StoreParts, organization: UUID) -> None:
    child = (await accounts.create_child(parts.store, origin(), SYSTEM, parent=organization, name="Branch")).value
    for nowhere in (child.id, uuid4()):
        with pytest.raises(refusals.UnknownAccount):
            await create(parts, nowhere)
    stranger = backend((await an_organization(parts)).id)
    with pytest.raises(refusals.UnknownAccount):
        await create(parts, organization, by=stranger)
    made = await create(parts, organization, config=GITHUB)
    for command in (change(parts, made.id, stranger, config=GITHUB), delete(parts, made.id, stranger),
                    connectors.note_test(parts.store, origin(stranger), stranger, connector=made.id)):  # fmt: skip
        with pytest.raises(refusals.UnknownConnector):
            await command
    await accounts.move_status(parts.store, origin(), SYSTEM, account=organization, status="suspended")
    with pytest.raises(refusals.AccountNotActive):
        await create(parts, organization, target="other")


async def test_an_organization_has_so_many_connectors_at_most(
    parts: StoreParts, organization: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connectors, "MOST", 2)
    await create(parts, organization, target="a")
    await create(parts, organization, "http-sms", config=HOOK)
    for type, config in (("github-universal", GITHUB), ("http-email", HOOK)):
        with pytest.raises(refusals.TooMany):
            await create(parts, organization, type, config=config)
    with pytest.raises(refusals.ConnectorTypeTaken):
        await create(parts, organization, "http-sms", config=HOOK)


async def test_a_connector_that_is_made_meanwhile_counts(
    parts: StoreParts, organization: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connectors, "MOST", 1)
    with (
        pytest.raises(refusals.TooMany),
        meanwhile(parts, lambda: create(parts, organization, target="a")),
    ):
        await create(parts, organization, target="b")
    assert len(await rows.of_organization(parts.pool, organization, limit=9)) == 1


async def test_who_sends_an_organizations_messages_is_set_up_by_those_who_hold_what_its_roles_do(
    parts: StoreParts, organization: UUID
) -> None:
    clerk = backend(organization, "write_org")
    admin = backend(organization, "write_org", "read_token", "revoke_token")
    for type, config in (("http-email", HOOK), ("http-sms", HOOK), ("simple-mail-transfer-protocol", SMTP)):
        with pytest.raises(refusals.MissingPermission):
            await create(parts, organization, type, clerk, config=config)
    await create(parts, organization, by=clerk)
    made = await create(parts, organization, "http-email", admin, config=HOOK)
    with pytest.raises(refusals.MissingPermission):
        await change(parts, made.id, clerk, config={**HOOK, "endpoint": "https://evil.example/"})
    with pytest.raises(refusals.MissingPermission):
        await delete(parts, made.id, clerk)
    await change(parts, made.id, clerk, name={"en": "Mail"})
    await a_role(parts, organization, "write_user")
    with pytest.raises(refusals.MissingPermission):
        await change(parts, made.id, admin, config={**HOOK, "endpoint": "https://other.example/"})
    assert (await kept(parts, made.id))["endpoint"] == HOOK["endpoint"]


async def test_where_roles_are_privileged_root_alone_sets_up_what_sends_messages(
    parts: StoreParts, organization: UUID
) -> None:
    await a_role(parts, organization, "root")
    for by in (backend(organization, "all"), backend(organization, "write_org", "all")):
        with pytest.raises(refusals.MissingPermission):
            await create(parts, organization, "http-sms", by, config=HOOK)
    await create(parts, organization, "http-sms", ROOT, config=HOOK)


async def test_a_role_that_is_defined_meanwhile_counts(parts: StoreParts, organization: UUID) -> None:
    admin = backend(organization, "write_org", "read_token", "revoke_token")
    with (
        pytest.raises(refusals.MissingPermission),
        meanwhile(parts, lambda: a_role(parts, organization, "write_user")),
    ):
        await create(parts, organization, "http-email", admin, config=HOOK)
    assert await rows.of_organization(parts.pool, organization, limit=9) == []


async def test_a_change_of_another_secret_meanwhile_is_not_undone(parts: StoreParts, organization: UUID) -> None:
    made = await create(parts, organization, config=GITHUB)
    renewed = {**GITHUB, "clientSecret": "renewed"}
    with meanwhile(parts, lambda: change(parts, made.id, config=renewed)) as decided:
        await change(parts, made.id, config={**GITHUB, "clientSecret": MASK, "scope": "read:org"})
    assert len(decided) == 2
    config = await kept(parts, made.id)
    assert (config["clientSecret"], config["scope"]) == ("renewed", "read:org")


async def test_an_organization_that_ends_takes_its_connectors_with_it(parts: StoreParts, organization: UUID) -> None:
    social = await create(parts, organization, config=GITHUB)
    sender = await create(parts, organization, "http-sms", config=HOOK)
    await accounts.delete(parts.store, origin(), SYSTEM, account=organization)
    assert [await parts.vault.is_destroyed(one.id) for one in (social, sender)] == [True, True]
    assert await rows.of_organization(parts.pool, organization, limit=9) == []


async def test_a_connector_that_is_set_up_while_its_organization_ends_ends_too(
    parts: StoreParts, organization: UUID
) -> None:
    late: list[Connector] = []

    async def set_up() -> None:
        late.append(await create(parts, organization, config=GITHUB))

    with meanwhile(parts, set_up):
        await accounts.delete(parts.store, origin(), SYSTEM, account=organization)
    assert await parts.vault.is_destroyed(late[0].id)


async def test_an_organizations_messages_go_by_its_own_sender(parts: StoreParts, organization: UUID) -> None:
    async def found(channel: Any, of: UUID) -> Any:
        return await sending.sender_for(parts.pool, parts.vault, calls, parts.clock, organization=of, channel=channel)

    async with outbound() as calls:
        assert await found("email", organization) is None
        await create(parts, organization, "simple-mail-transfer-protocol", config=SMTP)
        sms = await create(parts, organization, "http-sms", config=HOOK)
        assert (await found("email", organization)).config.host == "mail.example"
        assert (await found("sms", organization)).config.authorization == "Bearer s3cr3t"
        assert (await found("sms", organization)).channel == "sms"
        assert await found("email", (await an_organization(parts)).id) is None
        await delete(parts, sms.id)
        assert await found("sms", organization) is None


async def test_a_sender_that_can_be_used_no_more_is_replaced_by_nobody(parts: StoreParts, organization: UUID) -> None:
    allowed = frozenset({("hooks.internal", 80)})
    await create(parts, organization, "http-sms", config={"endpoint": "http://hooks.internal/"}, allowed=allowed)
    async with outbound() as calls:
        with pytest.raises(Undelivered):
            await sending.sender_for(
                parts.pool, parts.vault, calls, parts.clock, organization=organization, channel="sms"
            )
        with pytest.raises(refusals.InvalidConnectorConfig):
            sending.sender("github-universal", GITHUB, calls, parts.clock)


async def test_an_application_of_the_organization_is_no_connector(parts: StoreParts, organization: UUID) -> None:
    other = await an_application(parts, organization)
    with pytest.raises(refusals.UnknownConnector):
        await change(parts, other.id, config=GITHUB)
    assert await stored.one(parts.pool, parts.vault, other.id) is None

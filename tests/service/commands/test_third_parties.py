"""Third parties are decided on as they are at that moment, whatever else happens, on whichever process."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM, Caller
from domain.grant_types import CLIENT_CREDENTIALS
from projections import applications as rows
from projections import third_party_pages
from service.commands import grants, third_parties, third_party_batches
from service.commands.third_parties import Details, in_a_year
from service.store.log import read_page
from tests.service.commands.given import ROOT, an_organization, backend, head, log, meanwhile, origin, topics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from domain.application import Application
    from tests.store_fixture import StoreParts

API = "https://api.example.com"
DETAILS = Details("Shop", "shop.example.com", None, ["api"], [CLIENT_CREDENTIALS], [])


async def a_third_party(parts: StoreParts, organization: UUID, by: Caller | None = None) -> Application:
    registered = await third_parties.register(
        parts.store,
        origin(by or SYSTEM),
        by or SYSTEM,
        organization=organization,
        identifier=f"shop_{uuid4().hex}",
        details=DETAILS,
        audience=API,
    )
    return registered.value.application


async def approve(parts: StoreParts, application: UUID, by: Caller = ROOT, **more: Any) -> Any:
    return await third_parties.approve(parts.store, origin(by), by, application=application, **more)


@pytest.mark.parametrize(
    ("now", "then"),
    [("2026-11-22T21:00:00", "2027-11-22T21:00:00"), ("2028-02-29T12:00:00", "2029-02-28T12:00:00")],
)
def test_a_year_later_it_is_the_same_day_and_time(now: str, then: str) -> None:
    assert in_a_year(datetime.fromisoformat(now).replace(tzinfo=UTC)) == datetime.fromisoformat(then).replace(
        tzinfo=UTC
    )


async def test_a_third_party_is_registered_submitted_and_given_its_secret_in_one_append(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    before = await head(parts)
    made = await a_third_party(parts, organization.id)
    assert await topics(parts, after=before) == [
        "application.registered",
        "application.secret_added",
        "application.submitted",
    ]
    row = await third_party_pages.one(parts.pool, made.id, parts.clock.now())
    assert row is not None
    assert (row["third_party_status"], row["audiences"], row["grant_types"]) == ("pending", [API], [CLIENT_CREDENTIALS])


async def test_of_many_registrations_of_an_identifier_one_succeeds(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    organization = await an_organization(parts)
    results = await asyncio.gather(
        *(
            third_parties.register(
                each.store,
                origin(),
                SYSTEM,
                organization=organization.id,
                identifier="shop",
                details=DETAILS,
                audience=API,
            )
            for each in [parts, await open_parts()] * 4
        ),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [type(refusal) for refusal in refused] == [refusals.ClientIdTaken] * 7


async def test_of_approvals_on_two_processes_one_succeeds(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    made = await a_third_party(parts, (await an_organization(parts)).id)
    before = await head(parts)
    processes = [parts, await open_parts()]
    results = await asyncio.gather(*(approve(each, made.id) for each in processes * 4), return_exceptions=True)
    refused = [type(result) for result in results if isinstance(result, BaseException)]
    assert refused == [refusals.ThirdPartyNotPending] * 7
    assert await topics(parts, after=before) == ["application.approved"]


async def test_what_is_edited_at_the_last_moment_is_not_what_was_approved(parts: StoreParts) -> None:
    made = await a_third_party(parts, (await an_organization(parts)).id)
    edit = third_parties.resubmit(
        parts.store, origin(), SYSTEM, application=made.id, audience=API, redirect_uris=["https://evil.example/cb"]
    )
    looked_at = made.submitted.submitted_at
    parts.clock.move(timedelta(seconds=1))
    with meanwhile(parts, lambda: edit), pytest.raises(refusals.SubmittedAgain):
        await approve(parts, made.id, submitted_at=looked_at)
    row = await rows.one(parts.pool, made.id)
    assert row is not None
    assert row["standing"] == "pending"


async def test_who_approves_holds_what_was_granted_at_the_last_moment(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    made = await a_third_party(parts, organization.id)
    asked = await grants.request(parts.store, origin(), SYSTEM, application=made.id, audience=API, scope=["all"])
    approver = backend(organization.id, "approve_grant")
    granting = grants.approve(parts.store, origin(ROOT), ROOT, grant=asked.value.id)
    with meanwhile(parts, lambda: granting), pytest.raises(refusals.MissingPermission):
        await approve(parts, made.id, approver)


async def test_a_batch_decides_again_on_what_moved_meanwhile(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    made = [await a_third_party(parts, organization.id) for _ in range(3)]
    rejection = third_parties.reject(parts.store, origin(ROOT), ROOT, application=made[1].id, reason="No")
    with meanwhile(parts, lambda: rejection) as decided:
        outcome = await third_party_batches.approve(parts.store, origin(ROOT), ROOT, ids=[str(one.id) for one in made])
    told = [one.refusal and one.refusal.code for one in outcome.value]
    assert told == [None, "third_party_not_pending", None]
    assert len(decided) == 2
    assert outcome.position == await head(parts)


async def test_a_batch_is_one_append_in_each_organization(parts: StoreParts) -> None:
    homes = [(await an_organization(parts)).id for _ in range(2)]
    made = [await a_third_party(parts, home) for home in (*homes, *homes)]
    before = await head(parts)
    await third_party_batches.approve(parts.store, origin(ROOT), ROOT, ids=[str(one.id) for one in made])
    entries = await read_page(parts.pool, after=before, until=2**62, limit=10)
    assert {(entry.stream, entry.organization) for entry in entries} == {(one.id, one.organization) for one in made}
    assert sorted(Counter(entry.causation for entry in entries).values()) == [2, 2]


async def test_of_secrets_that_are_reset_at_once_one_remains(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    made = await a_third_party(parts, (await an_organization(parts)).id)
    await approve(parts, made.id)
    processes = [parts, await open_parts()]
    results = await asyncio.gather(
        *(third_parties.reset_secret(each.store, origin(), SYSTEM, application=made.id) for each in processes * 3)
    )
    last = max(results, key=lambda outcome: outcome.position)
    [kept] = await rows.secrets_of(parts.pool, made.id)
    assert kept["id"] == last.value.secrets[0].id
    secret = last.value.secrets[0].text
    assert all(secret not in str(vars(event)) for event in await log(parts))


async def test_a_refused_command_leaves_nothing(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    creator, stranger = backend(organization.id), backend(uuid4())
    made = await a_third_party(parts, organization.id, creator)
    before = await head(parts)
    shop: dict[str, Any] = {"application": made.id}
    for refused, command in (
        (refusals.SelfApproval, third_parties.approve(parts.store, origin(creator), creator, **shop)),
        (refusals.UnknownThirdParty, third_parties.approve(parts.store, origin(stranger), stranger, **shop)),
        (refusals.UnknownThirdParty, third_parties.reset_secret(parts.store, origin(stranger), stranger, **shop)),
        (refusals.UnknownThirdParty, third_parties.delete(parts.store, origin(stranger), stranger, **shop)),
        (refusals.ThirdPartyNotEffective, third_parties.reset_secret(parts.store, origin(creator), creator, **shop)),
        (refusals.ReasonMissing, third_parties.reject(parts.store, origin(ROOT), ROOT, reason=" ", **shop)),
    ):
        with pytest.raises(refused):
            await command
    assert await head(parts) == before

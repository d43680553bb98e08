"""/api/third-parties: applications of others, which work only once somebody else than who registered them approved it.

`read_app` reads, `write_app` registers, edits and deletes, `approve_grant` approves and rejects. A third party signs
people in (`sso`), calls interfaces (`api`), or both; until it is approved, and once it is rejected, expired or deleted,
it has no token that works. Its secret is shown in the answer that made it and never again. The token of a caller may
stand in the header `X-Authorization-access_token` instead.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Literal

import pydantic

from domain.refusals import (
    AccountNotActive,
    ClientIdTaken,
    CreatorRequired,
    InvalidDescription,
    InvalidDomain,
    InvalidExpiry,
    InvalidIdentifier,
    InvalidName,
    InvalidReason,
    InvalidRedirectUri,
    MissingPermission,
    OwnDeletion,
    ReasonMissing,
    RootRequired,
    SelfApproval,
    SubmittedAgain,
    ThirdPartyEffective,
    ThirdPartyNotEffective,
    ThirdPartyNotPending,
    TooMany,
    UnknownAccount,
    UnknownThirdParty,
)
from domain.third_party import ScopeKind  # noqa: TC001 - pydantic reads it at run time
from projections import third_party_pages as rows
from service.commands import third_parties
from service.commands.third_parties import Details
from service.doors.third_parties import frame
from service.doors.third_parties.frame import GrantWord, Status  # noqa: TC001 - pydantic reads it at run time
from service.http.call import Answer, Call, no_content
from service.http.document import Document, Output
from service.http.input import Id, Input, Moment, Nothing
from service.http.paging import Listed, OrganizationPage, page
from service.http.token_header import TokenHeaderDoor

if TYPE_CHECKING:
    from domain.application import Application
    from service.commands.applications import WithSecrets

DOOR = TokenHeaderDoor("third-parties")
DETAILS = (InvalidName, InvalidDomain, InvalidDescription, InvalidRedirectUri, TooMany)


class ThirdParty(Output):
    """A third party. `identifier` is its client id; `domain` tells people where it is at home and decides nothing.

    `expires_at` is when its approval ends, `cause` why it was rejected. `trusted`: people may give it their passwords.
    `disabled`: it was approved, and taken out of use as an application.
    """

    id: Id
    organization: Id
    name: str
    identifier: str
    domain: str
    description: str | None
    scope_kinds: list[ScopeKind]
    grant_types: list[GrantWord]
    redirect_uris: list[str]
    status: Status
    trusted: bool
    disabled: bool
    expires_at: Moment | None
    created_by: Id
    submitted_by: Id
    submitted_at: Moment
    decided_by: Id | None
    decided_at: Moment | None
    cause: str | None
    created_at: Moment
    updated_at: Moment


class RegisteredThirdParty(ThirdParty):
    """The third party, with its secret, which is shown this once."""

    secret: str


class NewSecret(Output):
    """What the third party proves itself with from now on, shown this once; what it had before proves nothing."""

    id: Id
    identifier: str
    secret: str


DOCUMENT = Document(
    ThirdParty,
    identifier=("client_id", "client_id"),
    domain=("domain", "submission.domain"),
    description=("description", "submission.description"),
    scope_kinds=("scope_kinds", "submission.scope_kinds"),
    grant_types=(
        lambda row: frame.words_of(row["grant_types"]),
        lambda made: frame.words_of(made.settings.grant_types),
    ),
    name=("name", "settings.name"),
    redirect_uris=("redirect_uris", "settings.redirect_uris"),
    status=("third_party_status", "submission.standing"),
    trusted=("trusted", "settings.trusted"),
    disabled=(lambda row: row["status"] == "disabled", lambda made: made.status == "disabled"),
    expires_at=("effective_until", "submission.effective_until"),
    created_by=("created_by", "submission.created_by"),
    submitted_by=("submitted_by", "submission.submitted_by"),
    submitted_at=("submitted_at", "submission.submitted_at"),
    decided_by=("decided_by", "submission.decided_by"),
    decided_at=("decided_at", "submission.decided_at"),
    cause=("cause", "submission.cause"),
)


class Registration(Input):
    """A new third party. `identifier`, its client id, is of letters, digits and underscores, and never changes.

    Answers of sign-in go to `redirect_uris`, compared character by character.
    """

    name: str
    identifier: str
    domain: str
    scope_kinds: list[ScopeKind] = pydantic.Field(min_length=1, max_length=10)
    grant_types: list[GrantWord] = pydantic.Field(min_length=1, max_length=10)
    description: str | None = None
    redirect_uris: list[str] = pydantic.Field(default_factory=list)
    organization: Id | None = None


class Change(Input):
    """What is to be different, perhaps nothing; the identifier never changes. `description` null removes it."""

    name: str = ""
    domain: str = ""
    scope_kinds: list[ScopeKind] = pydantic.Field(default=[], min_length=1, max_length=10)
    grant_types: list[GrantWord] = pydantic.Field(default=[], min_length=1, max_length=10)
    description: str | None = None
    redirect_uris: list[str] = pydantic.Field(default_factory=list)


class Approval(Input):
    """Until when the third party may be used; null: for a year. `trusted`: people may give it their passwords.

    `submitted_at`, as it was shown, makes sure that nothing else is approved than was looked at.
    """

    expires_at: Moment | None = None
    trusted: bool = False
    submitted_at: Moment | None = None


class Rejection(Input):
    """Why, for whoever registered it."""

    reason: str


class Filter(OrganizationPage):
    """Which third parties. `search` is a part of the name or of the identifier, in upper or lower case."""

    status: Status | None = None
    search: str | None = None


class Deletion(Input):
    """Whether one that is in effect may go, too."""

    force: Literal["true", "false"] = "false"


def _shown(made: Application) -> Answer:
    return Answer(DOCUMENT.of(made))


def _registered(made: WithSecrets) -> Answer:
    return Answer({**DOCUMENT.of(made.application), "secret": made.secrets[0].text})


def _renewed(made: WithSecrets) -> Answer:
    application = made.application
    return Answer({"id": application.id, "identifier": application.client_id, "secret": made.secrets[0].text})


@DOOR.route(
    "POST",
    "/api/third-parties",
    permission="write_app",
    summary="Register a third party: it waits for approval",
    body=Registration,
    status=201,
    answer=RegisteredThirdParty,
    refuses=(UnknownAccount, AccountNotActive, InvalidIdentifier, ClientIdTaken, *DETAILS),
)
async def register(call: Call) -> Answer:
    body: Registration = call.body
    return await call.carry_out(
        third_parties.register,
        _registered,
        organization=body.organization or call.by.organization,
        identifier=body.identifier,
        details=Details(
            name=body.name,
            domain=body.domain,
            description=body.description,
            scope_kinds=body.scope_kinds,
            grant_types=frame.grants_of(body.grant_types),
            redirect_uris=body.redirect_uris,
        ),
        audience=call.parts.settings.default_audience,
    )


@DOOR.route(
    "GET",
    "/api/third-parties",
    permission="read_app",
    summary="List third parties",
    query=Filter,
    answer=Listed[ThirdParty],
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    query: Filter = call.query
    found = await rows.page(
        call.parts.store.pool,
        call.organization(query.organization),
        status=query.status,
        search=unicodedata.normalize("NFC", query.search).strip() or None if query.search else None,
        after=query.after,
        limit=query.wanted,
        now=call.parts.clock.now(),
    )
    return page(found, query, DOCUMENT.of_row)


@DOOR.route(
    "GET",
    "/api/third-parties/{third_party_id}",
    permission="read_app",
    summary="Read a third party",
    answer=ThirdParty,
    refuses=(UnknownThirdParty,),
)
async def one(call: Call) -> Answer:
    third_party = call.id("third_party_id", UnknownThirdParty)
    row = await rows.one(call.parts.store.pool, third_party, call.parts.clock.now())
    return Answer(DOCUMENT.of_row(call.seen(row, UnknownThirdParty)))


@DOOR.route(
    "PUT",
    "/api/third-parties/{third_party_id}",
    permission="write_app",
    summary="Edit a third party that is not in effect, and submit it for approval again",
    body=Change,
    answer=ThirdParty,
    refuses=(UnknownThirdParty, ThirdPartyEffective, CreatorRequired, RootRequired, MissingPermission, *DETAILS),
)
async def resubmit(call: Call) -> Answer:
    stated = call.body.stated()
    if "grant_types" in stated:
        stated["grant_types"] = frame.grants_of(stated["grant_types"])
    return await call.carry_out(
        third_parties.resubmit,
        _shown,
        application=call.id("third_party_id", UnknownThirdParty),
        audience=call.parts.settings.default_audience,
        **stated,
    )


@DOOR.route(
    "POST",
    "/api/third-parties/{third_party_id}/approve",
    permission="approve_grant",
    summary="Let a third party that waits be used",
    body=Approval,
    answer=ThirdParty,
    refuses=(
        UnknownThirdParty,
        InvalidExpiry,
        ThirdPartyNotPending,
        SubmittedAgain,
        SelfApproval,
        RootRequired,
        MissingPermission,
    ),
)
async def approve(call: Call) -> Answer:
    body: Approval = call.body
    third_party = call.id("third_party_id", UnknownThirdParty)
    return await call.carry_out(
        third_parties.approve,
        _shown,
        application=third_party,
        expires_at=body.expires_at,
        trusted=body.trusted,
        submitted_at=body.submitted_at,
    )


@DOOR.route(
    "POST",
    "/api/third-parties/{third_party_id}/reject",
    permission="approve_grant",
    summary="Let a third party not be used, also one that was: its tokens end",
    body=Rejection,
    answer=ThirdParty,
    refuses=(UnknownThirdParty, InvalidReason, ReasonMissing, ThirdPartyNotEffective, SelfApproval),
)
async def reject(call: Call) -> Answer:
    third_party = call.id("third_party_id", UnknownThirdParty)
    return await call.carry_out(third_parties.reject, _shown, application=third_party, reason=call.body.reason)


@DOOR.route(
    "POST",
    "/api/third-parties/{third_party_id}/reset-secret",
    permission="write_app",
    summary="Replace the secret of a third party that is in effect",
    body=Nothing,
    answer=NewSecret,
    refuses=(UnknownThirdParty, ThirdPartyNotEffective, CreatorRequired, RootRequired, MissingPermission),
)
async def reset_secret(call: Call) -> Answer:
    third_party = call.id("third_party_id", UnknownThirdParty)
    return await call.carry_out(third_parties.reset_secret, _renewed, application=third_party)


@DOOR.route(
    "DELETE",
    "/api/third-parties/{third_party_id}",
    permission="write_app",
    summary="Delete a third party: its tokens end",
    query=Deletion,
    status=204,
    refuses=(UnknownThirdParty, ThirdPartyEffective, OwnDeletion, MissingPermission),
)
async def delete(call: Call) -> Answer:
    third_party = call.id("third_party_id", UnknownThirdParty)
    force = call.query.force == "true"
    return await call.carry_out(third_parties.delete, no_content, application=third_party, force=force)

"""/console/third-parties: those that wait for approval, to be approved for a time or rejected with a reason.

Who submitted one is told so and decides nothing about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic

from domain.refusals import (
    InvalidExpiry,
    InvalidReason,
    ReasonMissing,
    SelfApproval,
    SubmittedAgain,
    ThirdPartyNotEffective,
    ThirdPartyNotPending,
    UnknownThirdParty,
)
from service.commands import third_parties
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import way_on
from service.pages.console import asked
from service.pages.console.administrator import done_with, seen_with
from service.pages.console.opening import APPROVE
from service.pages.console.waiting import APPROVING, PATH, REJECTING, page
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note_refusal, parameters
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from uuid import UUID

    from aiohttp import web

    from domain.refusals import Refusal
    from service.pages.console.administrator import Administrator

THIRD_PARTY, UNTIL, REASON, AFTER, DONE = "third_party", "until", "reason", "after", "done"
SUBMITTED_AT = "submitted_at"
OUTCOMES = ("approved", "rejected")
FAULTS: dict[type[Refusal], str] = {
    InvalidExpiry: "console_until_wrong",
    InvalidReason: "console_reason_missing",
    ReasonMissing: "console_reason_missing",
    SelfApproval: "console_own",
}
REFUSED: tuple[type[Refusal], ...] = (
    *FAULTS, UnknownThirdParty, ThirdPartyNotPending, ThirdPartyNotEffective, SubmittedAgain,
)  # fmt: skip
"""What is told on the page: by the words above, else that it is stale."""


class Waiting(pydantic.BaseModel):
    """Which page of them: those after one. `done`: what was just done; `organization`: where to sign in."""

    after: str = ""
    done: str = ""
    organization: str = ""


class ApproveForm(pydantic.BaseModel):
    """Which third party may be used, as it was submitted at a time, and the last day on which it may."""

    third_party: str
    submitted_at: str
    until: str
    organization: str = ""
    csrf: str = ""


class RejectForm(pydantic.BaseModel):
    """Which third party may not be used, and why."""

    third_party: str
    reason: str
    organization: str = ""
    csrf: str = ""


@seen_with(APPROVE)
async def show(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Answer the page of third parties that wait."""
    values = parameters(request, AFTER, DONE)
    done = values.get(DONE, "")
    after = asked.identifier(values.get(AFTER))
    return await page(request, who, after=after, notice=f"console_{done}" if done in OUTCOMES else "")


@done_with(APPROVE)
async def approve(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """Approve one, unless it was submitted again since it was shown: nobody has looked at that."""
    submitted_at = asked.moment(form.get(SUBMITTED_AT))

    async def decide(application: UUID) -> None:
        parts = request.app[PARTS]
        until = asked.end_of(form.get(UNTIL), UNTIL)
        await third_parties.approve(
            parts.store,
            who.origin(request),
            who.caller,
            application=application,
            expires_at=until,
            submitted_at=submitted_at,
        )

    return await _decided(request, who, form, decide, "approved")


@done_with(APPROVE)
async def reject(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """Reject one."""

    async def decide(application: UUID) -> None:
        parts = request.app[PARTS]
        reason = form.get(REASON, "").strip()
        await third_parties.reject(parts.store, who.origin(request), who.caller, application=application, reason=reason)

    return await _decided(request, who, form, decide, "rejected")


async def _decided(
    request: web.Request,
    who: Administrator,
    form: Mapping[str, str],
    decide: Callable[[UUID], Awaitable[None]],
    outcome: str,
) -> web.StreamResponse:
    application = asked.required(form.get(THIRD_PARTY))
    try:
        await decide(application)
    except REFUSED as refusal:
        status = note_refusal(request, refusal, who.signed_in)
        return await page(request, who, status=status, notice=FAULTS.get(type(refusal), "form_stale"), bad=True)
    home = {way_on.ORGANIZATION: str(who.signed_in.organization)}
    return way_on.to(request.app[PARTS], PATH, **home, **{DONE: outcome})


DECIDED = {
    303: ELSEWHERE,
    400: html("The form cannot be read, or lacks the reason or a day to come."),
    403: html("The form is none of ours, or whoever is signed in may not decide about this one."),
    404: html("There is no such third party."),
    409: html("It does not wait any more, or was submitted again."),
    **UNREADABLE,
    **FAILED,
}
ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "The third parties that wait for approval",
        {
            200: html("The page."), 303: ELSEWHERE, 400: html("A parameter cannot be read."),
            403: html("Whoever is signed in may not approve third parties."), **FAILED,
        },
        query=Waiting,
    ),
    Endpoint(
        "POST", APPROVING, approve, Group.PAGES, "pages", "Approve a third party",
        DECIDED, body=ApproveForm, reads=(FORM,),
    ),
    Endpoint(
        "POST", REJECTING, reject, Group.PAGES, "pages", "Reject a third party",
        DECIDED, body=RejectForm, reads=(FORM,),
    ),
)  # fmt: skip

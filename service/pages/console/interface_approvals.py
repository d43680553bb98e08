"""/console/interface-approvals: interface grants that wait, approved for a time and with limits, or rejected.

Who asked for one is told so and does not approve it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.refusals import (
    ApplicationNotActive,
    GrantNotEffective,
    GrantNotPending,
    InvalidExpiry,
    InvalidFrequency,
    InvalidReason,
    ReasonMissing,
    RequestedAgain,
    SelfApproval,
    SignInOnly,
    ThirdPartyNotEffective,
    UnknownApplication,
    UnknownInterface,
    UnknownInterfaceGrant,
)
from service.commands import interface_grants
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import way_on
from service.pages.console import asked
from service.pages.console.administrator import done_with, seen_with
from service.pages.console.grant_filters import DONE, FIELDS, Filtered, GrantFilter, wanted
from service.pages.console.opening import APPROVE
from service.pages.console.pending_grants import APPROVING, PATH, REJECTING, page
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note_refusal, parameters
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from uuid import UUID

    from aiohttp import web

    from domain.refusals import Refusal
    from service.pages.console.administrator import Administrator

GRANT, REQUESTED_AT, UNTIL, FREQUENCY, TEST_FREQUENCY = "grant", "requested_at", "until", "frequency", "test_frequency"
REASON, COUNT, LEFT = "reason", "count", "left"
OUTCOMES = ("approved", "rejected", "approved_all")
FAULTS: dict[type[Refusal], str] = {
    InvalidExpiry: "console_until_wrong",
    InvalidFrequency: "console_grants_frequency_wrong",
    InvalidReason: "console_reason_missing",
    ReasonMissing: "console_reason_missing",
    SelfApproval: "console_own",
    ApplicationNotActive: "console_grants_not_usable",
    SignInOnly: "console_grants_not_usable",
    ThirdPartyNotEffective: "console_grants_not_usable",
}
REFUSED: tuple[type[Refusal], ...] = (
    *FAULTS, UnknownInterfaceGrant, UnknownApplication, UnknownInterface, GrantNotPending, GrantNotEffective,
    RequestedAgain,
)  # fmt: skip
"""What is told on the page: by the words above, else that it is stale."""


class GrantApproval(Filtered):
    """Which grant, as it was requested at a time, is in force to the end of a day, and for how many calls a minute."""

    grant: str
    requested_at: str
    until: str
    frequency: str
    test_frequency: str


class GrantRejection(Filtered):
    """Which grant is not in force, and why."""

    grant: str
    reason: str


@seen_with(APPROVE)
async def show(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Answer the page of grants that wait."""
    values = parameters(request, *FIELDS, DONE, COUNT, LEFT)
    done = values.get(DONE, "")
    return await page(
        request,
        who,
        wanted(values),
        notice=f"console_approvals_{done}" if done in OUTCOMES else "",
        told={name: asked.number(values.get(name)) or 0 for name in (COUNT, LEFT)},
    )


@done_with(APPROVE)
async def approve(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """Approve one, unless it was requested again since it was shown: nobody has looked at that."""
    requested_at = asked.moment(form.get(REQUESTED_AT))

    async def decide(grant: UUID) -> None:
        await interface_grants.approve(
            request.app[PARTS].store,
            who.origin(request),
            who.caller,
            grant=grant,
            expires_at=asked.end_of(form.get(UNTIL), UNTIL),
            frequency=asked.calls(form.get(FREQUENCY), FREQUENCY),
            test_frequency=asked.calls(form.get(TEST_FREQUENCY), TEST_FREQUENCY),
            requested_at=requested_at,
        )

    return await _decided(request, who, form, decide, "approved")


@done_with(APPROVE)
async def reject(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """Reject one."""

    async def decide(grant: UUID) -> None:
        reason = form.get(REASON, "").strip()
        store, origin = request.app[PARTS].store, who.origin(request)
        await interface_grants.reject(store, origin, who.caller, grant=grant, reason=reason)

    return await _decided(request, who, form, decide, "rejected")


async def _decided(
    request: web.Request,
    who: Administrator,
    form: Mapping[str, str],
    decide: Callable[[UUID], Awaitable[None]],
    outcome: str,
) -> web.StreamResponse:
    grant, chosen = asked.required(form.get(GRANT)), wanted(form)
    try:
        await decide(grant)
    except REFUSED as refusal:
        status = note_refusal(request, refusal, who.signed_in)
        return await page(request, who, chosen, status=status, notice=FAULTS.get(type(refusal), "form_stale"), bad=True)
    home = {way_on.ORGANIZATION: str(who.signed_in.organization)}
    return way_on.to(request.app[PARTS], PATH, **home, **chosen.fields, **{DONE: outcome})


DECIDED = {
    303: ELSEWHERE,
    400: html("The form cannot be read, or lacks the reason, the limits or a day to come."),
    403: html("The form is none of ours, or whoever is signed in may not decide about this one."),
    404: html("There is no such grant."),
    409: html("It does not wait any more, was requested again, or its application may not be used."),
    **UNREADABLE,
    **FAILED,
}
ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "The interface grants that wait for approval",
        {
            200: html("The page."), 303: ELSEWHERE, 400: html("A parameter cannot be read."),
            403: html("Whoever is signed in may not approve interface grants."), **FAILED,
        },
        query=GrantFilter,
    ),
    Endpoint(
        "POST", APPROVING, approve, Group.PAGES, "pages", "Approve an interface grant",
        DECIDED, body=GrantApproval, reads=(FORM,),
    ),
    Endpoint(
        "POST", REJECTING, reject, Group.PAGES, "pages", "Reject an interface grant",
        DECIDED, body=GrantRejection, reads=(FORM,),
    ),
)  # fmt: skip

"""The givens of tests about interface grants at the console: interfaces, requests that wait, and calls on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from service.store import interface_calls
from service.store.interface_calls import LoggedCall

if TYPE_CHECKING:
    from tests.service.pages.people import Firm
    from tests.service.pages.visitor import Answer, Form, Visitor

APPROVALS = "/console/interface-approvals"
APPROVE, REJECT, APPROVE_ALL = f"{APPROVALS}/approve", f"{APPROVALS}/reject", f"{APPROVALS}/all"
GRANTS = "/console/interface-grants"
DELETE, CHOOSE, REQUEST_ALL = f"{GRANTS}/delete", f"{GRANTS}/choose", f"{GRANTS}/request-all"
CALLS = "/console/interface-logs"
FORMS = (APPROVE, REJECT, APPROVE_ALL, DELETE, CHOOSE, REQUEST_ALL)
APPROVES, READS, REQUESTS = ("approve_grant",), ("read_grant",), ("read_grant", "write_app")


async def a_resource(firm: Firm, name: str = "Orders") -> Any:
    return await firm.app.api_resource(firm.organization, firm.token, name=name)


async def an_interface(firm: Firm, resource: Any = None, **more: Any) -> Any:
    """Make an interface, of a new API resource unless one is given."""
    return await firm.app.interface(resource or await a_resource(firm), firm.token, **more)


async def a_request(
    firm: Firm, *interfaces: Any, application: Any = None, token: str | None = None, **more: Any
) -> list[Any]:
    """Ask for interfaces, of a new one when none is given, by the organization's back end; return the grants."""
    wanted = interfaces or (await an_interface(firm),)
    body = {
        "application": (application or firm.application)["id"],
        "interfaces": [{"interface": one["id"]} for one in wanted],
        **more,
    }
    return (await firm.app.made("/api/interface-grants", body, token or firm.token))["requested"]


async def approved(firm: Firm, *interfaces: Any, **more: Any) -> list[Any]:
    """Ask for interfaces, and let somebody else approve them."""
    made = await a_request(firm, *interfaces, **more)
    approver = await firm.app.manager(firm.organization, "approve_grant")
    for one in made:
        await firm.app.made(f"/api/interface-grants/{one['id']}/approve", {}, approver)
    return made


async def state(firm: Firm, grant: Any) -> Any:
    """Return a grant as it is now."""
    reply = await firm.app.call("GET", f"/api/interface-grants/{grant['id']}", firm.token)
    assert reply.status == 200, reply.text
    return reply.json


async def of_application(firm: Firm, application: Any = None) -> list[Any]:
    """Return all grants of an application."""
    query = {"application": (application or firm.application)["id"], "limit": "200"}
    return (await firm.app.call("GET", "/api/interface-grants", firm.token, params=query)).json["items"]


def form_about(page: Answer, path: str, grant: Any) -> Form:
    """Return the form of a page that goes there for a grant, as its button sends it."""
    [form] = [form for form in page.page.forms if form.action == path and ("grant", grant["id"]) in form.buttons]
    form.fields["grant"] = grant["id"]
    return form


def pick(interface: Any) -> str:
    """Return the name of the field that is ticked for an interface."""
    return f"pick.{interface['id']}"


async def every_page(firm: Firm, visitor: Visitor) -> dict[str, Answer]:
    """Return each page about grants and calls by name, as somebody sees it who may do everything."""
    [grant] = await a_request(firm)
    await approved(firm)
    await an_interface(firm)
    await a_call(firm, application=UUID(firm.application["id"]), cause="grant_missing")
    own = {"application": firm.application["id"]}
    waiting, selector = await visitor.open(APPROVALS), await visitor.open(CHOOSE, **own)
    rejecting = form_about(waiting, REJECT, grant)
    question = await visitor.open(APPROVE_ALL, submitted_before=firm.app.parts.clock.now().isoformat())
    return {
        "approvals": waiting,
        "approvals, nothing found": await visitor.open(APPROVALS, search="no such interface"),
        "approvals, no reason": await visitor.submit(rejecting),
        "approvals, forged": await visitor.submit(rejecting, csrf=""),
        "approvals, rejected": await visitor.open((await visitor.submit(rejecting, reason="x")).next),
        "approvals, question": question,
        "approvals, question, past": await visitor.submit(question.form, until="2020-01-01"),
        "approvals, all": await visitor.open((await visitor.submit(question.form)).next),
        "grants": await visitor.open(GRANTS),
        "grants of one": await visitor.open(GRANTS, **own),
        "grants, nothing found": await visitor.open(GRANTS, search="no such interface"),
        "grants, rejection": await visitor.open(REJECT, grant=grant["id"]),
        "grants, none to reject": await visitor.open(REJECT, grant=str(uuid4())),
        "grants, unknown": await visitor.open(GRANTS, application=str(uuid4())),
        "selector": selector,
        "selector, nothing": await visitor.submit(selector.form, do="request"),
        "selector, question": await visitor.open(REQUEST_ALL, **own),
        "calls": await visitor.open(CALLS),
        "calls, nothing found": await visitor.open(CALLS, path="/no/such/path"),
    }


async def a_call(firm: Firm, **more: Any) -> LoggedCall:
    """Put a call on record that a gateway of the organization asked about: allowed, unless told otherwise."""
    parts = firm.app.parts
    call = LoggedCall(**{
        "id": parts.clock.new_id(), "at": parts.clock.now(), "organization": UUID(firm.organization), "resource": None,
        "interface": None, "gateway": UUID(firm.application["id"]), "application": None, "user": None,
        "client_id": None, "address": "203.0.113.9", "method": "GET", "path": f"/orders/{uuid4().hex}", "test": False,
        "status": 200 if more.get("cause") is None else 403, "cause": None, "times": 1, **more,
    })  # fmt: skip
    await interface_calls.write(parts.store.pool, [call])
    return call

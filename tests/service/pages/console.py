"""The givens of tests about the console: programs of an organization with tokens, for end users perhaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.app_fixture import AUDIENCE

if TYPE_CHECKING:
    from tests.app_fixture import Running
    from tests.service.pages.people import Firm
    from tests.service.pages.visitor import Answer, Form, Visitor

SEES, ENDS, APPROVES = ("read_token",), ("read_token", "revoke_token"), ("approve_grant",)
ONE, ALL = "/console/tokens/revoke", "/console/tokens/revoke-all"
THIRD_PARTIES = "/console/third-parties"
APPROVE, REJECT = f"{THIRD_PARTIES}/approve", f"{THIRD_PARTIES}/reject"
FORMS = (ONE, ALL, APPROVE, REJECT)
INTERFACES, NEW_RESOURCE = "/console/interfaces", "/console/api-resources/new"
LIMITING, NEW_INTERFACE = f"{INTERFACES}/submit-limit", f"{INTERFACES}/new"
IMPORT, CONFIRM = f"{INTERFACES}/import", f"{INTERFACES}/import/confirm"


@dataclass
class Program:
    """An application that has tokens of its own."""

    app: Running
    made: Any

    @property
    def id(self) -> str:
        return self.made["id"]

    @property
    def page(self) -> str:
        return f"/console/applications/{self.id}"

    async def token(self, end_user: str | None = None) -> str:
        """Return a new token, for an end user if one is named."""
        form = {
            "grant_type": "client_credentials",
            "audience": AUDIENCE,
            "client_id": self.made["client_id"],
            "client_secret": self.made["secrets"][0]["secret"],
        }
        headers = {} if end_user is None else {"appuserID": end_user}
        reply = await self.app.call("POST", "/oauth2/token", "", data=form, headers=headers)
        assert reply.status == 200, reply.text
        return reply.json["access_token"]

    async def works(self, token: str) -> bool:
        """Say whether a token opens anything."""
        reply = await self.app.call("GET", f"/api/users/{uuid4()}", token)
        assert reply.status in {401, 404}, reply.text
        return reply.status == 404


async def a_program(firm: Firm, name: str = "Ledger", **more: Any) -> Program:
    made = {"name": name, "permissions": ["read_user"], "end_user_from": "header:appuserID", **more}
    return Program(firm.app, await firm.app.application(organization=firm.organization, **made))


async def a_third_party(firm: Firm, identifier: str, **more: Any) -> Any:
    """Register a third party, by the organization's back end."""
    body = {
        "name": "Weather",
        "identifier": identifier,
        "domain": "https://weather.example",
        "description": "Shows the weather.",
        "scope_kinds": ["sso", "api"],
        "grant_types": ["code"],
        "redirect_uris": ["https://weather.example/callback"],
        **more,
    }
    return await firm.app.made("/api/third-parties", body, firm.token)


def tokens_of(page: Answer) -> list[str]:
    """Return the ids of the tokens that a page shows, in its order."""
    rows = page.text.split('<tr role="row">')[2:]
    return [row.partition("<code>")[2].partition("</code>")[0] for row in rows]


def offered(page: Answer) -> dict[str, Form]:
    """Return the forms that end one token, by its id."""
    return {form.buttons[0][1]: form for form in page.page.forms if form.action == ONE}


async def press(visitor: Visitor, page: Answer, token: str) -> Answer:
    """Press the button that ends a token."""
    return await visitor.submit(offered(page)[token], token=token)


def of_resource(resource: Any) -> str:
    """Return the path of the page of an API resource."""
    return f"/console/api-resources/{resource['id']}"


def of_interface(interface: Any, page: str) -> str:
    """Return the path of a page of an interface."""
    return f"{INTERFACES}/{interface['id']}/{page}"


def registry_pages(resource: Any, interface: Any) -> tuple[str, ...]:
    """Return the pages of the registry: three that are seen with `read_api`, and those that change it."""
    return (
        INTERFACES,
        f"{INTERFACES}/all",
        of_resource(resource),
        NEW_RESOURCE,
        f"{of_resource(resource)}/edit",
        f"{of_resource(resource)}/delete",
        f"{NEW_INTERFACE}?resource={resource['id']}",
        of_interface(interface, "edit"),
        of_interface(interface, "delete"),
        IMPORT,
    )

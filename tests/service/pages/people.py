"""The givens of tests about people at our pages: an organization with an application, and somebody who signs in."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.service.pages.visitor import Visitor

if TYPE_CHECKING:
    from tests.app_fixture import Running
    from tests.service.pages.visitor import Answer

CALLBACK = "https://crm.example.com/callback"
PASSWORD = "correct horse battery staple"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Person:
    """Somebody with a password, and perhaps a role."""

    id: str
    username: str
    email: str
    password: str = PASSWORD
    role: str | None = None


@dataclass
class Firm:
    """An organization, the token of its back end, and an application that its people use."""

    app: Running
    organization: str
    token: str
    application: Any

    @property
    def client_id(self) -> str:
        return self.application["client_id"]

    async def person(self, **more: Any) -> Person:
        username = f"ada_{uuid4().hex[:12]}"
        email = f"{username}@example.com"
        body = {"username": username, "primaryEmail": email, "password": PASSWORD, "name": "Ada Lovelace", **more}
        made = await self.app.made("/api/users", body, self.token)
        return Person(made["id"], username, email)

    async def administrator(self, *permissions: str) -> Person:
        """Return somebody with a role that holds these permissions."""
        made = {"name": f"role-{uuid4().hex[:12]}", "permissions": list(permissions)}
        role = await self.app.made("/api/roles", made, self.token)
        somebody = await self.person()
        reply = await self.app.call("PUT", f"/api/users/{somebody.id}/roles/{role['id']}", self.token)
        assert reply.status == 204, reply.text
        return Person(somebody.id, somebody.username, somebody.email, role=role["id"])

    def asking(self, **more: str | None) -> dict[str, str]:
        """Return the parameters of an authorization request."""
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid profile",
            "state": "s1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in {**parameters, **more}.items() if value is not None}

    async def ask(self, visitor: Visitor, **more: str | None) -> Answer:
        """Send a visitor here with an authorization request, and follow to the page that it leads to."""
        answer = await visitor.open("/oauth2/authorize", **self.asking(**more))
        return await visitor.open(answer.next) if answer.status == 303 and answer.next.startswith("/") else answer

    async def signed_in(self, person: Person, **more: Any) -> Visitor:
        """Return a visitor who signed in to the account page."""
        visitor = Visitor(self.app, **more)
        page = await visitor.open("/login", organization=self.organization)
        answer = await sign_in(visitor, page, person)
        assert answer.next == f"/account?organization={self.organization}"
        return visitor

    async def consented(self, visitor: Visitor, **more: str | None) -> dict[str, str]:
        """Let the application have what it asks for; return what it is told."""
        page = await self.ask(visitor, **more)
        return (await visitor.submit(page.form, decision="allow")).given

    async def token_of(self, code: str) -> dict[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        data = {**form, "client_id": self.client_id, "code_verifier": VERIFIER}
        reply = await self.app.call("POST", "/oauth2/token", "", data=data)
        assert reply.status == 200, reply.text
        return reply.json


async def sign_in(visitor: Visitor, page: Answer, person: Person, **more: str) -> Answer:
    return await visitor.submit(page.form, **{"identifier": person.username, "password": person.password, **more})


async def a_firm(app: Running, called: str = "Acme", **more: Any) -> Firm:
    """Make an organization with an application; `more` is what of the application differs."""
    organization = await app.organization(called)
    application = await app.application(**{
        "organization": organization, "kind": "spa", "name": "Atlas CRM", "redirect_uris": [CALLBACK], "secrets": [],
        "audiences": [], **more,
    })  # fmt: skip
    return Firm(app, organization, await app.manager(organization, "all"), application)

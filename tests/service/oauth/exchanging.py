"""How these tests come by personal access tokens and exchange them: a person, and an application that may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain.grant_types import CLIENT_CREDENTIALS, TOKEN_EXCHANGE
from tests.service.oauth.asking import INTROSPECT, SETTINGS_TOKEN
from tests.service.oauth.persons import Person, a_person, an_app, credentials

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.oauth.asking import Back

PERSONAL = "urn:logto:token-type:personal_access_token"
API = "https://api.test"
GRANTS = [TOKEN_EXCHANGE, CLIENT_CREDENTIALS]


@dataclass
class Scene:
    """An organization with a person, and an application that may exchange what they have."""

    app: Running
    organization: str
    back: Back
    ada: Person

    async def token(self, name: str = "laptop", *, user: UUID | None = None, **body: Any) -> str:
        """Return the value of a new token of Ada's, or of somebody else's."""
        made = await self.app.made(self.path(user), {"name": name, **body})
        return made["value"]

    def path(self, user: UUID | None = None) -> str:
        return f"/api/users/{user or self.ada.id}/personal-access-tokens"

    async def delete(self, name: str = "laptop", app: Running | None = None) -> None:
        assert (await (app or self.app).call("DELETE", f"{self.path()}/{name}")).status == 204

    async def exchange(
        self,
        token: str,
        back: Back | None = None,
        *,
        app: Running | None = None,
        path: str = SETTINGS_TOKEN,
        **form: str,
    ) -> Reply:
        """Exchange a token; what is empty is left out."""
        data = {"grant_type": TOKEN_EXCHANGE, "subject_token": token, "subject_token_type": PERSONAL}
        data |= credentials(back or self.back) | form
        data = {name: value for name, value in data.items() if value}
        return await (app or self.app).call("POST", path, "", data=data)

    async def exchanged(self, token: str, **form: Any) -> str:
        reply = await self.exchange(token, **form)
        assert reply.status == 200, reply.text
        return reply.json["access_token"]

    async def worth(self, token: str, app: Running | None = None, back: Back | None = None) -> Any:
        data = {**credentials(back or self.back), "token": token}
        return (await (app or self.app).call("POST", INTROSPECT, "", data=data)).json

    async def account(self, member: UUID | None = None, name: str = "Branch") -> tuple[str, str]:
        """Make an account that somebody is a member of, Ada unless said otherwise; return it and the membership."""
        account = await self.app.made(f"/api/accounts/{self.organization}/accounts", {"name": name})
        return account["id"], await self.join(account["id"], member)

    async def join(self, account: str, member: UUID | None = None) -> str:
        body = {"user_id": str(member or self.ada.id), "role": "viewer"}
        return (await self.app.made(f"/api/accounts/{account}/members", body))["id"]


async def a_scene(app: Running, **settings: Any) -> Scene:
    organization = await app.organization()
    return Scene(app, organization, await _back(app, organization, settings), await a_person(app, organization))


async def a_remote_scene(app: Running) -> Scene:
    """Return a scene of a service of which there is nothing at hand but its interface."""
    organization = await app.organization()
    ada = (await app.made("/api/users", {"organizationId": organization}))["id"]
    person = Person(UUID(ada), UUID(organization), "")
    return Scene(app, organization, await _back(app, organization, {}), person)


async def _back(app: Running, organization: str, settings: dict[str, Any]) -> Back:
    settings = {"kind": "machine", "grant_types": GRANTS, "permissions": ["files", "mail", "read_user"]} | settings
    audiences = settings.pop("audiences", [API])
    back = await an_app(app, organization, **settings)
    assert (await app.call("PATCH", f"/api/applications/{back.id}", json={"audiences": audiences})).status == 200
    return back

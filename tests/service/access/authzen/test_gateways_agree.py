"""What an evaluation says of a call is what a gateway is told of it, as long as the call is not one too many."""

from __future__ import annotations

import pytest
import pytest_asyncio

from tests.service.access.asked import told, verify
from tests.service.access.authzen.given import EVALUATION, application, called, question, thing
from tests.service.access.guarded import guarded

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def firm(app):
    return await guarded(app)


async def agreed(firm, interface, method: str = "GET") -> str:
    """Return the code that both have for a call of the client, once it is one and the same."""
    _, code = told(await verify(firm, method, interface["path"]))
    asking = await firm.app.token(*firm.proof)
    asked = question(application(firm.client), called(method), thing("interface", interface["id"]))
    reply = await firm.app.call("POST", EVALUATION, asking, json=asked)
    assert reply.json["context"]["code"] == (code or "allowed")
    return reply.json["context"]["code"]


async def test_they_agree_on_a_grant_from_its_request_to_its_end(firm):
    interface = await firm.interface(granted=False)
    assert await agreed(firm, interface) == "grant_missing"
    body = {"application": firm.client["id"], "interfaces": [{"interface": interface["id"]}]}
    [grant] = (await firm.app.made("/api/interface-grants", body, firm.manager))["requested"]
    path = f"/api/interface-grants/{grant['id']}"
    assert await agreed(firm, interface) == "grant_pending"
    await firm.app.call("POST", f"{path}/reject", json={"reason": "No"})
    assert await agreed(firm, interface) == "grant_rejected"
    await firm.grant(interface)
    assert await agreed(firm, interface) == "allowed"
    await firm.app.call("DELETE", path)
    assert await agreed(firm, interface) == "grant_missing"


async def test_they_agree_on_what_is_open_to_anybody_and_on_what_may_change_nothing(firm):
    assert await agreed(firm, await firm.interface(granted=False, scope="anonymous")) == "allowed"
    limited = await firm.interface(method="*", submit_limited=True)
    assert await agreed(firm, limited) == "allowed"
    assert await agreed(firm, limited, "POST") == "submit_limited"
    settings = f"/api/organizations/{firm.organization}/settings"
    assert (await firm.app.call("PUT", settings, json={"submit_limited": True})).status == 200
    assert await agreed(firm, await firm.interface(method="DELETE"), "DELETE") == "submit_limited"
    assert await agreed(firm, await firm.interface()) == "allowed"


async def test_they_agree_on_an_application_that_is_out_of_use(firm):
    """A gateway looks at the token first, which is dead: neither lets the call pass."""
    interface = await firm.interface()
    assert await agreed(firm, interface) == "allowed"
    await firm.app.call("POST", f"/api/applications/{firm.client['id']}/disable", json={})
    assert (await verify(firm, "GET", interface["path"])).status in {401, 403}
    asked = question(application(firm.client), "call", thing("interface", interface["id"]))
    asking = await firm.app.token(*firm.proof)
    reply = await firm.app.call("POST", EVALUATION, asking, json=asked)
    assert reply.json["context"]["code"] == "client_not_effective"

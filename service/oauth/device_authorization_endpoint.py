"""POST /oauth2/device_authorization (RFC 8628 section 3.1): a device asks, and gets the code that a person types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.grant_types import DEVICE_CODE
from service import authority
from service.commands import devices
from service.http.endpoint import Endpoint, Reply
from service.http.group import Group
from service.http.request import client_address
from service.oauth import answers, people, shapes
from service.oauth.client_authentication import presented
from service.oauth.endpoint import admit, endpoint
from service.oauth.errors import invalid_client, slow_down, unauthorized_client
from service.oauth.shapes import POSITION
from service.parts import PRESENTED_CLIENT, REQUEST_ID
from service.sign_in import source_of
from service.store.decision import Origin
from service.store.device_polls import INTERVAL
from service.store.throttle import Bucket

if TYPE_CHECKING:
    from uuid import UUID

    from aiohttp import web

    from service.oauth.clients import Client
    from service.parts import Parts

PAGE = "/device"


async def authorize(request: web.Request, parts: Parts, parameters: dict[str, str]) -> web.Response:
    """Let a device wait. What it may have at most is settled now; a person decides whether, later."""
    credentials = presented(request, parameters)
    request[PRESENTED_CLIENT] = credentials.client_id
    client = await parts.issuer.authenticate(credentials, public=True)
    admit(request, parts, client)
    _require_grant(client)
    if not client.confidential:
        await _throttle(parts, client_address(request))
    issuer = parts.settings.issuer
    audience = people.audience_for_people(client, parameters, issuer)
    anybodys = authority.anybodys(parts.settings.management_audiences, audience)
    scope = people.scope_for_people(
        client, audience, parameters.get("scope"), parts.clock.now(), issuer, roles=anybodys
    )
    waiting, position = await devices.request(
        parts.store,
        _origin(parts, client, request[REQUEST_ID]),
        ring=parts.ring,
        organization=client.organization,
        application=client.id,
        scope=" ".join(scope),
        audience=audience,
    )
    body = {
        "device_code": waiting.device_code,
        "user_code": waiting.user_code,
        "verification_uri": f"{issuer}{PAGE}",
        "verification_uri_complete": f"{issuer}{PAGE}?user_code={waiting.user_code}",
        "expires_in": int(waiting.lifetime.total_seconds()),
        "interval": INTERVAL,
    }
    return answers.document(body, headers={POSITION: str(position)})


ENDPOINT = Endpoint(
    "POST",
    "/oauth2/device_authorization",
    endpoint(authorize, "device authorization"),
    Group.OAUTH,
    "oauth",
    "Let a device without a browser wait for a person",
    shapes.replies(Reply("The codes.", shapes.DeviceAuthorization, headers=(POSITION,))),
    body=shapes.DeviceAuthorizationRequest,
    client=True,
    errors=shapes.DEVICE_ERRORS,
)


def _require_grant(client: Client) -> None:
    if not client.may(DEVICE_CODE):
        raise unauthorized_client("This client may not use the device grant")


async def _throttle(parts: Parts, address: str) -> None:
    """Hold back whoever names a public client, as anybody can, to fill the log."""
    wait = await parts.throttle.wait(Bucket.of("device-request", source_of(address), burst=60, every=5))
    if wait:
        raise slow_down(wait)


def _origin(parts: Parts, client: Client, request_id: UUID) -> Origin:
    """Return where the command comes from. A client that changed meanwhile is judged again, not authenticated again."""

    async def renew() -> Origin:
        present = await parts.clients.fresh(client.client_id)
        if present is None or not present.in_use(parts.clock.now()):
            raise invalid_client("application or organization is not in use")
        _require_grant(present)
        return _origin(parts, present, request_id)

    return Origin(client.id, client.organization, client.id, request_id, reads=client.guards, renew=renew)

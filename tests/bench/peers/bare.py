"""The floor of any Python service: aiohttp handlers that sign an ES256 token and do nothing else.

They read no form, authenticate nobody and store nothing, so a figure near theirs is near what the framework and the
signature alone allow. One answers with the token, one as a gateway is answered, and a third so without a signature:
what the framework alone allows. Prints one line with its URL when it listens; ends on SIGTERM.
"""

from __future__ import annotations

import time
import uuid

import jwt
import msgspec
import uvloop
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "127.0.0.1"
LIFETIME = 3600  # seconds
PASSES = {
    "Muniment-Client-Id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "Muniment-Application": "01890a5d-ac96-774b-bcce-b302099a8057",
    "Muniment-User": "",
    "Muniment-Account": "",
    "Muniment-Scope": "orders",
    "Muniment-Interface": "interface-1",
    "Muniment-Request-Id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "Cache-Control": "no-store",
}


def application() -> web.Application:
    """Return the application: a POST is answered with a fresh token, a GET says that a call may pass."""
    key = ec.generate_private_key(ec.SECP256R1())

    def signed() -> str:
        now = int(time.time())
        claims = {
            "iss": f"http://{HOST}",
            "sub": "bench",
            "client_id": "bench",
            "aud": "https://api.bench.test",
            "iat": now,
            "exp": now + LIFETIME,
            "jti": str(uuid.uuid4()),
            "scope": "read_token",
        }
        return jwt.encode(claims, key, algorithm="ES256", headers={"typ": "at+jwt", "kid": "bench"})

    async def token(_request: web.Request) -> web.Response:
        answer = {"access_token": signed(), "token_type": "Bearer", "expires_in": LIFETIME, "scope": "read_token"}
        return web.Response(
            body=msgspec.json.encode(answer),
            content_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    async def decide(_request: web.Request) -> web.Response:
        signed()
        return web.Response(headers=PASSES)

    async def hello(_request: web.Request) -> web.Response:
        return web.Response(headers=PASSES)

    app = web.Application()
    app.router.add_post("/oauth2/token", token)
    app.router.add_get("/decide", decide)
    app.router.add_get("/hello", hello)
    return app


if __name__ == "__main__":
    # aiohttp's own banner is the ready line; a port of 0 appears in it resolved.
    web.run_app(application(), host=HOST, port=0, access_log=None, loop=uvloop.new_event_loop())

"""The floor of any Python issuer: an aiohttp handler that signs an ES256 token and does nothing else.

It reads no form, authenticates nobody and stores nothing, so a figure near its own is near what the framework and the
signature alone allow. Prints one line with its URL when it listens; ends on SIGTERM.
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


def application() -> web.Application:
    """Return the application: every POST to the token path is answered with a fresh token."""
    key = ec.generate_private_key(ec.SECP256R1())

    async def token(_request: web.Request) -> web.Response:
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
        signed = jwt.encode(claims, key, algorithm="ES256", headers={"typ": "at+jwt", "kid": "bench"})
        answer = {"access_token": signed, "token_type": "Bearer", "expires_in": LIFETIME, "scope": "read_token"}
        return web.Response(
            body=msgspec.json.encode(answer),
            content_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    app = web.Application()
    app.router.add_post("/oauth2/token", token)
    return app


if __name__ == "__main__":
    # aiohttp's own banner is the ready line; a port of 0 appears in it resolved.
    web.run_app(application(), host=HOST, port=0, access_log=None, loop=uvloop.new_event_loop())

"""Everything is logged that could be, at the lowest level, by ours and by libraries: no secret is among it."""

from __future__ import annotations

import asyncio
import base64
import io
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import structlog
from aiohttp import encode_basic_auth, web

from service.operations.logging import LibraryHandler, configure
from service.secrets import signing
from service.secrets.digests import ACCESS_TOKEN, CLIENT_SECRET, REFRESH_TOKEN, new_secret
from service.store.idempotency import Idempotency, StoredAnswer
from service.store.journal import Journal
from service.store.refused import RefusalRecorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.store_fixture import StoreParts

KEY = signing.generate("ES256")
SECRETS = {
    "client secret": new_secret(CLIENT_SECRET),
    "access token": new_secret(ACCESS_TOKEN),
    "refresh token": new_secret(REFRESH_TOKEN),
    "jwt": signing.Signer(KEY.kid, KEY.algorithm, KEY.private_key).sign({"sub": "alice"}),
    "operator's own secret": "Tr0ub4dor&3 with spaces",
    "password": "pass-Word-123-never-shown",
    "authorization code": "SplxlOBeZQQYbYS6WxSbIA",
    "session": "session-cookie-value-31d4d96e",
    "private key": "".join(KEY.private_key.splitlines()[1:-1]),
}
log = structlog.get_logger("test")


@pytest.fixture
def stream() -> Iterator[io.BytesIO]:
    root = logging.getLogger()
    level = root.level
    stream = io.BytesIO()
    configure("debug", stream=stream, secrets=[SECRETS["operator's own secret"]], final=False)
    yield stream
    structlog.reset_defaults()
    for handler in [handler for handler in root.handlers if isinstance(handler, LibraryHandler)]:
        root.removeHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def leaks(text: bytes) -> list[str]:
    """Return which secrets are in a text: plain, in parts of a JWT, in base64 or percent-encoded."""
    found = []
    for name, secret in SECRETS.items():
        shapes = {secret, secret.replace("&", "%26").replace(" ", "+"), secret.replace(" ", "%20")}
        shapes |= {base64.b64encode(f"app:{secret}".encode()).decode()}
        shapes |= {part for part in secret.split(".") if len(part) > 40}
        found += [name for shape in shapes if shape.encode() in text]
    return found


async def test_a_batch_of_calls_logs_no_secret(parts: StoreParts, stream: io.BytesIO, aiohttp_client: Any) -> None:
    refused = RefusalRecorder(parts.pool, parts.clock)
    await refused.start()

    async def careless(request: web.Request) -> web.Response:
        """Log whatever a request brings, every way a careless line could, and then fail with it."""
        form = dict(await request.post())
        body = await request.read()
        log.info("request", url=str(request.url), headers=request.headers, form=form, body=body, raw=body.decode())
        log.info("dumped", text=str(form), headers=str(dict(request.headers)), query=request.query_string)
        logging.getLogger("aiohttp.server").info("%s %s %s", request.method, request.path_qs, dict(request.headers))
        for value in form.values():
            refused.note(organization=None, actor=None, client="app", operation="POST /", status=400, code="x",
                         detail=f"password={value}", request_id=parts.clock.new_id(), address="")  # fmt: skip
        raise ValueError(f"cannot use {form} of {request.path_qs}")

    app = web.Application()
    app.router.add_post("/", careless)
    client = await aiohttp_client(app)
    names = ("client_secret", "password", "code", "refresh_token", "assertion")
    for secret in SECRETS.values():
        for name in names:
            with suppress(ValueError):  # some cannot stand in a header
                answer = await client.post(
                    "/", params={name: secret}, data={name: secret},
                    headers={"Cookie": f"session={secret}", "X-Api-Key": secret,
                             "Authorization": encode_basic_auth("app", secret)},
                )  # fmt: skip
                assert answer.status == 500
    bearer = {"Authorization": f"Bearer {SECRETS['jwt']}"}
    assert (await client.post("/", json={"password": SECRETS["password"]}, headers=bearer)).status == 500
    await refused.stop()

    assert leaks(stream.getvalue()) == []
    assert stream.getvalue().count(b"\n") > 4 * len(names) * len(SECRETS)
    rows = await parts.pool.fetch("SELECT client, detail FROM muniment.refusals")
    assert leaks(" ".join(row["detail"] for row in rows).encode()) == []
    assert all("[redacted]" in row["detail"] for row in rows)


async def test_failures_of_the_store_log_no_secret(parts: StoreParts, stream: io.BytesIO) -> None:
    idempotency = Idempotency(parts.pool, parts.master_keys)
    journal = Journal(parts.pool)
    await journal.start()
    for name, secret in SECRETS.items():
        attempt = idempotency.attempt(client="app", route="/r", key=secret.replace(" ", "-")[:255], method="POST",
                                      path=f"/r?code={secret}", body=secret.encode())  # fmt: skip
        answer = StoredAnswer(200, secret.encode(), {"Set-Cookie": secret})
        log.debug("remembered", attempt=attempt, answer=answer, kept=idempotency.remembered(attempt, answer))
        journal.note(parts.clock.new_id(), parts.clock.now(), "192.0.2.7", f"{name} Bearer {secret}")
        for statement in ("SELECT ($1::text)::uuid", "SELECT $1::int"):
            try:
                await parts.pool.execute(statement, secret)
            except Exception as error:
                log.exception("query_failed")
                log.warning("query_failed", error=error)
        with suppress(asyncpg.PostgresError):
            await parts.pool.execute("SELECT 1 / 0")

    async def fail() -> None:
        raise RuntimeError({"token": SECRETS["access token"], "password": SECRETS["password"]})

    await asyncio.gather(fail(), return_exceptions=True)
    log.error("gathered", results=await asyncio.gather(fail(), return_exceptions=True))
    log.info("wired", keys=parts.master_keys, key=KEY, signer=signing.Signer(KEY.kid, KEY.algorithm, KEY.private_key))
    log.info("pem", text=KEY.private_key)
    await journal.stop()
    assert leaks(stream.getvalue()) == []

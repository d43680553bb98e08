"""What tests about forms share: seeing that one is refused and nothing written, and what another site would send."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.service.pages.visitor import SESSION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.app_fixture import Running
    from tests.service.pages.visitor import Answer, Form, Visitor

FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}
STALE = "nothing was changed"
ELSEWHERE = [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://muniment.test"},
    {"Origin": "https://muniment.test:444"}, {"Origin": "https://muniment.test.evil.example"}, {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://muniment.test", "Sec-Fetch-Site": "cross-site"},
]  # fmt: skip
ODD = ["\0", "\u202e", "'\";--", "<script>alert(1)</script>", "{{7919*7927}}", "\U0001d518" * 500]


@asynccontextmanager
async def unchanged(app: Running) -> AsyncIterator[None]:
    """See that nothing is written."""
    before = await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")
    yield
    assert await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches") == before


async def refused(
    app: Running, visitor: Visitor, form: Form, headers: dict[str, str] | None = None, **fields: str
) -> Answer:
    """Send a form that is refused as none of ours; return the answer."""
    cookies = dict(visitor.cookies)
    async with unchanged(app):
        answer = await visitor.submit(form, headers, **fields)
    assert answer.status == 403, answer.text
    assert STALE in answer.text
    assert visitor.cookies.get(SESSION) == cookies.get(SESSION)
    return answer


def unreadable(token: str) -> list[tuple[int, dict]]:
    """Return requests that cannot be read as a form, each with the status it is answered with."""
    return [
        (413, {"data": "csrf=" + "x" * 70_000, "headers": FORM_TYPE}),
        (400, {"data": b"csrf=%ff", "headers": FORM_TYPE}),
        (400, {"data": [("csrf", token), ("csrf", token)]}),
        (400, {"data": "&".join(f"f{number}=1" for number in range(101)), "headers": FORM_TYPE}),
        (415, {"json": {"csrf": token}}),
        (415, {"data": "csrf=x", "headers": {"Content-Type": "text/plain"}}),
        (415, {"data": "csrf=x", "headers": {**FORM_TYPE, "Content-Encoding": "gzip"}}),
    ]

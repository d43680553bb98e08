"""Documents as they are got: sent by somebody or fetched for them, and judged in a process of their own."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from domain.refusals import DocumentNotFetched, Fault, ImportsUnderWay, InvalidDocument
from service.interface_import.imported import ImportedDocument, Judged
from service.outbound import Blocked, Unanswered
from service.store.refusals import Overloaded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from service.outbound import Outbound

LIMIT = 5 * 1024 * 1024  # bytes of a document
FETCH_SECONDS = 10.0
REDIRECTS = 3
JUDGE_SECONDS = 90.0  # twice what the child may work: it ends itself before, unless it had to wait for a processor
WAITING = 16
"""How many may wait for the one that is judged: whoever comes then is sent away rather than let to pile up."""
SHARE = 4
"""How many of them may be one organization's: slow documents of one keep others waiting, not out."""
ACCEPT = {"Accept": "application/json, application/yaml;q=0.9, */*;q=0.1"}
OK = 200
MARKS = (b"swagger", b"openapi", b"\\u", b"\\U", b"\\x")
"""One of which every document has, for it says which standard it follows, perhaps in letters that are written so."""

TEXT, BODY = "text", "body"  # as in child.py, which no worker loads
CHILD = "import sys; from service.interface_import.child import main; main(sys.argv[1])"
ENVIRONMENT = {
    "PYTHONPATH": str(Path(__file__).parents[2]),
    "PYTHONUTF8": "1",
}
"""All that the child is told: nothing of our own environment, which holds secrets."""

log = structlog.get_logger(__name__)


class Documents:
    """Reads documents, one at a time. One per process."""

    def __init__(self, outbound: Outbound, *, seconds: float = JUDGE_SECONDS, waiting: int = WAITING) -> None:
        """Take what fetches, and how long a document may take."""
        self._outbound = outbound
        self._seconds = seconds
        self._most = 1 + waiting
        self._under_way: Counter[UUID] = Counter()
        self._turn = asyncio.Lock()

    async def read_text(self, organization: UUID, text: str | bytes) -> ImportedDocument:
        """Return the document that a text in JSON or YAML describes.

        Raises InvalidDocument, ImportsUnderWay (enough of this organization are being read) and Overloaded.
        """
        with self._admitted(organization):
            return await self._judged(TEXT, text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)

    async def read_body(self, organization: UUID, raw: bytes) -> ImportedDocument:
        """Return the `document` of a request's body: an object, or a text. Raises as `read_text` does."""
        with self._admitted(organization):
            return await self._judged(BODY, raw)

    async def fetched(self, organization: UUID, url: str) -> ImportedDocument:
        """Return the document at an address of the public internet.

        Raises DocumentNotFetched, and as `read_text` does.
        """
        with self._admitted(organization):
            return await self._judged(TEXT, await self._fetch(url))

    @contextmanager
    def _admitted(self, organization: UUID) -> Iterator[None]:
        if self._under_way[organization] >= SHARE:
            raise ImportsUnderWay
        if self._under_way.total() >= self._most:
            raise Overloaded
        self._under_way[organization] += 1
        try:
            yield
        finally:
            self._under_way[organization] -= 1
            self._under_way += Counter()  # forgets those who have nothing under way

    async def _fetch(self, url: str) -> bytes:
        try:
            answer = await self._outbound.get(
                url, headers=ACCEPT, redirects=REDIRECTS, seconds=FETCH_SECONDS, limit=LIMIT
            )
        except Blocked as blocked:  # which address a name stands for is nobody's business
            raise DocumentNotFetched(str(blocked), why="The address may not be called from here") from None
        except Unanswered as unanswered:
            raise DocumentNotFetched(str(unanswered), why=f"It came to nothing: {unanswered}") from None
        if answer.status != OK:
            raise DocumentNotFetched(why=f"The answer has the status {answer.status}")
        return answer.body

    async def _judged(self, kind: str, raw: bytes) -> ImportedDocument:
        if not any(mark in raw for mark in MARKS):
            raise InvalidDocument(faults=(_NO_STANDARD,))
        async with self._turn:
            written = await self._answer(kind, raw)
        try:
            judged = msgspec.json.decode(written, type=Judged)
        except msgspec.DecodeError:
            log.warning("document_not_judged", bytes=len(raw))
            raise InvalidDocument(faults=(_TOO_MUCH,)) from None
        if judged.document is None:
            raise InvalidDocument(faults=judged.faults)
        return judged.document

    async def _answer(self, kind: str, raw: bytes) -> bytes:
        """Return what the child writes; nothing, when it was ended."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", CHILD, kind),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
            env=ENVIRONMENT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._seconds):
                written, _ = await child.communicate(raw)
        except TimeoutError:
            return b""
        else:
            return written
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()


_NO_STANDARD = Fault("document", "It does not say by which standard it is written")
_TOO_MUCH = Fault("document", "It takes too much time or memory to be judged")

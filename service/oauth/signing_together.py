"""Signs the access tokens of concurrent requests one right after the other.

A signature goes through tables that fill a core's nearest caches, which the rest of a request then finds empty, and the
next signature has to fetch again: amid other work it takes twice as long, and so does what comes after it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.secrets.signing import Signer

    Waiting = tuple[Signer, Mapping[str, object], asyncio.Future[str]]


class SigningTogether:
    """What was asked for in one turn of the event loop is signed in the next: nobody waits for others to come."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._waiting: list[Waiting] = []

    def sign(self, signer: Signer, claims: Mapping[str, object]) -> asyncio.Future[str]:
        """Return the coming token over these claims: what `Signer.sign` returns, or raises."""
        loop = asyncio.get_running_loop()
        token: asyncio.Future[str] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._sign_all)
        self._waiting.append((signer, claims, token))
        return token

    def _sign_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for signer, claims, token in waiting:
            if token.done():  # who asked has gone
                continue
            try:
                token.set_result(signer.sign(claims))
            except Exception as error:  # noqa: BLE001 - who asked hears of it; the others get their tokens
                token.set_exception(error)

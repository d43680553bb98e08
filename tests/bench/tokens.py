"""Talks to a contender as an ordinary client: mints the tokens to introspect, and checks that answers are the truth.

A fast wrong answer must not count, so each measurement is bracketed: before it one answer is checked in full and its
size noted; after it the answers are checked again and the mean size of all must be that of the checked one.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import aiohttp

from tests.bench.contenders import HEADERS, Contender, introspect_body

AT_ONCE = 32
SAMPLES = 10
PATIENCE = aiohttp.ClientTimeout(total=60)


class WrongAnswer(Exception):
    """A contender did not do its job; the text holds what it said instead."""


@dataclass(frozen=True)
class Answer:
    """A decoded JSON answer and its size on the wire, headers included."""

    value: dict[str, object]
    size: int


async def _ask(session: aiohttp.ClientSession, url: str, body: str) -> Answer:
    async with session.post(url, data=body, headers=HEADERS) as response:
        content = await response.read()
        if response.status != 200:  # RFC 6749 section 5.1, RFC 7662 section 2.2
            message = f"{url} answered {response.status}: {content[:300]!r}"
            raise WrongAnswer(message)
        start = len(f"HTTP/1.1 200 {response.reason}\r\n")
        head = sum(len(name) + len(value) + 4 for name, value in response.raw_headers)
        return Answer(json.loads(content), start + head + 2 + len(content))


async def _token(session: aiohttp.ClientSession, contender: Contender) -> tuple[str, int]:
    answer = await _ask(session, contender.url(contender.issue), contender.issue_body)
    token = answer.value.get("access_token")
    if not isinstance(token, str):
        message = f"{contender.entrant} issued no token: {answer.value!r}"
        raise WrongAnswer(message)
    return token, answer.size


async def _mint(contender: Contender, count: int) -> list[str]:
    tokens: list[str] = []

    async def some(session: aiohttp.ClientSession, share: int) -> None:
        tokens.extend([(await _token(session, contender))[0] for _ in range(share)])

    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        shares = [count // AT_ONCE + (one < count % AT_ONCE) for one in range(AT_ONCE)]
        await asyncio.gather(*(some(session, share) for share in shares))
    if len(set(tokens)) != count:
        message = f"{contender.entrant} issued one token twice"
        raise WrongAnswer(message)
    return tokens


async def _active(session: aiohttp.ClientSession, contender: Contender, token: str) -> int:
    answer = await _ask(session, contender.url(str(contender.introspect)), introspect_body(token))
    if answer.value.get("active") is not True:
        message = f"{contender.entrant} calls a live token {answer.value!r}"
        raise WrongAnswer(message)
    return answer.size


async def _check_issue(contender: Contender) -> int:
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        token, size = await _token(session, contender)
        if contender.introspect is not None:
            await _active(session, contender, token)
        return size


async def _check_introspect(contender: Contender, tokens: list[str]) -> int:
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        step = max(len(tokens) // SAMPLES, 1)
        return min([await _active(session, contender, token) for token in tokens[::step]])


def mint(contender: Contender, count: int) -> list[str]:
    """Return so many distinct live tokens. Raises WrongAnswer."""
    return asyncio.run(_mint(contender, count))


def check_issue(contender: Contender) -> int:
    """Return the size of an answer with a token that its issuer calls active (if it can). Raises WrongAnswer."""
    return asyncio.run(_check_issue(contender))


def check_introspect(contender: Contender, tokens: list[str]) -> int:
    """Return the smallest answer about a sample of the tokens, all active. Raises WrongAnswer."""
    return asyncio.run(_check_introspect(contender, tokens))

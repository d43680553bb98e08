"""Speaks HTTP by hand: what a well-behaved client library would never send, and answers byte for byte."""

from __future__ import annotations

import asyncio


async def exchange(port: int, sent: bytes, *, until: bytes = b"\r\n\r\n", seconds: float = 5.0) -> bytes:
    """Send bytes over a connection of their own; return what comes back up to a mark or the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        async with asyncio.timeout(seconds):
            writer.write(sent)
            while until not in received:
                part = await reader.read(65_536)
                if not part:
                    break
                received += part
    finally:
        writer.close()
    return received

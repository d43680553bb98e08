"""The canonical bytes of one recorded event: what proofs of the history are computed over.

Fixed for ever (a golden test holds it). All integers are big-endian; texts are UTF-8:

    "muniment.leaf.v1" 0x00 | position u64 | stream 16 bytes | version u64 | topic u32 length + bytes
    | state u32 length + bytes | recorded_at i64 microseconds since 1970-01-01 UTC | organization 16 bytes
    | actor 16 bytes | client: 0x00, or 0x01 + 16 bytes | request id 16 bytes | causation 16 bytes

Every variable part carries its length, so no two different events share their bytes.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.store.log import Entry

PREFIX = b"muniment.leaf.v1\x00"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def leaf(event: Entry) -> bytes:
    """Return the canonical bytes of a recorded event (the layout above)."""
    topic = event.topic.encode()
    client = b"\x00" if event.client is None else b"\x01" + event.client.bytes
    return b"".join(
        (
            PREFIX,
            struct.pack(">Q", event.position),
            event.stream.bytes,
            struct.pack(">QI", event.version, len(topic)),
            topic,
            struct.pack(">I", len(event.state)),
            event.state,
            struct.pack(">q", (event.recorded_at - EPOCH) // MICROSECOND),
            event.organization.bytes,
            event.actor.bytes,
            client,
            event.request_id.bytes,
            event.causation.bytes,
        )
    )

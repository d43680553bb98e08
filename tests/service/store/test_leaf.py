"""The canonical bytes of an event are fixed for ever, and no two different events share them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from service.store.leaf import leaf
from service.store.log import Entry

ENTRY = Entry(
    position=1_234_567,
    stream=UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
    version=3,
    topic="user.renamed",
    state='{"timestamp":"2026-02-28T23:59:59Z","name":"é"}'.encode(),
    recorded_at=datetime(2026, 2, 28, 23, 59, 59, 123_456, tzinfo=UTC),
    organization=UUID(int=1),
    actor=UUID(int=2),
    client=UUID(int=3),
    request_id=UUID(int=4),
    causation=UUID(int=5),
)
GOLDEN = (
    "6d756e696d656e742e6c6561662e763100"  # "muniment.leaf.v1" and its end
    "000000000012d687"  # position
    "01890a5dac96774bbcceb302099a8057"  # stream
    "0000000000000003"  # version
    "0000000c" "757365722e72656e616d6564"  # topic
    "00000030" "7b2274696d657374616d70223a22323032362d30322d32385432333a35393a35395a222c226e616d65223a22c3a9227d"
    "00064beb26b60000"  # microseconds since 1970
    "00000000000000000000000000000001"  # organization
    "00000000000000000000000000000002"  # actor
    "01" "00000000000000000000000000000003"  # client
    "00000000000000000000000000000004"  # request id
    "00000000000000000000000000000005"  # causation
)  # fmt: skip
NOBODY = GOLDEN.replace("01" "00000000000000000000000000000003", "00")  # fmt: skip

numbers = st.integers(0, 2**63 - 1)
entries = st.builds(
    Entry,
    position=numbers, stream=st.uuids(), version=numbers, topic=st.text(st.characters(exclude_categories=["Cs"])),
    state=st.binary(), recorded_at=st.datetimes(timezones=st.just(UTC)), organization=st.uuids(), actor=st.uuids(),
    client=st.none() | st.uuids(), request_id=st.uuids(), causation=st.uuids(),
)  # fmt: skip


def test_the_golden_bytes() -> None:
    assert leaf(ENTRY).hex() == GOLDEN


def test_an_event_without_client_has_one_byte_in_its_place() -> None:
    assert leaf(ENTRY._replace(client=None)).hex() == NOBODY


def test_a_time_is_the_same_in_every_zone_and_may_lie_before_1970() -> None:
    elsewhere = ENTRY.recorded_at.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert leaf(ENTRY._replace(recorded_at=elsewhere)) == leaf(ENTRY)
    before = leaf(ENTRY._replace(recorded_at=datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)))
    assert "ffffffffffffffff" in before.hex()


@dataclass
class Reader:
    """Takes the bytes apart again by the documented layout."""

    raw: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        part = self.raw[self.at : self.at + count]
        assert len(part) == count
        self.at += count
        return part

    def number(self, count: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(count), "big", signed=signed)

    def id(self) -> UUID:
        return UUID(bytes=self.take(16))


@given(entries)
def test_an_event_can_be_read_back_from_its_bytes(entry: Entry) -> None:
    reader = Reader(leaf(entry))
    assert reader.take(17) == b"muniment.leaf.v1\x00"
    read = Entry(
        position=reader.number(8),
        stream=reader.id(),
        version=reader.number(8),
        topic=reader.take(reader.number(4)).decode(),
        state=reader.take(reader.number(4)),
        recorded_at=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=reader.number(8, signed=True)),
        organization=reader.id(),
        actor=reader.id(),
        client=reader.id() if reader.number(1) else None,
        request_id=reader.id(),
        causation=reader.id(),
    )
    assert read == entry
    assert reader.at == len(reader.raw)

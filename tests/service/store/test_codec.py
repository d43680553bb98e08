"""Every event comes back from its bytes as it was, typed; personal fields only with their subject's key."""

from __future__ import annotations

import types
import typing
from datetime import UTC, datetime
from enum import Enum
from typing import Any, ClassVar
from uuid import UUID, uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.domain import Aggregate
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import AGGREGATES, EVENTS
from domain.event import Recorded
from domain.user import User
from service.secrets.sealing import SealBroken
from service.store import codec
from tests.service.store.given import ORGANIZATION

CIPHER, OTHER = AESGCM(bytes(32)), AESGCM(bytes(range(32)))
NOW = datetime(2026, 5, 4, 3, 2, 1, 999_999, tzinfo=UTC)
texts = st.text(st.characters(exclude_categories=["Cs"]))
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts | st.floats(allow_nan=False, allow_infinity=False),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(texts, children, max_size=3),
    max_leaves=5,
)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    UUID: st.uuids(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    str: texts,
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Return every value that a field of this type may hold."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return st.one_of(st.none() if each is types.NoneType else values(each) for each in arguments)
    if origin is list:
        return st.lists(values(arguments[0]), max_size=4)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=4).map(tuple)
    if origin is dict:
        return st.dictionaries(texts, documents if arguments[1] is Any else values(arguments[1]), max_size=4)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    return PLAIN[kind]


def events(kind: type[Recorded]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    fields = {name: values(hints[name]) for name in kind.__dataclass_fields__}  # type: ignore[attr-defined]
    fields["originator_version"] = st.integers(1, 2**40)
    if "originator_topic" in fields:
        fields["originator_topic"] = st.sampled_from([each.TOPIC for each in AGGREGATES])
    return st.builds(kind, **fields)


def read_back(event: Any, keys: dict[UUID, AESGCM] | None = None, cipher: AESGCM | None = CIPHER) -> Any:
    state = codec.encode(event, cipher)
    return codec.decode(type(event).TOPIC, event.originator_id, event.originator_version, state, keys)


def types_of(value: object) -> object:
    """Return the type of a value and of what is in it: True equals 1, an enumeration equals its text."""
    if isinstance(value, dict):
        return {name: types_of(each) for name, each in value.items()}
    return [type(value), *map(types_of, value)] if isinstance(value, list | tuple) else type(value)


@pytest.mark.parametrize("topic", EVENTS)
def test_the_plain_fields_of_a_state_are_those_of_its_event(topic: str) -> None:
    kind = EVENTS[topic]
    names = kind.__dataclass_fields__.keys() - codec.ENVELOPE_FIELDS - kind.PERSONAL  # type: ignore[attr-defined]

    @settings(max_examples=10)
    @given(events(kind))
    def are_those(event: Any) -> None:
        plain = codec.plain_decoder(topic)(codec.encode(event, CIPHER))
        fields, expected = ({name: getattr(of, name) for name in names} for of in (plain, event))
        expected = {name: str(value) if isinstance(value, UUID) else value for name, value in expected.items()}
        assert fields == expected
        assert types_of(fields) == types_of(expected)
        assert not hasattr(plain, "originator_id")
        assert not any(hasattr(plain, name) for name in kind.PERSONAL)

    are_those()


@pytest.mark.parametrize("topic", EVENTS)
def test_the_record_of_an_event_has_all_its_fields_and_opens_what_is_personal_with_its_key(topic: str) -> None:
    kind = EVENTS[topic]
    names = kind.__dataclass_fields__.keys()  # type: ignore[attr-defined]

    @settings(max_examples=10)
    @given(events(kind))
    def has_them(event: Any) -> None:
        state, stream, version = codec.encode(event, CIPHER), event.originator_id, event.originator_version
        for keys in ({event.subject: CIPHER}, {uuid4(): CIPHER}, None):
            again = codec.decode(topic, stream, version, state, keys)
            record = codec.decode_record(topic, stream, version, state, keys)
            fields, expected = ({name: getattr(of, name) for name in names} for of in (record, again))
            assert fields == expected
            assert types_of(fields) == types_of(expected)
            assert (record.TOPIC, record.subject) == (topic, event.subject)

    has_them()


def test_what_is_personal_is_never_read_from_the_plain_state() -> None:
    state = b'{"timestamp":"2026-05-04T03:02:01Z","name":"Ada","originator_id":"x"}'
    for read in (codec.decode, codec.decode_record):
        event = read("user.renamed", ORGANIZATION, 2, state, {})
        assert (event.originator_id, event.name) == (ORGANIZATION, None)


def test_a_machines_token_stores_nothing_of_what_only_peoples_have() -> None:
    kind: Any = EVENTS["token.issued"]
    fields: dict[str, Any] = dict.fromkeys(kind.__dataclass_fields__)
    event = kind(**fields | {"originator_id": ORGANIZATION, "originator_version": 1})
    state = msgspec.json.decode(codec.encode(event))
    assert state.keys() == fields.keys() - codec.ENVELOPE_FIELDS - set(kind.SPARSE)
    assert {"session", "authenticated_at", "actor", "personal_access_token"} == set(kind.SPARSE)
    person = kind(**vars(event) | {"actor": ORGANIZATION})
    assert msgspec.json.decode(codec.encode(person))["actor"] == str(ORGANIZATION)


@pytest.mark.parametrize("topic", EVENTS)
def test_what_may_be_left_out_of_a_state_has_a_default_of_none(topic: str) -> None:
    fields = EVENTS[topic].__dataclass_fields__  # type: ignore[attr-defined]
    assert [fields[name].default for name in EVENTS[topic].SPARSE] == [None] * len(EVENTS[topic].SPARSE)


@pytest.mark.parametrize("topic", EVENTS)
def test_every_event_comes_back_as_it_was(topic: str) -> None:
    @settings(max_examples=25)
    @given(events(EVENTS[topic]))
    def comes_back(event: Any) -> None:
        again = read_back(event, {event.subject: CIPHER})
        assert again == event
        assert vars(again) == vars(event)
        assert types_of(vars(again)) == types_of(vars(event))
        without = read_back(event)
        assert {name for name, value in vars(event).items() if getattr(without, name) != value} <= type(event).PERSONAL

    comes_back()


def a_user(name: str | None = "Ada") -> Any:
    [created] = User.create(
        id=uuid4(), organization=ORGANIZATION, application=uuid4(), name=name, now=NOW
    ).collect_events()
    return created


def test_stream_and_version_are_columns_and_not_in_the_state() -> None:
    event = a_user(None)
    state = codec.encode(event)
    assert str(event.originator_id).encode() not in state
    assert codec.decode("user.created", ORGANIZATION, 7, state).originator_id == ORGANIZATION
    assert codec.decode("user.created", ORGANIZATION, 7, state).originator_version == 7


def test_a_personal_field_is_not_in_the_state_in_plain_form() -> None:
    state = codec.encode(a_user("Ada Lovelace"), CIPHER)
    assert b"Lovelace" not in state
    assert set(msgspec.json.decode(state)) == {
        "timestamp", "originator_topic", "organization", "application", "status", "sealed",
    }  # fmt: skip


def test_a_personal_field_reads_none_once_its_key_is_gone() -> None:
    event = a_user()
    assert read_back(event, {event.subject: CIPHER}).name == "Ada"
    assert read_back(event, {uuid4(): CIPHER}).name is None
    assert read_back(event).name is None


def test_a_personal_field_that_is_none_takes_no_key() -> None:
    event = a_user(None)
    assert not codec.needs_key(event)
    assert read_back(event, cipher=None).name is None
    assert codec.needs_key(a_user())
    with pytest.raises(ValueError, match="a subject key is needed"):
        codec.encode(a_user())


def test_a_sealed_field_does_not_open_under_another_key_or_in_another_place() -> None:
    event = a_user()
    with pytest.raises(SealBroken):
        read_back(event, {event.subject: OTHER})
    state = codec.encode(event, CIPHER)
    elsewhere = uuid4()
    with pytest.raises(SealBroken):
        codec.decode("user.created", elsewhere, 1, state, {elsewhere: CIPHER})


def test_whose_key_a_state_takes() -> None:
    event, nameless = a_user(), a_user(None)
    assert (
        codec.sealed_subject("user.created", event.originator_id, 1, codec.encode(event, CIPHER)) == event.originator_id
    )
    assert codec.sealed_subject("user.created", event.originator_id, 1, codec.encode(nameless)) is None
    assert codec.sealed_subject("user.deleted", event.originator_id, 2, b'{"a":"\\"sealed\\""}') is None


@pytest.mark.parametrize("topic", ["user.renounced", "User", "domain.user:User.Created"])
def test_a_topic_that_this_program_does_not_know_stops_it(topic: str) -> None:
    with pytest.raises(codec.UnknownTopic, match=topic):
        codec.decode(topic, uuid4(), 1, b"{}")


@pytest.mark.parametrize(
    "state",
    [b"", b"null", b"{}", b'{"timestamp":"2026-05-04"}', b'{"timestamp":"2026-05-04T03:02:01Z","role":"not an id"}'],
)
def test_a_state_that_is_not_that_of_its_event_is_refused(state: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        codec.decode("user.role_unassigned", uuid4(), 2, state)


def test_a_field_that_a_later_program_added_is_passed_over() -> None:
    state = b'{"timestamp":"2026-05-04T03:02:01Z","reason":"x","mood":"dark"}'
    assert vars(codec.decode("user.suspended", ORGANIZATION, 2, state)).keys() == {
        "originator_id", "originator_version", "timestamp", "reason",
    }  # fmt: skip


class Named(Recorded, Aggregate.Event):
    """An event in its third version: the first had `first` and `last`, the second one `name`; the third counts."""

    TOPIC = "versioned.named"
    PERSONAL: ClassVar[frozenset[str]] = frozenset({"nickname"})
    class_version = 3
    name: str
    names: int
    nickname: str | None
    language: str = "en"

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        state["name"] = f"{state.pop('first')} {state.pop('last')}"

    @staticmethod
    def upcast_v2_v3(state: dict[str, Any]) -> None:
        state["names"] = len(state["name"].split())


@pytest.fixture
def versioned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(codec.EVENTS, Named.TOPIC, Named)


@pytest.mark.usefixtures("versioned")
@pytest.mark.parametrize(
    "state",
    [
        b'{"timestamp":"2026-05-04T03:02:01Z","first":"Ada","last":"Lovelace"}',
        b'{"timestamp":"2026-05-04T03:02:01Z","name":"Ada Lovelace","class_version":2}',
        b'{"timestamp":"2026-05-04T03:02:01Z","name":"Ada Lovelace","names":2,"class_version":3}',
    ],
)
def test_older_versions_are_brought_up_to_the_present_one(state: bytes) -> None:
    event = codec.decode("versioned.named", ORGANIZATION, 1, state)
    assert vars(event) == {
        "originator_id": ORGANIZATION, "originator_version": 1, "timestamp": NOW.replace(microsecond=0),
        "name": "Ada Lovelace", "names": 2, "nickname": None, "language": "en",
    }  # fmt: skip
    plain = codec.plain_decoder("versioned.named")(state)
    record = codec.decode_record("versioned.named", ORGANIZATION, 1, state, None)
    for fields in (plain, record):
        assert (fields.timestamp, fields.name, fields.names) == (event.timestamp, "Ada Lovelace", 2)
        assert fields.language == "en"


@pytest.mark.usefixtures("versioned")
def test_an_event_is_stored_with_its_version_once_it_has_a_second_one() -> None:
    event = Named(
        originator_id=ORGANIZATION,
        originator_version=1,
        timestamp=NOW,
        name="Ada",
        names=1,
        nickname="A",
        language="fr",
    )
    assert msgspec.json.decode(codec.encode(event, CIPHER))["class_version"] == 3
    assert read_back(event, {ORGANIZATION: CIPHER}) == event
    assert b"class_version" not in codec.encode(a_user(None))

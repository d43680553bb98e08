"""A signing key is published before it signs and after it has signed."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.signing_key import Algorithm, SigningKey
from tests.domain.given import HOUR, INSTANT, NOW, happened, settled, the_event


def introduce() -> SigningKey:
    return SigningKey.introduce(
        id=uuid4(),
        kid="2026-03",
        algorithm=Algorithm.ES256,
        public_key={"kty": "EC"},
        private_key="-----BEGIN PRIVATE KEY-----",
        now=NOW,
    )


def an_active_key() -> SigningKey:
    key = introduce()
    key.activate(NOW, published_for=timedelta(0))
    return settled(key)


def test_the_private_key_is_sealed_under_a_key_of_its_own() -> None:
    key = introduce()
    event = the_event(key)
    assert {"private_key"} == event.PERSONAL
    assert (event.subject, event.organization) == (key.id, UUID(int=0))
    assert event.touches == ("signing-keys",)


def test_a_key_signs_once_it_has_been_published_long_enough() -> None:
    key = settled(introduce())
    with pytest.raises(refusals.KeyTooYoung):
        key.activate(NOW + HOUR - INSTANT, published_for=HOUR)
    key.activate(NOW + HOUR, published_for=HOUR)
    assert key.status == "active"
    assert the_event(key).touches == ("signing-keys",)


def test_the_wait_can_be_skipped() -> None:
    key = settled(introduce())
    key.activate(NOW, published_for=HOUR, force=True)
    key.activate(NOW, published_for=HOUR)
    assert happened(key) == ["signing_key.activated"]


def test_a_retired_key_stays_published_for_a_while() -> None:
    key = an_active_key()
    assert key.published(NOW + 99 * HOUR)
    key.retire(NOW, NOW + HOUR)
    key.retire(NOW, NOW + 2 * HOUR)
    assert the_event(key).published_until == NOW + HOUR
    assert key.published(NOW + HOUR - INSTANT)
    assert not key.published(NOW + HOUR)


def test_a_key_is_not_retired_into_the_past() -> None:
    with pytest.raises(refusals.InvalidExpiry):
        an_active_key().retire(NOW, NOW - INSTANT)
    an_active_key().retire(NOW, NOW)


def test_a_key_that_never_signed_is_not_retired() -> None:
    with pytest.raises(refusals.KeyNotActive):
        introduce().retire(NOW, NOW + HOUR)


def test_a_retired_key_never_signs_again() -> None:
    key = an_active_key()
    key.retire(NOW, NOW + HOUR)
    with pytest.raises(refusals.KeyNotIntroduced):
        key.activate(NOW + HOUR, published_for=timedelta(0), force=True)

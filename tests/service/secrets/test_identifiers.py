"""Digests of identifiers differ by key, organization, space and text, and are the same for ever for the same four."""

from __future__ import annotations

from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.secrets.identifiers import digest

ONE, OTHER = AESGCM(bytes(range(32))), AESGCM(bytes(range(1, 33)))
HERE, ELSEWHERE = UUID(int=1), UUID(int=2)


def test_a_digest_is_the_same_for_ever() -> None:
    """It is kept in the table of claims: another one would let an address be taken twice."""
    found = digest(ONE, organization=HERE, space="email", text="ada@example.com")
    assert found.hex() == "ee724fcbbfdd114125c79c44c9a4befc714826ccdf0ec41be7208a90069f8aaf"
    assert found == digest(AESGCM(bytes(range(32))), organization=HERE, space="email", text="ada@example.com")


@pytest.mark.parametrize(
    ("cipher", "organization", "space", "text"),
    [
        (OTHER, HERE, "email", "ada@example.com"),
        (ONE, ELSEWHERE, "email", "ada@example.com"),
        (ONE, HERE, "phone", "ada@example.com"),
        (ONE, HERE, "emaila", "da@example.com"),
        (ONE, HERE, "email", "ada@example.con"),
    ],
)
def test_whatever_differs_makes_another_digest(cipher: AESGCM, organization: UUID, space: str, text: str) -> None:
    first = digest(ONE, organization=HERE, space="email", text="ada@example.com")
    assert digest(cipher, organization=organization, space=space, text=text) != first

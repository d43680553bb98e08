"""A link is made again from what an event tells, and from nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from service.messages.links import Links
from service.secrets.digests import EMAIL_VERIFICATION, INVITATION, has_checksum, sha256_hex
from service.secrets.master_key import MasterKeys

STREAM = UUID(int=7)
EXPIRY = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD, NEW = bytes(range(32)), bytes(range(1, 33))
LINKS = Links(MasterKeys([OLD]), "https://muniment.test/auth")


def test_a_link_leads_below_the_issuer_and_its_secret_has_the_digest() -> None:
    digest = LINKS.digest(INVITATION, STREAM, 1, EXPIRY)
    link = LINKS.link(INVITATION, STREAM, 1, EXPIRY, digest)
    assert link is not None
    assert link.startswith("https://muniment.test/auth/invitation?token=mun_inv_")
    secret = link.partition("token=")[2]
    assert sha256_hex(secret) == digest
    assert has_checksum(secret)
    other = LINKS.digest(EMAIL_VERIFICATION, STREAM, 1, EXPIRY)
    assert "/email-verification?token=mun_ver_" in str(LINKS.link(EMAIL_VERIFICATION, STREAM, 1, EXPIRY, other))


@pytest.mark.parametrize(
    ("kind", "stream", "version", "expires_at"),
    [
        (EMAIL_VERIFICATION, STREAM, 1, EXPIRY),
        (INVITATION, UUID(int=8), 1, EXPIRY),
        (INVITATION, STREAM, 2, EXPIRY),
        (INVITATION, STREAM, 1, EXPIRY + timedelta(microseconds=1)),
    ],
)
def test_another_event_has_another_secret(kind: str, stream: UUID, version: int, expires_at: datetime) -> None:
    digest = LINKS.digest(INVITATION, STREAM, 1, EXPIRY)
    assert LINKS.digest(kind, stream, version, expires_at) != digest
    assert LINKS.link(kind, stream, version, expires_at, digest) is None


def test_a_link_is_made_again_under_a_key_that_was_replaced_and_not_under_one_that_is_gone() -> None:
    digest = LINKS.digest(INVITATION, STREAM, 1, EXPIRY)
    rotated = Links(MasterKeys([NEW, OLD]), "https://muniment.test/auth")
    assert rotated.digest(INVITATION, STREAM, 1, EXPIRY) != digest
    assert rotated.link(INVITATION, STREAM, 1, EXPIRY, digest) == LINKS.link(INVITATION, STREAM, 1, EXPIRY, digest)
    assert Links(MasterKeys([NEW]), "x").link(INVITATION, STREAM, 1, EXPIRY, digest) is None


def test_a_key_that_another_process_added_is_fetched() -> None:
    ring = MasterKeys([OLD])
    behind = Links(ring, "https://muniment.test", lambda: ring.adopt(MasterKeys([NEW, OLD])))
    digest = Links(MasterKeys([NEW]), "").digest(INVITATION, STREAM, 1, EXPIRY)
    assert behind.link(INVITATION, STREAM, 1, EXPIRY, digest) is not None

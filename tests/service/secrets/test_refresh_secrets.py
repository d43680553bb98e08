"""A refresh token can be made again from what the log tells of it, by who has the master key alone."""

from __future__ import annotations

from uuid import uuid4

import pytest

from service.secrets.digests import REFRESH_TOKEN, has_checksum, sha256_hex
from service.secrets.master_key import MasterKeys
from service.secrets.refresh_secrets import refresh_secret, same_secret

FAMILY = uuid4()


def test_each_family_and_version_has_a_text_of_its_own() -> None:
    ring = MasterKeys.generate()
    texts = {refresh_secret(ring, family, version) for family in (FAMILY, uuid4()) for version in (1, 2, 256)}
    assert len(texts) == 6
    assert all(text.startswith(REFRESH_TOKEN) and has_checksum(text) for text in texts)
    assert refresh_secret(MasterKeys.generate(), FAMILY, 1) != refresh_secret(ring, FAMILY, 1)


def test_a_text_is_made_again_after_the_master_key_was_rotated() -> None:
    old = MasterKeys([bytes(32)])
    text = refresh_secret(old, FAMILY, 3)
    rotated = MasterKeys([bytes(range(32)), bytes(32)])
    assert refresh_secret(rotated, FAMILY, 3) != text
    assert same_secret(rotated, lambda: pytest.fail("no need to"), FAMILY, 3, sha256_hex(text)) == text


def test_a_key_that_was_made_elsewhere_is_looked_for_once() -> None:
    ring, newer = MasterKeys([bytes(32)]), MasterKeys([bytes(range(32)), bytes(32)])
    text = refresh_secret(newer, FAMILY, 3)
    assert same_secret(ring, lambda: ring.adopt(newer), FAMILY, 3, sha256_hex(text)) == text


def test_there_is_no_text_once_its_key_is_gone() -> None:
    text = refresh_secret(MasterKeys.generate(), FAMILY, 3)
    assert same_secret(MasterKeys.generate(), lambda: None, FAMILY, 3, sha256_hex(text)) is None

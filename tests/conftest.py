"""What every test can count on: a real PostgreSQL, quick digests, and that nothing is left out in silence."""

from __future__ import annotations

import pytest

from service.secrets import passwords

pytest_plugins = ["tests.postgres_fixture", "tests.store_fixture", "tests.left_out"]


@pytest.fixture(scope="session", autouse=True)
def costs_in_earnest() -> tuple[int, int]:
    """Digest passwords at the least cost in this process; return the memory (KiB) and the passes of the product."""
    real = passwords.MEMORY_KIB, passwords.PASSES
    passwords.MEMORY_KIB, passwords.PASSES = 8, 1
    return real

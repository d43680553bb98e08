"""What every test can count on: a real PostgreSQL, and that nothing is left out in silence."""

from __future__ import annotations

pytest_plugins = ["tests.postgres_fixture", "tests.store_fixture", "tests.left_out"]

"""What the slow tests share: a durable PostgreSQL of their own, and children that never outlive their test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.postgres import EmbeddedPostgres
from tests.soak.watch import Child

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def server(open_folder: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(open_folder / "var", durable=True, refuge=open_folder / "refuge") as server:
        yield server


@pytest.fixture
def spawn(server: EmbeddedPostgres, tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """A function that starts one more commanding process, with these further duties."""
    children: list[Child] = []

    def start(*duties: str) -> Child:
        children.append(Child(server.address, len(children), tmp_path, *duties))
        return children[-1]

    yield start
    for child in children:
        child.kill()

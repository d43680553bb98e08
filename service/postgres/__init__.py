"""The embedded PostgreSQL: a private server that lives and dies with the process that started it."""

from __future__ import annotations

from service.postgres.binaries import Binaries, find_binaries
from service.postgres.problem import PostgresProblem
from service.postgres.supervisor import EmbeddedPostgres

__all__ = ["Binaries", "EmbeddedPostgres", "PostgresProblem", "find_binaries"]

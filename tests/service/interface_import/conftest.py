"""What the domain is told by tests of imports: a clock, and somebody who may do anything."""

from __future__ import annotations

import pytest

from domain.caller import SYSTEM, Caller
from service.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def by() -> Caller:
    return SYSTEM

"""Root alone shortens the logs of operation, and that is kept."""

from __future__ import annotations

from uuid import uuid4

import pytest

from domain import refusals
from domain.log_purge import Log, LogPurge
from tests.domain.given import HOUR, NOW, ROOT_APPLICATION, backend, the_event


@pytest.mark.parametrize("log", Log)
def test_a_purge_is_recorded_in_roots_organization(log: Log) -> None:
    purge = LogPurge.record(id=uuid4(), log=log, before=NOW - HOUR, by=ROOT_APPLICATION, now=NOW)
    event = the_event(purge)
    assert (event.organization, event.log, event.before) == (ROOT_APPLICATION.organization, log, NOW - HOUR)


def test_nobody_but_root_shortens_a_log() -> None:
    with pytest.raises(refusals.MissingPermission):
        LogPurge.record(id=uuid4(), log=Log.EMAIL, before=NOW, by=backend("all"), now=NOW)

"""A caller sees their own organization; root sees all of them."""

from __future__ import annotations

from domain.caller import SYSTEM
from tests.domain.given import ELSEWHERE, ORGANIZATION, backend, person


def test_a_caller_sees_their_own_organization_only() -> None:
    for caller in (backend("all", "read_audit"), person("all", "read_audit")):
        assert caller.sees(ORGANIZATION)
        assert not caller.sees(ELSEWHERE)


def test_root_sees_every_organization() -> None:
    assert backend("root").sees(ELSEWHERE)
    assert SYSTEM.sees(ELSEWHERE)


def test_the_wildcard_is_not_root() -> None:
    assert not backend("all").is_root
    assert backend("all").holds("write_user")
    assert not backend("all").holds("root")
    assert backend("root").is_root

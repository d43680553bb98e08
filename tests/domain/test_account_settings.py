"""How an organization deals with its people's addresses: settings with bounds, of organizations alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from domain.caller import SYSTEM
from domain.refusals import InvalidSettings, UnknownAccount
from tests.domain.given import NOW, an_account, happened, settled, the_event

if TYPE_CHECKING:
    from domain.account import Account

DEFAULTS = {"code_lifetime": 600, "code_tries": 10, "verified_identifiers": False, "submit_limited": False}


def changed(account: Account, **settings: Any) -> None:
    account.change_settings(**{**DEFAULTS, **settings}, now=NOW)


def test_an_organization_has_settings_from_the_start() -> None:
    account = an_account()
    assert {name: getattr(account, name) for name in DEFAULTS} == DEFAULTS
    changed(account)
    assert happened(account) == [], "nothing is different"


def test_settings_are_recorded_together() -> None:
    account = an_account()
    changed(account, code_tries=3, verified_identifiers=True, submit_limited=True)
    event = the_event(account)
    assert (event.TOPIC, event.touches) == ("account.settings_changed", (f"account-settings:{account.id}",))
    assert (account.code_lifetime, account.code_tries, account.verified_identifiers) == (600, 3, True)
    assert account.submit_limited


@pytest.mark.parametrize(("name", "low", "high"), [("code_lifetime", 60, 3600), ("code_tries", 1, 100)])
def test_a_setting_keeps_within_its_bounds(name: str, low: int, high: int) -> None:
    account = an_account()
    for value in (low, high):
        changed(account, **{name: value})
        assert getattr(account, name) == value
    happened(account)
    for value in (low - 1, high + 1):
        with pytest.raises(InvalidSettings) as refused:
            changed(account, **{name: value})
        assert refused.value.field == name
    assert happened(account) == []


def test_only_organizations_have_settings() -> None:
    root = an_account()
    child = settled(an_account(parent=root))
    with pytest.raises(UnknownAccount):
        changed(child, code_tries=3)
    root.delete(SYSTEM, NOW, has_children=False)
    with pytest.raises(UnknownAccount):
        changed(root, code_tries=3)

"""A browser is known again by its cookie to its user alone, and the cookie tells nobody who that is."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from service.secrets.known_devices import KnownDevices
from service.secrets.master_key import MasterKeys

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
ADA, EVE = UUID(int=1), uuid4()


def test_a_device_is_known_to_its_user_alone() -> None:
    devices = KnownDevices(MasterKeys([OLD]))
    cookie = devices.new(ADA)
    assert cookie != devices.new(ADA)
    assert devices.knows(cookie, ADA)
    assert not devices.knows(cookie, EVE)


def test_a_device_stays_known_while_its_master_key_is_on_the_ring() -> None:
    cookie = KnownDevices(MasterKeys([OLD])).new(ADA)
    assert KnownDevices(MasterKeys([NEW, OLD])).knows(cookie, ADA)
    assert not KnownDevices(MasterKeys([NEW])).knows(cookie, ADA)


def test_a_cookie_may_be_sent_in_a_header_and_names_nobody() -> None:
    cookie = KnownDevices(MasterKeys([OLD])).new(EVE)
    assert cookie.startswith("mun_dev_")
    assert cookie.isascii()
    assert not set(cookie) & set(' ",;\\')
    assert EVE.hex not in cookie


@pytest.mark.parametrize("place", [0, 8, 20, 40, 71, 76])
def test_a_cookie_that_was_changed_is_unknown(place: int) -> None:
    devices = KnownDevices(MasterKeys([OLD]))
    cookie = devices.new(ADA)
    changed = "A" if cookie[place] != "A" else "B"
    assert not devices.knows(cookie[:place] + changed + cookie[place + 1 :], ADA)


@pytest.mark.parametrize("cookie", [None, "", "mun_dev_", "mun_dev_" + "x" * 70, "mun_dev_" + "!" * 70, "\u00e9" * 78])
def test_what_is_no_such_cookie_is_unknown(cookie: str | None) -> None:
    assert not KnownDevices(MasterKeys([OLD])).knows(cookie, ADA)

"""One token of a family: approved again after a revocation, deleted for good, described."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.application_settings import TokenFormat
from domain.token_family import TokenFamily, refresh_token_id
from tests.domain.given import HOUR, INSTANT, NOW, ORGANIZATION, happened, settled, the_event

FAMILY, NEXT, STRANGER = uuid4(), uuid4(), uuid4()
FIRST, SECOND, THIRD = (sha256(bytes([n])).hexdigest() for n in range(3))
UNTIL, MONTH = NOW + HOUR, NOW + 720 * HOUR
ACCESS: dict[str, Any] = {"audience": "api", "format": TokenFormat.JWT, "digest": "0" * 64, "expires_at": UNTIL}


def a_family(refresh: str | None = FIRST, refresh_expires_at: Any = MONTH) -> TokenFamily:
    return settled(
        TokenFamily.issue(
            id=FAMILY, organization=ORGANIZATION, application=uuid4(), scope="read", grant_type="authorization_code",
            refresh_digest=refresh, refresh_expires_at=refresh_expires_at if refresh else None, now=NOW, **ACCESS,
        )
    )  # fmt: skip


def refreshed(family: TokenFamily, presented: str = FIRST, following: str | None = SECOND, token: UUID = NEXT) -> bool:
    return family.refresh(
        presented, token=token, scope="read", refresh_digest=following, refresh_expires_at=following and MONTH,
        now=NOW, **ACCESS,
    )  # fmt: skip


def approved(family: TokenFamily, token: UUID = FAMILY, *, cascade: bool = False, **told: Any) -> None:
    family.approve(token, cascade=cascade, **{"expires_at": UNTIL, "now": NOW, **told})


def described(family: TokenFamily, token: UUID = FAMILY, **told: Any) -> dict[str, str]:
    return family.describe(token, told.pop("attributes", {"plan": "gold"}), **{"expires_at": UNTIL, "now": NOW, **told})


def test_a_refresh_tokens_id_is_the_first_half_of_its_digest() -> None:
    assert refresh_token_id(FIRST).hex == FIRST[:32]


def test_a_revoked_token_is_approved_again_and_once() -> None:
    family = a_family()
    family.revoke(FAMILY, None, NOW)
    settled(family)
    approved(family)
    approved(family, cascade=True)
    event = the_event(family)
    assert (event.TOPIC, event.token, event.cascade) == ("token.approved", FAMILY, False)
    assert event.touches == (f"revocation:token:{FAMILY}",)
    family.revoke(FAMILY, None, NOW)
    assert happened(family) == ["token.revoked"]


def test_nothing_happens_to_a_token_that_was_not_revoked() -> None:
    family = a_family()
    approved(family, cascade=True)
    approved(family, refresh_token_id(FIRST), expires_at=MONTH)
    assert happened(family) == []


def test_one_token_comes_back_from_its_familys_end_and_the_others_stay() -> None:
    family = a_family()
    refreshed(family)
    family.revoke(None, None, NOW)
    approved(family, NEXT)
    assert family.revoked == {FAMILY}
    with pytest.raises(refusals.TokenEnded):
        refreshed(family, SECOND, THIRD, uuid4())


def test_with_cascade_the_refresh_token_comes_back_too() -> None:
    family = a_family()
    family.revoke(None, None, NOW)
    settled(family)
    approved(family, cascade=True)
    assert the_event(family).cascade
    assert refreshed(family)


def test_a_refresh_token_comes_back_alone() -> None:
    family = a_family()
    family.revoke(None, None, NOW)
    approved(family, refresh_token_id(FIRST), expires_at=MONTH)
    assert family.revoked == {FAMILY}
    assert refreshed(family)


def test_what_came_back_can_end_with_its_family_again() -> None:
    family = a_family()
    family.revoke(None, None, NOW)
    approved(family)
    settled(family)
    family.revoke(None, None, NOW)
    family.revoke(None, None, NOW)
    assert happened(family) == ["token.revoked"]
    assert family.revoked == {FAMILY}


def test_a_token_is_approved_until_its_expiry() -> None:
    family = a_family()
    family.revoke(FAMILY, None, NOW)
    with pytest.raises(refusals.TokenExpired):
        approved(family, now=UNTIL)
    approved(family, now=UNTIL - INSTANT)
    assert family.revoked == frozenset()


def test_after_reuse_nothing_comes_back() -> None:
    family = a_family()
    refreshed(family)
    family.revoke(FAMILY, None, NOW)
    assert not refreshed(family, FIRST, THIRD)
    for token in (FAMILY, NEXT, refresh_token_id(SECOND)):
        for cascade in (True, False):
            with pytest.raises(refusals.TokenEnded):
                approved(family, token, cascade=cascade)


def test_a_replaced_refresh_token_does_not_come_back() -> None:
    family = a_family()
    refreshed(family)
    family.revoke(None, None, NOW)
    for decide in (
        lambda: approved(family, refresh_token_id(FIRST)),
        lambda: described(family, refresh_token_id(FIRST)),
        lambda: family.delete(refresh_token_id(FIRST), NOW),
    ):
        with pytest.raises(refusals.TokenEnded):
            decide()


def test_a_refresh_token_that_never_expires_does_not_come_back() -> None:
    family = a_family(refresh_expires_at=None)
    approved(family, refresh_token_id(FIRST), expires_at=None)
    family.revoke(None, None, NOW)
    settled(family)
    with pytest.raises(refusals.TokenEnded):
        approved(family, refresh_token_id(FIRST), expires_at=None)
    approved(family, cascade=True)
    assert not the_event(family).cascade
    with pytest.raises(refusals.TokenEnded):
        refreshed(family)


def test_without_a_refresh_token_there_is_none_to_approve() -> None:
    family = a_family(None)
    family.revoke(None, None, NOW)
    settled(family)
    approved(family, cascade=True)
    assert not the_event(family).cascade


@pytest.mark.parametrize("refresh", [FIRST, None], ids=["renewable", "not renewable"])
@pytest.mark.parametrize("token", [STRANGER, refresh_token_id(SECOND)], ids=["nobody's", "a refresh token to come"])
def test_what_is_not_the_familys_is_unknown(token: UUID, refresh: str | None) -> None:
    family = a_family(refresh)
    for decide in (
        lambda: approved(family, token),
        lambda: described(family, token),
        lambda: family.delete(token, NOW),
    ):
        with pytest.raises(refusals.UnknownToken):
            decide()


def test_a_deleted_token_is_unknown_for_good() -> None:
    family = a_family()
    family.delete(FAMILY, NOW)
    event = the_event(family)
    assert (event.TOPIC, event.token, event.touches) == ("token.deleted", FAMILY, (f"revocation:token:{FAMILY}",))
    for decide in (lambda: approved(family), lambda: described(family), lambda: family.delete(FAMILY, NOW)):
        with pytest.raises(refusals.UnknownToken):
            decide()
    family.revoke(FAMILY, None, NOW)
    assert happened(family) == []
    assert refreshed(family)


def test_what_was_revoked_can_be_deleted() -> None:
    family = a_family()
    family.revoke(FAMILY, None, NOW)
    family.delete(FAMILY, NOW)
    assert happened(family) == ["token.revoked", "token.deleted"]


def test_deleting_a_refresh_token_ends_the_family() -> None:
    family = a_family()
    refreshed(family)
    family.delete(refresh_token_id(SECOND), NOW)
    assert family.revoked == {FAMILY, NEXT}
    with pytest.raises(refusals.TokenEnded):
        refreshed(family, SECOND, THIRD)
    with pytest.raises(refusals.UnknownToken):
        approved(family, refresh_token_id(SECOND), expires_at=MONTH)
    settled(family)
    approved(family, NEXT, cascade=True)
    assert not the_event(family).cascade
    with pytest.raises(refusals.TokenEnded):
        refreshed(family, SECOND, THIRD)


def test_setting_attributes_leaves_the_others_and_the_same_again_changes_nothing() -> None:
    family = a_family()
    assert described(family) == {"plan": "gold"}
    assert described(family, attributes={"note": ""}) == {"plan": "gold", "note": ""}
    assert described(family, attributes={"plan": "gold"}) == {"plan": "gold", "note": ""}
    assert described(family, attributes={}) == {"plan": "gold", "note": ""}
    first, second = family.collect_events()
    assert (first.token, first.attributes) == (FAMILY, {"plan": "gold"})  # type: ignore[attr-defined]
    assert second.attributes == {"plan": "gold", "note": ""}  # type: ignore[attr-defined]
    assert first.touches == ()  # type: ignore[attr-defined]


def test_each_token_has_its_own_attributes() -> None:
    family = a_family()
    refreshed(family)
    described(family)
    assert described(family, NEXT, attributes={"a": "1"}) == {"a": "1"}
    assert described(family, refresh_token_id(SECOND), attributes={"b": "2"}, expires_at=MONTH) == {"b": "2"}


def test_only_what_is_neither_revoked_nor_expired_is_described() -> None:
    family = a_family()
    described(family, now=UNTIL - INSTANT)
    with pytest.raises(refusals.TokenExpired):
        described(family, now=UNTIL)
    with pytest.raises(refusals.InvalidAttributes):
        described(family, attributes={"": ""})
    family.revoke(None, None, NOW)
    for token in (FAMILY, refresh_token_id(FIRST)):
        with pytest.raises(refusals.TokenEnded):
            described(family, token)
    approved(family)
    assert described(family, attributes={"back": "yes"}) == {"plan": "gold", "back": "yes"}

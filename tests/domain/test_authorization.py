"""A code is redeemed once, by whom it was meant for, before it expires; one that comes back is on record."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.authorization import LIFETIME, Authorization, proves
from tests.domain.given import INSTANT, NOW, ORGANIZATION, happened, settled, the_event

APPLICATION, USER, FAMILY = uuid4(), uuid4(), uuid4()
CALLBACK = "https://app.example.com/callback"
# The example of RFC 7636 appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def issued(**told: Any) -> Authorization:
    fields = {
        "id": uuid4(), "organization": ORGANIZATION, "application": APPLICATION, "user": USER, "session": uuid4(),
        "account": None, "membership": None, "scope": "openid", "audience": "https://api.example.com",
        "redirect_uri": CALLBACK, "code_challenge": CHALLENGE, "nonce": "n", "methods": ["pwd"],
        "authenticated_at": NOW, "digest": "0" * 64, "now": NOW,
    }  # fmt: skip
    return Authorization.issue(**{**fields, **told})


def a_code(**told: Any) -> Authorization:
    return settled(issued(**told))


def present(authorization: Authorization, **told: Any) -> None:
    authorization.require_presented(
        **{"application": APPLICATION, "redirect_uri": CALLBACK, "verifier": VERIFIER, **told}
    )


def test_a_code_lives_for_a_minute() -> None:
    event = the_event(issued())
    assert event.expires_at == NOW + timedelta(seconds=60) == NOW + LIFETIME
    assert event.touches == ()
    with pytest.raises(refusals.InvalidLifetime):
        issued(lifetime=timedelta(0))


def test_a_code_is_redeemed_until_its_expiry() -> None:
    code = a_code()
    assert code.redeem(FAMILY, NOW + LIFETIME - INSTANT)
    assert the_event(code).family == code.family == FAMILY
    late = a_code()
    with pytest.raises(refusals.UnusableCode):
        late.redeem(FAMILY, NOW + LIFETIME)
    assert happened(late) == []


def test_a_code_that_comes_back_is_on_record_once_and_never_redeemed_again() -> None:
    code = a_code()
    code.redeem(FAMILY, NOW)
    assert not code.redeem(uuid4(), NOW)
    with pytest.raises(refusals.UnusableCode):
        code.redeem(uuid4(), NOW)
    assert happened(code) == ["authorization.redeemed", "authorization.replayed"]
    assert (code.family, code.replayed) == (FAMILY, True)


def test_a_code_that_comes_back_long_after_is_on_record_too() -> None:
    code = a_code()
    code.redeem(FAMILY, NOW)
    assert not code.redeem(uuid4(), NOW + 100 * LIFETIME)
    assert happened(code)[-1] == "authorization.replayed"


@pytest.mark.parametrize(
    "told",
    [
        {"application": UUID(int=1)},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK.upper()},
        {"redirect_uri": None},
        {"verifier": None},
        {"verifier": VERIFIER[:-1] + "l"},
        {"verifier": CHALLENGE},
        {"verifier": VERIFIER + " "},
        {"verifier": "short"},
        {"verifier": "\u00e9" * 43},
        {"verifier": "a" * 129},
    ],
    ids=str,
)
def test_nobody_but_whom_it_was_meant_for_presents_a_code_and_nothing_happens(told: dict[str, Any]) -> None:
    code = a_code()
    with pytest.raises(refusals.UnusableCode):
        present(code, **told)
    assert happened(code) == []
    present(code)


def test_a_redirect_uri_is_repeated_exactly_when_it_was_named() -> None:
    with pytest.raises(refusals.UnusableCode):
        present(a_code(redirect_uri=None))
    present(a_code(redirect_uri=None), redirect_uri=None)


def test_a_verifier_without_a_challenge_is_a_downgrade() -> None:
    code = a_code(code_challenge=None)
    with pytest.raises(refusals.UnusableCode):
        present(code)
    present(code, verifier=None)


def test_a_challenge_is_answered_by_the_hash_and_never_by_itself() -> None:
    assert proves(VERIFIER, CHALLENGE)
    assert not proves(CHALLENGE, CHALLENGE), "this is `plain`"
    longest = "~" * 128
    made = base64.urlsafe_b64encode(hashlib.sha256(longest.encode()).digest()).rstrip(b"=").decode()
    assert proves(longest, made)
    assert not proves(longest[:42], made)


def test_an_authorization_that_is_recalled_goes_on_where_it_was() -> None:
    code = a_code()
    fields = {
        name: getattr(code, name)
        for name in (
            "organization", "application", "user", "session", "account", "membership", "scope", "audience",
            "redirect_uri", "code_challenge", "nonce", "methods", "authenticated_at", "digest", "expires_at",
        )
    }  # fmt: skip
    again = Authorization.recalled(id=code.id, version=2, at=NOW, family=FAMILY, replayed=False, **fields)
    present(again)
    assert not again.redeem(uuid4(), NOW)
    event = the_event(again)
    assert (event.TOPIC, event.originator_id, event.originator_version) == ("authorization.replayed", code.id, 3)


def test_a_code_that_was_taken_back_is_redeemed_by_nobody() -> None:
    code = a_code()
    code.withdraw(NOW)
    assert the_event(code).TOPIC == "authorization.withdrawn"
    with pytest.raises(refusals.UnusableCode):
        code.redeem(FAMILY, NOW)
    assert happened(code) == []


def test_a_code_is_taken_back_once() -> None:
    code = a_code()
    code.withdraw(NOW)
    with pytest.raises(refusals.UnknownCode):
        code.withdraw(NOW)
    assert happened(code) == ["authorization.withdrawn"]


def test_a_used_code_that_was_taken_back_is_still_found_out_when_it_comes_back() -> None:
    code = a_code()
    code.redeem(FAMILY, NOW)
    code.withdraw(NOW)
    assert not code.redeem(uuid4(), NOW)
    assert happened(code)[-1] == "authorization.replayed"

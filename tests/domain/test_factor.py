"""Authentication factors: what a user may add, that every code counts once, and what is asked of whom at sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from domain.factor import AuthenticationFactor, Kind, Proof, backup_code, guard, proofs
from domain.person import Factor
from tests.domain.given import NOW, ORGANIZATION, a_user, happened, settled, the_event

if TYPE_CHECKING:
    from domain.user import User

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
DIGESTS = [f"{n:064x}" for n in range(10)]
STEP = 59_000_000


def an_app(user: User | None = None) -> AuthenticationFactor:
    user = user or a_user()
    return settled(AuthenticationFactor.add_totp(id=uuid4(), user=user, secret=SECRET, now=NOW))


def a_set() -> AuthenticationFactor:
    return settled(AuthenticationFactor.add_backup_codes(id=uuid4(), user=a_user(), digests=DIGESTS, now=NOW))


def test_an_app_is_a_users_and_its_secret_is_sealed_under_their_key() -> None:
    user = a_user()
    event = the_event(AuthenticationFactor.add_totp(id=uuid4(), user=user, secret=SECRET, now=NOW))
    assert (event.organization, event.user, event.kind, event.secret) == (ORGANIZATION, user.id, Kind.TOTP, SECRET)
    assert event.digests is None
    assert event.subject == user.id
    assert sorted(event.PERSONAL) == ["digests", "secret"]
    assert event.touches == (f"user-factors:{user.id}",) == (guard(user.id),)


@pytest.mark.parametrize(
    "secret",
    ["A" * 16, "A" * 24, "A" * 32, "ABCDEFGHABCDEFG=", "ABCDEFGHABCDE===", "ABCDEFGHABCD====", "ABCDEFGHAB======"],
)
def test_a_secret_is_16_to_32_characters_in_whole_groups(secret: str) -> None:
    assert AuthenticationFactor.add_totp(id=uuid4(), user=a_user(), secret=secret, now=NOW).secret == secret


@pytest.mark.parametrize(
    "secret",
    [
        "", "A" * 8, "A" * 15, "A" * 17, "A" * 40, "a" * 16, "A" * 15 + "1", "A" * 15 + "8", "A" * 15 + " ",
        "ABCDEFGHABCDEF==", "ABCDEFGHA=======", "========ABCDEFGH", "=" * 16, "A" * 16 + "\n", "\uff21" * 16,
    ],
)  # fmt: skip
def test_any_other_secret_is_refused(secret: str) -> None:
    with pytest.raises(refusals.InvalidTotpSecret) as refused:
        AuthenticationFactor.add_totp(id=uuid4(), user=a_user(), secret=secret, now=NOW)
    assert refused.value.field == "secret"


def test_a_step_counts_once_and_none_before_it_afterwards() -> None:
    app = an_app()
    app.use_step(STEP, NOW)
    event = the_event(app)
    assert (event.step, event.place, event.remaining, event.touches) == (STEP, None, None, ())
    for step in (STEP, STEP - 1):
        with pytest.raises(refusals.WrongTotpCode):
            app.use_step(step, NOW)
    assert happened(app) == []
    app.use_step(STEP + 1, NOW)
    assert happened(app) == ["factor.used"]


def test_a_backup_code_counts_once() -> None:
    codes = a_set()
    assert codes.remaining == 10
    codes.use_backup_code(DIGESTS[3], NOW)
    event = the_event(codes)
    assert (event.step, event.place, event.remaining, event.touches) == (None, 3, 9, ())
    for digest in (DIGESTS[3], "f" * 64, ""):
        with pytest.raises(refusals.WrongBackupCode):
            codes.use_backup_code(digest, NOW)
    for digest in {*DIGESTS} - {DIGESTS[3]}:
        codes.use_backup_code(digest, NOW)
    assert codes.remaining == 0


@pytest.mark.parametrize("digests", [[], DIGESTS[:9], [*DIGESTS, "f" * 64], [*DIGESTS[:9], DIGESTS[0]]])
def test_a_set_has_ten_different_codes(digests: list[str]) -> None:
    with pytest.raises(refusals.InvalidBackupCodes):
        AuthenticationFactor.add_backup_codes(id=uuid4(), user=a_user(), digests=digests, now=NOW)


def test_a_backup_code_is_ten_hex_digits_in_either_case() -> None:
    assert backup_code("0123ABcdef") == "0123abcdef"
    for code in ("", "0123abcde", "0123abcdef0", "0123abcdeg", "0123abcde ", "\uff10123abcdef"):
        with pytest.raises(refusals.InvalidBackupCodes):
            backup_code(code)


def test_what_was_removed_is_over() -> None:
    app, codes = an_app(), a_set()
    app.remove(NOW)
    assert the_event(app).touches == (guard(app.user),)
    codes.remove(NOW)
    assert (app.secret, codes.digests, codes.remaining) == (None, [], 0)
    with pytest.raises(refusals.UnknownFactor):
        app.use_step(STEP, NOW)
    with pytest.raises(refusals.UnknownFactor):
        codes.use_backup_code(DIGESTS[0], NOW)
    for gone in (app, codes):
        with pytest.raises(refusals.UnknownFactor):
            gone.remove(NOW)


def test_neither_kind_does_what_the_other_does() -> None:
    with pytest.raises(refusals.UnknownFactor):
        a_set().use_step(STEP, NOW)
    with pytest.raises(refusals.UnknownFactor):
        an_app().use_backup_code(DIGESTS[0], NOW)


def test_nobody_who_was_deleted_gets_a_factor() -> None:
    gone = a_user()
    gone.delete(SYSTEM, NOW)
    with pytest.raises(refusals.UnknownUser):
        AuthenticationFactor.add_totp(id=uuid4(), user=gone, secret=SECRET, now=NOW)
    with pytest.raises(refusals.UnknownUser):
        AuthenticationFactor.add_backup_codes(id=uuid4(), user=gone, digests=DIGESTS, now=NOW)


TOTP, CODES = Kind.TOTP, Kind.BACKUP_CODES


@pytest.mark.parametrize(
    ("flags", "kinds", "asked"),
    [
        ([], [], []),
        ([], [CODES], []),
        ([], [TOTP], [Proof.TOTP]),
        ([], [TOTP, CODES], [Proof.TOTP]),
        ([Factor.OTP], [TOTP], [Proof.TOTP]),
        ([Factor.OTP], [], [Proof.ENROLMENT]),
        ([Factor.OTP], [CODES], [Proof.ENROLMENT]),
        ([Factor.EMAIL], [], [Proof.EMAIL]),
        ([Factor.SMS], [], [Proof.SMS]),
        ([*Factor], [TOTP], [Proof.TOTP, Proof.EMAIL, Proof.SMS]),
        ([*Factor], [CODES], [Proof.EMAIL, Proof.SMS, Proof.ENROLMENT]),
    ],
)
def test_all_that_somebody_has_or_has_to_use_is_asked_for(
    flags: list[Factor], kinds: list[Kind], asked: list[Proof]
) -> None:
    user = a_user()
    user.change_email("ada@example.com", NOW)
    user.change_phone("447400123456", NOW)
    for flag in flags:
        user.require_factor(flag, NOW)
    assert list(proofs(user, set(kinds))) == asked


def test_no_message_is_asked_for_where_there_is_no_address() -> None:
    user = a_user()
    for flag in (Factor.EMAIL, Factor.SMS):
        user.require_factor(flag, NOW)
    assert proofs(user, set()) == ()

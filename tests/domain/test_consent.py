"""A consent says what an application may do for a user, grows, and is taken back as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain import refusals
from domain.consent import Consent
from tests.domain.given import (
    ELSEWHERE,
    INSTANT,
    NOW,
    ORGANIZATION,
    ROOT_APPLICATION,
    a_user,
    an_application,
    backend,
    happened,
    person,
    settled,
    the_event,
)

if TYPE_CHECKING:
    from domain.application import Application
    from domain.user import User


def given(*scope: str, user: User | None = None, application: Application | None = None) -> Consent:
    application = application or an_application(kind="spa")
    return Consent.give(id=uuid4(), user=user or a_user(), application=application, scope=scope, now=NOW)


def test_a_consent_names_user_application_and_scope() -> None:
    user, application = a_user(), an_application(kind="spa")
    event = the_event(given("profile", "openid", "openid", user=user, application=application))
    assert (event.user, event.application, event.organization) == (user.id, application.id, ORGANIZATION)
    assert event.scope == ["openid", "profile"]
    assert event.touches == (f"consent:{user.id}:{application.id}", f"user-consents:{user.id}")


def test_only_who_is_active_consents_and_only_to_what_is_active() -> None:
    disabled, deleted, gone = an_application(kind="spa"), an_application(kind="spa"), a_user()
    disabled.disable(backend(), NOW)
    deleted.delete(backend(), NOW)
    gone.delete(backend(), NOW)
    for user, application, refusal in (
        (a_user(status="suspended"), an_application(kind="spa"), refusals.UserNotActive),
        (gone, an_application(kind="spa"), refusals.UnknownUser),
        (a_user(), disabled, refusals.ApplicationNotActive),
        (a_user(), deleted, refusals.UnknownApplication),
        (a_user(), an_application(kind="spa", organization=ELSEWHERE), refusals.UnknownApplication),
    ):
        with pytest.raises(refusal):
            given("openid", user=user, application=application)


def test_a_scope_is_made_of_scope_tokens_and_has_an_end() -> None:
    with pytest.raises(refusals.InvalidScope):
        given("two words")
    with pytest.raises(refusals.TooMany):
        given(*(f"s{n}" for n in range(201)))
    consent = settled(given(*(f"s{n}" for n in range(200))))
    with pytest.raises(refusals.TooMany):
        consent.extend(an_application(), ["one"], NOW)
    narrow = settled(given("openid"))
    with pytest.raises(refusals.InvalidScope):
        narrow.extend(an_application(), ["ü"], NOW)
    assert (happened(consent), happened(narrow)) == ([], [])


def test_a_consent_grows_and_tells_all_of_it() -> None:
    application = an_application(kind="spa")
    consent = settled(given("openid", application=application))
    consent.extend(application, ["openid"], NOW)
    consent.extend(application, ["email", "openid"], NOW)
    event = the_event(consent)
    assert (event.TOPIC, event.scope) == ("consent.extended", ["email", "openid"])
    assert event.touches == (f"consent:{consent.user}:{consent.application}",)
    assert consent.scope == ["email", "openid"]


def test_a_consent_to_what_was_submitted_again_counts_no_more_and_begins_anew() -> None:
    user, application = a_user(), an_application(kind="web")
    consent = settled(given("email", "openid", user=user, application=application))
    assert consent.counts(application)
    said: dict[str, Any] = {"domain": "https://shop.example.com", "description": None, "scope_kinds": ["sso"]}
    application.submit(**said, by=person("write_app"), now=NOW)
    assert not consent.counts(application), "at the very instant"
    consent.extend(application, ["openid"], NOW + INSTANT)
    event = the_event(consent)
    assert (event.TOPIC, event.scope) == ("consent.extended", ["openid"]), "nothing of what was before"
    assert (consent.scope, consent.counts(application)) == (["openid"], True)
    settled(consent).extend(application, ["openid"], NOW + INSTANT)
    assert happened(consent) == []
    application.resubmit(application.settings, **said, by=ROOT_APPLICATION, now=NOW + 2 * INSTANT)
    assert not consent.counts(application)
    consent.extend(application, ["openid"], NOW + 3 * INSTANT)
    assert (the_event(consent).scope, consent.counts(application)) == (["openid"], True), "with the same scope, too"


def test_a_consent_is_withdrawn_once() -> None:
    consent = settled(given("openid"))
    consent.withdraw(NOW)
    consent.withdraw(NOW)
    event = the_event(consent)
    assert (event.TOPIC, consent.withdrawn) == ("consent.withdrawn", True)
    assert event.touches == (f"consent:{consent.user}:{consent.application}",)

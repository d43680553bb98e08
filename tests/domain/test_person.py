"""What can be known of a person: a profile, an address, nothing that could never be one."""

from __future__ import annotations

import pytest

from domain import person, refusals
from domain.person import Profile


def test_a_profile_is_trimmed_and_empty_text_is_nothing() -> None:
    assert Profile(" Ada ", "", "en-GB").checked() == Profile("Ada", None, "en-GB")
    assert Profile("  ", None, "").checked() == Profile()


@pytest.mark.parametrize("name", ["x" * 129, "a\u2028b", "\u202eevil", "a\x00"])
def test_a_name_that_breaks_the_rules_of_names_is_refused_by_its_member(name: str) -> None:
    for profile, field in ((Profile(given_name=name), "given_name"), (Profile(family_name=name), "family_name")):
        with pytest.raises(refusals.InvalidName) as refused:
            profile.checked()
        assert refused.value.field == field


@pytest.mark.parametrize("locale", ["en", "zh-CN", "zh-Hans-CN", "es-419", "sl-rozaj-biske"])
def test_a_locale_is_a_language_tag(locale: str) -> None:
    assert person.locale(locale) == locale


@pytest.mark.parametrize("locale", ["e", "english-", "en_GB", "en GB", "123", "a" * 9, "en-" + "a" * 9, "中文"])
def test_what_is_no_language_tag_is_refused(locale: str) -> None:
    with pytest.raises(refusals.InvalidLocale):
        person.locale(locale)


def test_an_address_has_at_most_254_characters() -> None:
    longest = "a@" + "b" * 252
    assert person.email(longest) == longest
    with pytest.raises(refusals.InvalidEmail):
        person.email(longest + "b")


@pytest.mark.parametrize("address", ["", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\n", "a\x7f@b", "a@b\u200b"])
def test_what_could_never_be_an_address_is_refused(address: str) -> None:
    with pytest.raises(refusals.InvalidEmail):
        person.email(address)

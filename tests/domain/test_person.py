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


def test_what_else_is_known_is_kept_in_one_form_and_empty_text_is_nothing() -> None:
    address = {"formatted": " 12 St James's Sq \r\n London ", "locality": "London", "country": " "}
    profile = Profile(
        middle_name=" King ", nickname="Ada", preferred_username=" ", profile="https://ada.example/me", gender="",
        picture="https://cdn.example/ada.png", website=" ada.example ", birthdate="1815-12-10",
        zoneinfo="Europe/London", address=address,
    ).checked()  # fmt: skip
    assert profile == Profile(
        middle_name="King", nickname="Ada", profile="https://ada.example/me", picture="https://cdn.example/ada.png",
        website="ada.example", birthdate="1815-12-10", zoneinfo="Europe/London",
        address={"formatted": "12 St James's Sq\nLondon", "locality": "London"},
    )  # fmt: skip
    assert profile.checked() == profile
    assert Profile(address={"country": "  "}).checked() == Profile()


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("profile", "x" * 2049), ("website", "a\u2028b"), ("gender", "x" * 129), ("birthdate", "\u202e"),
        ("zoneinfo", "a\nb"), ("address", {"formatted": "x" * 1001}), ("address", {"region": "a\x00b"}),
    ],
)  # fmt: skip
def test_what_is_too_long_or_holds_control_characters_is_refused_by_its_member(member: str, value: object) -> None:
    with pytest.raises(refusals.InvalidProfile) as refused:
        Profile(**{member: value}).checked()  # type: ignore[arg-type]
    assert refused.value.field == member


@pytest.mark.parametrize("member", ["middle_name", "nickname", "preferred_username"])
def test_further_names_keep_the_rules_of_names(member: str) -> None:
    with pytest.raises(refusals.InvalidName) as refused:
        Profile(**{member: "x" * 129}).checked()  # type: ignore[arg-type]
    assert refused.value.field == member


@pytest.mark.parametrize("picture", ["https://a.example", "http://a.example:8080/x?y#z", "HTTPS://[::1]/x"])
def test_a_picture_is_an_address_of_the_web(picture: str) -> None:
    assert Profile(picture=picture).checked().picture == picture
    longest = "https://a.example/" + "x" * 2030
    assert Profile(picture=longest).checked().picture == longest


@pytest.mark.parametrize(
    "picture",
    [
        "javascript:alert(1)", "data:image/png;base64,AA", "//a.example/x", "/x", "https://", "https:///x",
        "https://me@a.example/x", "https://a.example\\@b.example", "https://a.example/x y", "https://a.example/\x7f",
        "https://a.example/" + "x" * 2031,
    ],
)  # fmt: skip
def test_any_other_picture_is_refused(picture: str) -> None:
    with pytest.raises(refusals.InvalidProfile) as refused:
        Profile(picture=picture).checked()
    assert refused.value.field == "picture"


@pytest.mark.parametrize("username", ["a", "_", "Ada_1815", "x" * 128])
def test_a_username_is_a_word(username: str) -> None:
    assert person.username(username) == username


@pytest.mark.parametrize("username", ["", "1a", "a b", "a-b", "a@b", "ä", "a\n", "x" * 129, "\u212aelvin"])
def test_what_could_be_taken_for_something_else_is_no_username(username: str) -> None:
    with pytest.raises(refusals.InvalidUsername) as refused:
        person.username(username)
    assert refused.value.field == "username"


def test_a_phone_number_is_digits_with_the_country_code() -> None:
    assert person.phone("447400123456") == "447400123456"
    assert person.phone("9" * 15) == "9" * 15
    for wrong in ("", "123", "0123456", "9" * 16, "+447400123456", "44 7400", "٤٤٧٤٠٠", "447400123456\n"):
        with pytest.raises(refusals.InvalidPhone):
            person.phone(wrong)


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

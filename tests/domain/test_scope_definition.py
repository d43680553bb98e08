"""Organizations define scopes; built-in ones are described, but nobody makes, renames or deletes them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from domain import refusals
from domain.permissions import BUILT_IN_SCOPES, PERMISSIONS
from domain.scope_definition import BUILT_IN, ScopeDefinition, ScopeType, built_in_type
from tests.domain.given import NOW, ORGANIZATION, ROOT_APPLICATION, STRANGER, backend, happened, settled, the_event

LOOK_ALIKES = [
    "root",
    "ROOT",
    " root ",
    "Read_User",
    "\uff52\uff4f\uff4f\uff54",
    "openid",
    "OFFLINE_ACCESS",
    "all",
    "\u211doot",
]


def define(name: str = "files:read", *, built_in: bool = False, **told: object) -> ScopeDefinition:
    fields = {"type": None if built_in else ScopeType.S2S, "note": None, "locales": {}, "by": backend(), **told}
    return ScopeDefinition.define(id=uuid4(), organization=ORGANIZATION, name=name, now=NOW, **fields)  # type: ignore[arg-type]


def test_a_definition_tells_name_type_note_and_translations() -> None:
    event = the_event(define(note=" Reads files ", locales={"fr": "Lire", "en": " Read "}, type=ScopeType.SPA))
    assert (event.organization, event.name, event.type, event.note) == (
        ORGANIZATION,
        "files:read",
        "spa",
        "Reads files",
    )
    assert list(event.locales.items()) == [("en", "Read"), ("fr", "Lire")]
    assert event.touches == (f"organization-scopes:{ORGANIZATION}", f"organization-contents:{ORGANIZATION}")


def test_every_built_in_scope_has_an_id_of_its_own_for_ever() -> None:
    assert sorted(BUILT_IN.values()) == sorted(BUILT_IN_SCOPES)
    ids = {name: str(known) for known, name in BUILT_IN.items()}
    assert ids["root"] == "9f7858b7-4b4a-57fb-8406-9dc3fa5854a4"
    assert ids["openid"] == "110ef71b-6c7c-5c73-8a1a-620c7e4ee9af"
    assert {built_in_type(name) for name in PERMISSIONS} == {ScopeType.S2S}
    assert built_in_type("openid") is ScopeType.SPA


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_nothing_is_defined_or_renamed_into_what_reads_like_a_built_in_scope(name: str) -> None:
    for by in (backend("all"), ROOT_APPLICATION):
        with pytest.raises(refusals.BuiltInScope):
            define(name, by=by)
        with pytest.raises(refusals.BuiltInScope):
            settled(define()).change(name, None, {}, by, NOW)


@pytest.mark.parametrize("name", ["", "a b", "ä", 'a"b', "a\\b", "a\n"])
def test_a_name_is_a_scope(name: str) -> None:
    with pytest.raises(refusals.InvalidScope):
        define(name)


def test_a_name_has_50_characters_at_most() -> None:
    assert define("a" * 50).name == "a" * 50
    with pytest.raises(refusals.InvalidName):
        define("a" * 51)


@pytest.mark.parametrize("locale", ["", "e", "en_US", "en-", "x" * 9, "en-" + "a" * 9, "en\n"])
def test_a_translation_is_of_a_language(locale: str) -> None:
    with pytest.raises(refusals.InvalidLocale):
        define(locales={locale: "x"})
    assert define(locales={"zh-Hant-TW": "x"}).locales == {"zh-Hant-TW": "x"}


def test_there_are_50_translations_at_most() -> None:
    tags = [f"{a}{b}" for a in "abcdefgh" for b in "abcdefgh"]
    assert len(define(locales=dict.fromkeys(tags[:50], "x")).locales) == 50
    with pytest.raises(refusals.TooMany):
        define(locales=dict.fromkeys(tags[:51], "x"))


def test_a_built_in_scope_is_described_and_keeps_name_and_type() -> None:
    scope = settled(define("openid", built_in=True, note="Who you are"))
    assert (scope.built_in, scope.type) == (True, ScopeType.SPA)
    scope.change("openid", "Your identity", {"de": "Wer du bist"}, backend(), NOW)
    assert (scope.note, scope.locales) == ("Your identity", {"de": "Wer du bist"})
    for act in (lambda: scope.change("openid2", None, {}, ROOT_APPLICATION, NOW), lambda: scope.delete(backend(), NOW)):
        with pytest.raises(refusals.BuiltInScope):
            act()
    assert happened(scope) == ["scope.changed"]


def test_only_built_in_scopes_are_described_as_such() -> None:
    with pytest.raises(refusals.UnknownScope):
        define("files:read", built_in=True)


def test_a_change_replaces_name_note_and_translations() -> None:
    scope = settled(define(note="a", locales={"en": "b"}))
    scope.change("files:write", None, {}, backend(), NOW)
    assert (scope.name, scope.note, scope.locales) == ("files:write", None, {})
    scope.change("files:write", " ", {}, backend(), NOW)
    assert happened(scope) == ["scope.changed"]


def test_a_deleted_scope_is_unknown() -> None:
    scope = settled(define())
    scope.delete(backend(), NOW)
    assert the_event(scope).touches == (f"organization-scopes:{ORGANIZATION}",)
    for act in (lambda: scope.delete(backend(), NOW), lambda: scope.change("x", None, {}, backend(), NOW)):
        with pytest.raises(refusals.UnknownScope):
            act()


def test_another_organizations_scope_is_unknown() -> None:
    with pytest.raises(refusals.UnknownAccount):
        define(by=STRANGER)
    with pytest.raises(refusals.UnknownScope):
        settled(define()).change("x", None, {}, STRANGER, NOW)
    with pytest.raises(refusals.UnknownScope):
        settled(define()).delete(STRANGER, NOW)

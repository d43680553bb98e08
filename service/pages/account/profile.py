"""/account/profile: how somebody is called, spoken to and found.

The form says which values it was made with. When they are others by now, somebody looked at an older page: nothing is
changed, and what was typed stays beside what is there.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

import pydantic

from domain import text
from domain.person import Profile
from domain.refusals import Invalid, InvalidName, InvalidProfile
from projections import users
from service.commands import people_settings
from service.commands.unchanged import UNCHANGED
from service.http.body import MAX_BODY
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages.account.holder import PATH as HOME
from service.pages.account.holder import UNTOUCHED, Filled, PageLink, back, done, form_fields, seen, shown
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note
from service.parts import PARTS
from service.secrets.digests import same, sha256_hex

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg
    from aiohttp import web

    from service.pages.account.holder import Holder

PATH = f"{HOME}/profile"
NAME, SEEN = "name", "seen"
MEMBERS = (
    "given_name", "family_name", "nickname", "picture", "website", "gender", "birthdate", "locale", "zoneinfo",
)  # fmt: skip
FIELDS = (NAME, *MEMBERS)
LANGUAGES = {"en": "English", "zh": "中文"}
PAGES = re.compile(r"https?://[^\s/?#@\\]+([/?#][^\s\\]*)?", re.IGNORECASE)
YEAR, DAY = re.compile(r"[0-9]{4}", re.ASCII), re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}", re.ASCII)
ZONES = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/")))


class ProfileForm(pydantic.BaseModel):
    """What is to be known. `seen`: what the values were when the form was made; empty: nothing is to be known."""

    name: str = pydantic.Field(default="", max_length=MAX_BODY)
    given_name: str = pydantic.Field(default="", max_length=MAX_BODY)
    family_name: str = pydantic.Field(default="", max_length=MAX_BODY)
    nickname: str = pydantic.Field(default="", max_length=MAX_BODY)
    picture: str = pydantic.Field(default="", max_length=MAX_BODY)
    website: str = pydantic.Field(default="", max_length=MAX_BODY)
    gender: str = pydantic.Field(default="", max_length=MAX_BODY)
    birthdate: str = pydantic.Field(default="", max_length=MAX_BODY)
    locale: str = pydantic.Field(default="", max_length=MAX_BODY)
    zoneinfo: str = pydantic.Field(default="", max_length=MAX_BODY)
    seen: str = ""
    organization: str = ""
    csrf: str = ""


@seen(PATH, lately=False)
async def show(request: web.Request, who: Holder) -> web.StreamResponse:
    """Answer the page."""
    return await page(request, who)


async def page(
    request: web.Request,
    who: Holder,
    *,
    status: int = 200,
    notice: str = "",
    bad: bool = False,
    filled: Filled = UNTOUCHED,
    meanwhile: bool = False,
) -> web.Response:
    """Return the page, with what is known or what was typed; `meanwhile` it was changed, and is told beside that."""
    known = _known(await users.one(request.app[PARTS].store.pool, who.user))
    filled = Filled(filled.typed or known, filled.faults)
    locale = filled.typed["locale"]
    return shown(
        request,
        "account_profile.html",
        status=status,
        notice=notice,
        bad=bad,
        filled=filled,
        fields={**form_fields(request, who, PATH), SEEN: _digest(known)},
        languages={**LANGUAGES, **({} if locale in ("", *LANGUAGES) else {locale: locale})},
        zones=ZONES,
        others={name: known[name] for name in FIELDS if meanwhile and known[name] != filled.typed[name]},
    )


@done(PATH, page, lately=False)
async def change(request: web.Request, who: Holder, form: Mapping[str, str]) -> web.StreamResponse:
    """Change what was changed in the form."""
    parts = request.app[PARTS]
    row = await users.one(parts.store.pool, who.user)
    known = _known(row)
    typed = {name: form.get(name, "").strip() for name in FIELDS}
    if row is None or not same(form.get(SEEN, ""), _digest(known)):
        note(request, 409, "stale_form", signed_in=who.signed_in)
        notice, filled = "account_profile_meanwhile", Filled(typed, {})
        return await page(request, who, status=409, notice=notice, bad=True, filled=filled, meanwhile=True)
    faults = {
        name: fault for name in FIELDS if typed[name] != known[name] if (fault := _fault(name, typed[name])) is not None
    }
    if faults:
        return await page(request, who, status=400, filled=Filled(typed, faults))
    changed = {name: typed[name] or None for name in FIELDS if typed[name] != known[name]}
    if changed:
        await people_settings.change(
            parts.store,
            who.origin(request),
            who.by,
            user=who.user,
            name=changed.get(NAME, UNCHANGED),
            members={member: changed[member] for member in MEMBERS if member in changed},
            own=True,
        )
    return back(request, who, HOME, "profile_changed")


def _known(row: asyncpg.Record | None) -> dict[str, str]:
    return {name: (row[name] if row is not None else None) or "" for name in FIELDS}


def _digest(known: Mapping[str, str]) -> str:
    """Return what tells one set of values from another; of the person themself, on their own page."""
    return sha256_hex("\0".join(known[name] for name in FIELDS))


def _fault(name: str, value: str) -> str | None:
    """Return the words for what is wrong with a value, None when nothing is."""
    if not value:
        return None
    member: dict[str, Any] = {name: value}
    try:
        if name == NAME:
            text.name(value)
        else:
            Profile(**member).checked()
        if not _looks_right(name, value):
            raise InvalidProfile(field=name)
    except InvalidName:
        return "account_name_wrong"
    except Invalid:
        return f"account_{name}_wrong"
    return None


def _looks_right(name: str, value: str) -> bool:
    """Say whether a value is written as those who read it expect (OpenID Connect Core section 5.1)."""
    match name:
        case "website":
            return PAGES.fullmatch(value) is not None
        case "birthdate":
            return YEAR.fullmatch(value) is not None or (DAY.fullmatch(value) is not None and _is_day(value))
        case "zoneinfo":
            return ZONE.fullmatch(value) is not None
        case _:
            return True


def _is_day(value: str) -> bool:
    try:
        date.fromisoformat(value.replace("0000", "0004", 1) if value.startswith("0000") else value)
    except ValueError:
        return False
    return True


ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "What is known of whoever is signed in",
        {200: html("The form."), 303: ELSEWHERE, 400: html("A parameter is repeated."), **FAILED},
        query=PageLink,
    ),
    Endpoint(
        "POST", PATH, change, Group.PAGES, "pages", "Change what is known of oneself",
        {
            303: ELSEWHERE, 400: html("The form cannot be read, or a value breaks a rule."),
            403: html("The form is none of ours."), 404: html("There is nobody like that any more."),
            409: html("It was changed meanwhile."), **UNREADABLE, **FAILED,
        },
        body=ProfileForm, reads=(FORM,),
    ),
)  # fmt: skip

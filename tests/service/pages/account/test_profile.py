"""/account/profile: what somebody is called is theirs to say, nothing else is lost by it, and nothing typed either."""

from __future__ import annotations

import pytest

from tests.service.pages.account.settings import PROFILE, home, shown
from tests.service.pages.forms import unchanged

pytestmark = pytest.mark.asyncio(loop_scope="module")

FULL = {
    "name": "Augusta Ada King", "given_name": "Ada", "family_name": "Lovelace", "nickname": "Countess",
    "picture": "https://pictures.example/ada.png", "website": "https://ada.example/", "gender": "female",
    "birthdate": "1815-12-10", "locale": "zh", "zoneinfo": "Europe/London",
}  # fmt: skip


async def test_all_of_it_is_saved_and_shown(firm, ada):
    visitor = await firm.signed_in(ada)
    answer = await visitor.submit((await visitor.open(PROFILE)).form, **FULL)
    assert answer.next == home(firm, "profile_changed")
    page = await visitor.open(answer.next)
    assert "Your profile was saved." in page.text
    assert "Augusta Ada King" in page.text
    form = (await visitor.open(PROFILE)).form
    assert {name: form.fields[name] for name in FULL} == FULL
    told = await shown(firm, ada)
    assert (told["name"], told["avatar"]) == (FULL["name"], FULL["picture"])
    assert told["profile"]["zoneinfo"] == "Europe/London"


async def test_what_is_not_on_the_page_stays(app, firm, ada):
    kept = {
        "middleName": "King",
        "address": {"country": "UK"},
        "preferredUsername": "aal",
        "profile": "https://x.test/",
    }
    await app.call("PATCH", f"/api/users/{ada.id}/profile", firm.token, json={"profile": kept})
    visitor = await firm.signed_in(ada)
    await visitor.submit((await visitor.open(PROFILE)).form, nickname="Countess")
    assert (await shown(firm, ada))["profile"] == {**kept, "nickname": "Countess"}


async def test_what_is_emptied_is_known_no_more(firm, ada):
    visitor = await firm.signed_in(ada)
    await visitor.submit((await visitor.open(PROFILE)).form, **FULL)
    await visitor.submit((await visitor.open(PROFILE)).form, **dict.fromkeys(FULL, ""))
    told = await shown(firm, ada)
    assert (told["name"], told["avatar"], told["profile"]) == (None, None, {})


async def test_nothing_is_written_when_nothing_was_changed(app, firm, ada):
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(PROFILE)).form
    async with unchanged(app):
        assert (await visitor.submit(form)).next == home(firm, "profile_changed")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x" * 129), ("given_name", "a\nb"), ("nickname", "\u202eevil"), ("picture", "javascript:alert(1)"),
        ("picture", "https://user@host/"), ("website", "javascript:alert(1)"), ("website", "ada.example"),
        ("birthdate", "10.12.1815"), ("birthdate", "1815-02-30"), ("birthdate", "18151210"), ("gender", "x" * 129),
        ("locale", "not a language"), ("zoneinfo", "../../etc/passwd"), ("zoneinfo", "Europe/London\n"[:-1] + " x"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told_beside_its_field_and_what_was_typed_stays(app, firm, ada, field, value):
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(PROFILE)).form
    async with unchanged(app):
        answer = await visitor.submit(form, **{"gender": "typed", field: value})
    assert answer.status == 400
    [marked] = [tag for _, tag in answer.page.tags if tag.get("aria-invalid") == "true"]
    assert marked["name"] == field
    assert f"{field}-fault" in {tag.get("id") for tag in answer.page.all("p")}
    if field != "locale":
        assert "autofocus" in marked
        assert marked["value"] == value
    assert answer.form.fields["gender"] == ("typed" if field != "gender" else value)


async def test_all_that_is_wrong_is_told_at_once_and_the_first_of_it_has_the_focus(firm, ada):
    visitor = await firm.signed_in(ada)
    answer = await visitor.submit((await visitor.open(PROFILE)).form, nickname="x" * 200, website="x", zoneinfo="?")
    marked = [tag["name"] for tag in answer.page.all("input") if tag.get("aria-invalid") == "true"]
    assert sorted(marked) == ["nickname", "website", "zoneinfo"]
    [focused] = [tag["name"] for tag in answer.page.all("input") if "autofocus" in tag]
    assert focused == "nickname"


async def test_what_was_kept_before_there_were_rules_may_stay(app, firm, ada):
    await app.call("PATCH", f"/api/users/{ada.id}/profile", firm.token, json={"profile": {"website": "ada.example"}})
    visitor = await firm.signed_in(ada)
    answer = await visitor.submit((await visitor.open(PROFILE)).form, nickname="Countess")
    assert answer.next == home(firm, "profile_changed")
    assert (await shown(firm, ada))["profile"] == {"website": "ada.example", "nickname": "Countess"}


async def test_of_two_tabs_the_later_one_undoes_nothing_unseen(app, firm, ada):
    visitor = await firm.signed_in(ada)
    one, other = (await visitor.open(PROFILE)).form, (await visitor.open(PROFILE)).form
    await visitor.submit(one, nickname="Countess")
    async with unchanged(app):
        answer = await visitor.submit(other, gender="female")
    assert answer.status == 409
    assert "changed elsewhere meanwhile" in answer.text
    assert "By now: Countess" in answer.text
    assert (answer.form.fields["nickname"], answer.form.fields["gender"]) == ("", "female")
    await visitor.submit(answer.form, nickname="Countess")
    assert (await shown(firm, ada))["profile"] == {"nickname": "Countess", "gender": "female"}


async def test_what_the_form_was_made_with_cannot_be_left_out(app, firm, ada):
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(PROFILE)).form
    async with unchanged(app):
        for seen in ("", "x", "é"):
            assert (await visitor.submit(form, seen=seen, nickname="x")).status == 409


async def test_it_is_theirs_in_the_log(app, firm, ada):
    visitor = await firm.signed_in(ada)
    await visitor.submit((await visitor.open(PROFILE)).form, name="Augusta", nickname="Countess")
    done = {event["topic"] for event in await app.events(limit=20) if event["actor"] == ada.id}
    assert done >= {"user.renamed", "user.profile_changed"}

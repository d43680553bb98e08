"""The forms about interface grants: only those that the console showed to this very session are taken; each page and
form is for those who hold its permission.

One session and one set of forms serve all tests of forms: none of them changes anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.service.pages.forms import ELSEWHERE, ODD, refused, unchanged, unreadable
from tests.service.pages.grants import (
    APPROVALS,
    APPROVE,
    APPROVE_ALL,
    CALLS,
    CHOOSE,
    DELETE,
    FORMS,
    GRANTS,
    REJECT,
    REQUEST_ALL,
    a_request,
    an_interface,
    form_about,
    pick,
    state,
)
from tests.service.pages.people import sign_in
from tests.service.pages.visitor import Visitor

if TYPE_CHECKING:
    from tests.service.pages.visitor import Form

pytestmark = pytest.mark.asyncio(loop_scope="module")

PERMISSIONS = ("approve_grant", "read_grant", "write_app", "read_audit")
MOMENT = "2026-01-01T00:00:00Z"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grant(firm):
    [made] = await a_request(firm)
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def interface(firm):
    """An interface that may be asked for."""
    return await an_interface(firm)


@pytest.fixture(scope="module")
def filled(firm, grant, interface):
    """A function that returns one form of each path, filled in, as somebody is shown them."""

    async def filled(visitor: Visitor) -> dict[str, Form]:
        return await forms_of(firm, visitor, grant, interface)

    return filled


async def forms_of(firm, visitor, grant, interface) -> dict[str, Form]:
    waiting = await visitor.open(APPROVALS)
    own = {"application": firm.application["id"]}
    forms = {
        APPROVE: form_about(waiting, APPROVE, grant),
        REJECT: form_about(waiting, REJECT, grant),
        APPROVE_ALL: (await visitor.open(APPROVE_ALL, submitted_before=MOMENT)).form,
        DELETE: form_about(await visitor.open(GRANTS), DELETE, grant),
        CHOOSE: (await visitor.open(CHOOSE, **own)).form,
        REQUEST_ALL: (await visitor.open(REQUEST_ALL, **own)).form,
    }
    forms[REJECT].fields["reason"] = "unknown to us"
    forms[CHOOSE].fields |= {"do": "request", pick(interface): "yes"}
    return forms


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def visitor(firm):
    return await firm.signed_in(await firm.administrator(*PERMISSIONS))


@pytest_asyncio.fixture(loop_scope="module")
async def forms(visitor, filled):
    return await filled(visitor)


def pages_of(firm):
    own = {"application": firm.application["id"]}
    return (
        (APPROVALS, {}), (APPROVE_ALL, {"submitted_before": MOMENT}), (GRANTS, {}), (CHOOSE, own), (REQUEST_ALL, own),
        (CALLS, {}),
    )  # fmt: skip


async def test_whoever_is_not_signed_in_signs_in_first(app, firm):
    for path, query in pages_of(firm):
        answer = await Visitor(app).open(path, **query, organization=firm.organization)
        assert answer.next == f"/login?organization={firm.organization}&console=yes"
    for path in FORMS:
        answer = await Visitor(app).send("POST", path, data={"organization": firm.organization})
        assert answer.next == f"/login?organization={firm.organization}&console=yes"
    administrator = await firm.administrator("read_audit")
    visitor = Visitor(app)
    page = await visitor.open("/login", organization=firm.organization, console="yes")
    answer = await sign_in(visitor, page, administrator)
    assert (await visitor.open(answer.next)).title == "Console"


async def test_without_a_permission_nothing_is_shown_and_the_refusal_is_on_record(app, firm, ada):
    visitor = await firm.signed_in(ada)
    async with unchanged(app):
        for path, query in pages_of(firm):
            answer = await visitor.open(path, **query)
            assert (answer.status, answer.title) == (403, "This is not for you")
        for path in FORMS:
            answer = await visitor.send("POST", path, data={"application": firm.application["id"]})
            assert (answer.status, answer.title) == (403, "This is not for you")
    mine = [one for one in await app.refusals(limit=50) if one["actor"] == ada.id]
    assert {one["code"] for one in mine} == {"missing_permission"}
    assert len(mine) == len(pages_of(firm)) + len(FORMS)


async def test_each_permission_opens_its_own_part_alone(firm):
    for permission, statuses in (
        ("approve_grant", [200, 200, 403, 403, 403, 403]),
        ("read_grant", [403, 403, 200, 403, 403, 403]),
        ("write_app", [403, 403, 403, 200, 200, 403]),
        ("read_audit", [403, 403, 403, 403, 403, 200]),
    ):
        visitor = await firm.signed_in(await firm.administrator(permission))
        assert [(await visitor.open(path, **query)).status for path, query in pages_of(firm)] == statuses, permission
        taken = {"approve_grant": (APPROVE, REJECT, APPROVE_ALL), "write_app": (DELETE, CHOOSE, REQUEST_ALL)}
        for path in set(FORMS) - set(taken.get(permission, ())):
            assert (await visitor.send("POST", path, data={})).title == "This is not for you", (permission, path)


async def test_the_console_leads_to_what_is_open_and_says_what_somebody_may_do(firm):
    for permission, path, said in (
        ("approve_grant", APPROVALS, "Approvals"),
        ("read_grant", GRANTS, "See which interfaces applications may call"),
        ("read_audit", CALLS, "See the call log"),
    ):
        visitor = await firm.signed_in(await firm.administrator(permission))
        page = await visitor.open("/console")
        assert page.page.one("a", href=path)
        assert said in page.text
        others = {APPROVALS, GRANTS, CALLS} - {path}
        assert not [tag for tag in page.page.all("a") if tag["href"] in others]
        assert "Go to the console" in (await visitor.open("/account")).text


async def test_forged_forms_are_on_record(app, visitor, forms):
    await refused(app, visitor, forms[APPROVE_ALL], {"Origin": "https://evil.example"})
    # The first of these tests: of a flood, most is on record as a number.
    [recorded] = [each for each in await app.refusals(limit=50) if each["code"] == "forged_form"]
    assert recorded["operation"] == f"POST {APPROVE_ALL}"


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_without_its_token_is_refused(app, visitor, forms, path):
    form = forms[path]
    for token in ("", "x", form.fields["csrf"][:-1], form.fields["csrf"] + "A", "é"):
        await refused(app, visitor, form, csrf=token)
    del form.fields["csrf"]
    await refused(app, visitor, form)


@pytest.mark.parametrize("path", FORMS)
async def test_a_token_is_good_for_its_own_form_alone(app, visitor, forms, path):
    others = {form.fields["csrf"] for other, form in forms.items() if other != path}
    assert len(others) == len(FORMS) - 1
    for token in others:
        await refused(app, visitor, forms[path], csrf=token)


async def test_a_token_shown_to_somebody_else_is_refused(app, firm, visitor, forms, filled):
    theirs = await filled(await firm.signed_in(await firm.administrator(*PERMISSIONS)))
    for path in FORMS:
        await refused(app, visitor, forms[path], csrf=theirs[path].fields["csrf"])


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_from_elsewhere_is_refused_with_the_right_token_too(app, visitor, forms, path):
    for headers in ELSEWHERE:
        await refused(app, visitor, forms[path], headers)


@pytest.mark.parametrize("path", FORMS)
async def test_what_cannot_be_read_is_told_by_a_page_and_changes_nothing(app, visitor, forms, path):
    async with unchanged(app):
        for status, more in unreadable(forms[path].fields["csrf"]):
            answer = await visitor.send("POST", path, **more)
            assert (answer.status, answer.title) == (status, "We cannot go on from here")


@pytest.mark.parametrize("path", FORMS)
async def test_odd_characters_in_fields_do_no_harm(app, visitor, forms, path):
    form = forms[path]
    # What is looked for and reasons are free text, and where to sign in is nothing to who is signed in.
    names = [name for name in form.fields if name not in ("csrf", "reason", "organization", "search", "following")]
    async with unchanged(app):
        for name in names:
            for text in ODD:
                answer = await visitor.submit(form, **{name: text})
                assert answer.status in {400, 404}, (name, text)
                assert not answer.page.all("script")


@pytest.mark.parametrize("path", FORMS)
async def test_what_is_taken_away_while_a_page_is_open_counts(app, firm, grant, filled, path):
    administrator = await firm.administrator(*PERMISSIONS)
    visitor = await firm.signed_in(administrator)
    form = (await filled(visitor))[path]
    role = f"/api/users/{administrator.id}/roles/{administrator.role}"
    assert (await app.call("DELETE", role, firm.token)).status == 204
    async with unchanged(app):
        answer = await visitor.submit(form)
    assert (answer.status, answer.title) == (403, "This is not for you")
    assert (await state(firm, grant))["status"] == "pending"


async def test_it_speaks_the_readers_language(firm):
    visitor = await firm.signed_in(await firm.administrator("all"), language="zh-CN")
    for (path, query), said in zip(
        pages_of(firm),
        ("等待审批的接口授权", "批准所有等待审批的接口授权", "接口授权", "选择接口", "申请全部接口", "调用日志"),
        strict=True,
    ):
        page = await visitor.open(path, **query)
        assert page.page.all("html") == [{"lang": "zh"}]
        assert said in page.title, path

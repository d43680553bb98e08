"""API resources and interfaces at the console: found, made, changed and deleted by whoever may, and by nobody else."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
import pytest_asyncio

from service.commands import api_resources, interfaces
from service.pages.console import interface_list
from service.pages.console import interfaces as resource_list
from tests.service.pages.console import (
    INTERFACES,
    LIMITING,
    NEW_INTERFACE,
    NEW_RESOURCE,
    of_interface,
    of_resource,
    registry_pages,
)
from tests.service.pages.forms import unchanged
from tests.service.pages.grants import a_request, approved
from tests.service.pages.people import a_firm
from tests.service.pages.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

READS, WRITES = ("read_api",), ("read_api", "write_api")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def reads(firm):
    return await firm.signed_in(await firm.administrator(*READS))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def writes(firm):
    return await firm.signed_in(await firm.administrator(*WRITES))


@pytest_asyncio.fixture(loop_scope="module")
async def resource(firm):
    return await firm.app.api_resource(token=firm.token, name=f"Orders {uuid4().hex[:8]}")


@pytest_asyncio.fixture(loop_scope="module")
async def interface(firm, resource):
    return await firm.app.interface(resource, firm.token, name="Read an order", path="/orders/{id}")


async def resource_of(firm, resource):
    return (await firm.app.call("GET", f"/api/api-resources/{resource['id']}", firm.token)).json


async def interface_of(firm, interface):
    return (await firm.app.call("GET", f"/api/interfaces/{interface['id']}", firm.token)).json


async def test_whoever_is_not_signed_in_signs_in_first(app, firm, resource, interface):
    visitor = Visitor(app)
    for path in registry_pages(resource, interface):
        assert (await visitor.open(path)).next == "/login?console=yes"
        to_sign_in = f"/login?organization={firm.organization}&console=yes"
        joint = "&" if "?" in path else "?"
        assert (await visitor.open(f"{path}{joint}organization={firm.organization}")).next == to_sign_in
    for path in (LIMITING, NEW_RESOURCE, of_interface(interface, "edit")):
        answer = await visitor.send("POST", path, data={"organization": firm.organization})
        assert answer.next == to_sign_in


async def test_each_page_and_form_needs_its_permission(firm, ada, reads, resource, interface):
    nobody = await firm.signed_in(ada)
    written = registry_pages(resource, interface)[3:]
    async with unchanged(firm.app):
        for path in registry_pages(resource, interface):
            answer = await nobody.open(path)
            assert (answer.status, answer.title) == (403, "This is not for you")
            assert resource["name"] not in answer.text
            assert (await reads.open(path)).status == (403 if path in written else 200), path
        for visitor in (nobody, reads):
            for path in (LIMITING, *(path.partition("?")[0] for path in written)):
                answer = await visitor.send("POST", path, data={"resource": resource["id"]})
                assert (answer.status, answer.title) == (403, "This is not for you"), path


async def test_who_only_reads_has_no_buttons(reads, writes, resource, interface):
    for path in registry_pages(resource, interface)[:3]:
        page = await reads.open(path)
        assert [form.method for form in page.page.forms] == ["get"], path
        assert not [tag for tag in page.page.all("a") if "button" in tag.get("class", "")], path
        assert [tag for tag in (await writes.open(path)).page.all("a") if "button" in tag.get("class", "")], path


async def test_the_console_leads_there_whoever_may_see_it(firm, reads):
    page = await reads.open("/console")
    assert "See API resources and interfaces" in page.text
    assert "Change and import interfaces" not in page.text
    assert page.page.one("a", href=INTERFACES)
    other = await firm.signed_in(await firm.administrator("read_token"))
    assert f'href="{INTERFACES}"' not in (await other.open("/console")).text


async def test_f22_a_resource_is_found_by_a_part_of_its_name_or_identifier(firm, reads):
    made = await firm.app.api_resource(token=firm.token, name=f"Weather {uuid4().hex}")
    for search in (
        made["name"].upper(),
        made["name"][3:20],
        made["identifier"],
        f" {made['identifier'][:20].upper()} ",
    ):
        page = await reads.open(INTERFACES, search=search)
        assert page.page.one("a", href=of_resource(made)), search
        assert page.page.form(INTERFACES).fields == {"search": search.strip()}
    for search in ("no such resource", "%", "_", "' OR 1=1 --", "<b>"):
        page = await reads.open(INTERFACES, search=search)
        assert made["name"] not in page.text
        assert "No API resource matches" in page.text
        assert "<b>" not in page.text
    assert (await reads.open(INTERFACES, search="x" * 256)).status == 400
    assert (await reads.open(INTERFACES, after="x")).status == 400


async def test_lists_go_on_page_by_page(app):
    firm = await a_firm(app)
    visitor = await firm.signed_in(await firm.administrator(*READS))
    assert "Your organization has no API resources yet." in (await visitor.open(INTERFACES)).text
    assert "There are no interfaces yet." in (await visitor.open(f"{INTERFACES}/all")).text
    made = [await app.api_resource(token=firm.token) for _ in range(resource_list.SHOWN + 1)]
    shown = await shown_in(visitor, INTERFACES, "/console/api-resources/")
    assert shown == [of_resource(one) for one in made]
    names = [f"Interface {number}" for number in range(interface_list.SHOWN + 1)]
    for name in names:
        await app.interface(made[0], firm.token, name=name)
    for path in (f"{INTERFACES}/all?search=interface", of_resource(made[0])):
        told, page = [], await visitor.open(path)
        while True:
            told += [line.partition("</strong>")[0] for line in page.text.split("<strong>Interface ")[1:]]
            following = [tag["href"] for tag in page.page.all("a") if "after=" in tag["href"]]
            if not following:
                break
            page = await visitor.open(following[0])
            assert "First page" in page.text
        assert [f"Interface {number}" for number in told] == names


async def shown_in(visitor, path, prefix):
    """Return where a list leads that begin like this, over all of its pages."""
    shown, page = [], await visitor.open(path)
    while True:
        shown += [tag["href"] for tag in page.page.all("a") if tag["href"].startswith(prefix)]
        following = [tag["href"] for tag in page.page.all("a") if "after=" in tag["href"]]
        if not following:
            return shown
        page = await visitor.open(following[0])


async def test_interfaces_are_filtered_by_resource_text_method_and_scope(firm, reads, resource):
    other = await firm.app.api_resource(token=firm.token, name="Others")
    called = uuid4().hex
    for within, name, more in (
        (resource, "Read", {}),
        (resource, "Write", {"method": "POST", "scope": "anonymous"}),
        (other, "Other", {"method": "*", "submit_limited": True}),
    ):
        await firm.app.interface(within, firm.token, name=f"{name} {called}", **more)

    async def found(path, **query):
        page = await reads.open(path, **query)
        return {name for name in ("Read", "Write", "Other") if f"{name} {called}" in page.text}

    everywhere = f"{INTERFACES}/all"
    assert await found(everywhere, search=called) == {"Read", "Write", "Other"}
    assert await found(of_resource(resource)) == {"Read", "Write"}
    assert await found(of_resource(resource), method="POST") == {"Write"}
    assert await found(everywhere, search=called, method="*") == {"Other"}
    assert await found(everywhere, search=called, scope="authorized") == {"Read", "Other"}
    assert await found(everywhere, search=f"read {called}") == {"Read"}
    page = await reads.open(everywhere, search=called)
    assert page.page.one("a", href=of_resource(other), **{"class": "to"})
    for said in ("Anybody", "Submit-limited", "120 (test 60)"):
        assert said in page.text
    assert "No interfaces match." in (await reads.open(of_resource(resource), search="nothing")).text
    for query in ({"method": "TRACE"}, {"scope": "x"}, {"after": "x"}):
        assert (await reads.open(everywhere, **query)).status == 400


async def test_f17_a_resource_is_made_changed_and_deleted(firm, writes):
    form = (await writes.open(NEW_RESOURCE)).page.form(NEW_RESOURCE)
    identifier = f"weather.v1-{uuid4().hex[:8]}"
    answer = await writes.submit(
        form, name="Weather", identifier=identifier, uri="https://weather.example", audience=""
    )
    page = await writes.open(answer.next)
    assert page.title == "Interfaces of Weather"
    assert "The API resource was created." in page.text
    [made] = await resources_called(firm, identifier)
    assert (made["uri"], made["audience"], made["description"]) == ("https://weather.example", None, None)

    path = f"{of_resource(made)}/edit"
    form = (await writes.open(path)).page.form(path)
    assert form.fields["name"] == "Weather"
    assert "identifier" not in form.fields
    answer = await writes.submit(form, identifier="other", uri="", audience="https://weather.example/api")
    assert "The API resource was saved." in (await writes.open(answer.next)).text
    now = await resource_of(firm, made)
    assert (now["identifier"], now["uri"], now["audience"]) == (identifier, None, "https://weather.example/api")

    path = f"{of_resource(made)}/delete"
    answer = await writes.submit((await writes.open(path)).form)
    assert answer.next == f"{INTERFACES}?organization={firm.organization}&done=resource_deleted"
    assert "The API resource was deleted." in (await writes.open(answer.next)).text
    assert await resources_called(firm, identifier) == []


async def resources_called(firm, identifier):
    reply = await firm.app.call("GET", "/api/api-resources", firm.token, params={"search": identifier})
    return reply.json["items"]


@pytest.mark.parametrize(
    "wrong",
    [
        ("identifier", "9weather", "a letter first"),
        ("identifier", "", "a letter first"),
        ("name", "", "Use 1 to 128 characters"),
        ("uri", "javascript:alert(1)", "complete http or https address"),
        ("audience", "https://weather.example/#x", "absolute address"),
        ("description", "x" * 1001, "at most 1,000 characters"),
    ],
)
async def test_what_is_wrong_with_a_resource_is_told_beside_its_field(firm, writes, resource, wrong):
    field, typed, told = wrong
    page = await writes.open(NEW_RESOURCE)
    good = {"name": "Weather", "identifier": f"weather_{uuid4().hex}"}
    async with unchanged(firm.app):
        answer = await writes.submit(page.page.form(NEW_RESOURCE), **{**good, field: typed})
        assert answer.status == 400
        assert told in answer.text
        assert answer.page.one("input", name=field)["aria-describedby"] == f"{field}-fault"
        assert answer.page.form(NEW_RESOURCE).fields[field] == typed, "to be mended"
        if field != "identifier":
            path = f"{of_resource(resource)}/edit"
            answer = await writes.submit((await writes.open(path)).page.form(path), **{field: typed})
            assert answer.status == 400
            assert told in answer.text


async def test_an_identifier_that_is_taken_is_told_in_whatever_case(firm, writes, resource, interface):
    form = (await writes.open(NEW_RESOURCE)).page.form(NEW_RESOURCE)
    path = f"{NEW_INTERFACE}?resource={resource['id']}"
    other = (await writes.open(path)).page.form(NEW_INTERFACE)
    async with unchanged(firm.app):
        answer = await writes.submit(form, name="Again", identifier=resource["identifier"].upper())
        assert (answer.status, "Another API resource has this identifier." in answer.text) == (409, True)
        taken = {"name": "Again", "identifier": interface["identifier"].upper(), "path": "/else"}
        answer = await writes.submit(other, **taken)
        assert answer.status == 409
        assert "Another interface of the API resource has this identifier." in answer.text


async def test_f22_an_interface_is_made_with_all_of_its_fields(firm, writes, resource):
    page = await writes.open(f"{NEW_INTERFACE}?resource={resource['id']}")
    form = page.page.form(NEW_INTERFACE)
    proposed = {
        "method": "GET",
        "frequency": "120",
        "test_frequency": "60",
        "scope": "authorized",
        "submit_limited": "no",
    }
    assert proposed.items() <= form.fields.items()
    stated = {
        "name": "Place an order", "identifier": "place_order", "method": "POST", "path": "/orders/{id}",
        "frequency": "7", "test_frequency": " 3 ", "scope": "anonymous", "submit_limited": "yes",
        "description": "Places one.",
    }  # fmt: skip
    answer = await writes.submit(form, **stated)
    assert answer.next == f"{of_resource(resource)}?organization={firm.organization}&done=interface_made"
    page = await writes.open(answer.next)
    for said in ("The interface was created.", "Place an order", "place_order", "/orders/{id}", "7 (test 3)"):
        assert said in page.text
    [made] = (await firm.app.call("GET", "/api/interfaces", firm.token, params={"resource": resource["id"]})).json[
        "items"
    ]
    shown = {name: str(made[name]) for name in stated if name != "submit_limited"}
    assert shown == {name: value.strip() for name, value in stated.items() if name != "submit_limited"}
    assert made["submit_limited"] is True


async def test_f26_an_interface_is_changed_in_all_but_its_identifier(firm, writes, interface):
    path = of_interface(interface, "edit")
    page = await writes.open(path)
    assert interface["identifier"] in page.text
    form = page.page.form(path)
    assert "identifier" not in form.fields
    assert form.fields["path"] == "/orders/{id}"
    answer = await writes.submit(form, identifier="another", name="Read one", frequency="9", submit_limited="yes")
    assert "The interface was saved." in (await writes.open(answer.next)).text
    now = await interface_of(firm, interface)
    assert (now["identifier"], now["name"], now["frequency"], now["submit_limited"]) == (
        interface["identifier"], "Read one", 9, True,
    )  # fmt: skip
    form = (await writes.open(path)).page.form(path)
    async with unchanged(firm.app):
        assert (await writes.submit(form)).status == 303, "nothing was changed in it"


@pytest.mark.parametrize(
    "wrong",
    [
        ("name", "", "Use 1 to 128 characters"),
        ("method", "TRACE", "Choose a method"),
        ("path", "orders", "Begin with /"),
        ("path", "/a/../b", "Begin with /"),
        ("path", "/a?b", "Begin with /"),
        ("frequency", "0", "whole number"),
        ("frequency", "12.5", "whole number"),
        ("test_frequency", "2147483648", "whole number"),
        ("test_frequency", "", "whole number"),
        ("scope", "x", "Choose who may call"),
        ("description", "a\nb", "on one line"),
    ],
)
async def test_what_is_wrong_with_an_interface_is_told_beside_its_field(firm, writes, resource, interface, wrong):
    field, typed, told = wrong
    new = (await writes.open(f"{NEW_INTERFACE}?resource={resource['id']}")).page.form(NEW_INTERFACE)
    path = of_interface(interface, "edit")
    good = {"name": "Again", "identifier": "again", "path": "/again"}
    async with unchanged(firm.app):
        for form, more in ((new, good), ((await writes.open(path)).page.form(path), {})):
            answer = await writes.submit(form, **{**more, field: typed})
            assert answer.status == 400, form.action
            assert told in answer.text
            [fault] = [tag for tag in answer.page.tags if tag[1].get("aria-invalid") == "true"]
            assert fault[1]["name"] == field


async def test_an_address_that_is_taken_is_told(firm, writes, resource, interface):
    other = await firm.app.interface(resource, firm.token)
    path = of_interface(other, "edit")
    form = (await writes.open(path)).page.form(path)
    async with unchanged(firm.app):
        answer = await writes.submit(form, path="/orders/{number}")
        assert answer.status == 409
        assert "has this method and path" in answer.text
        assert answer.page.form(path).fields["path"] == "/orders/{number}"


async def test_what_was_changed_meanwhile_is_not_overwritten(firm, writes, resource, interface):
    for path, old, new, api in (
        (of_interface(interface, "edit"), "Read an order", "Changed", f"/api/interfaces/{interface['id']}"),
        (f"{of_resource(resource)}/edit", resource["name"], "Other", f"/api/api-resources/{resource['id']}"),
    ):
        form = (await writes.open(path)).page.form(path)
        assert form.fields["name"] == old
        assert (await firm.app.call("PATCH", api, firm.token, json={"name": new})).status == 200
        async with unchanged(firm.app):
            for seen in (form.fields["seen"], "", "é"):
                answer = await writes.submit(form, name="Mine", seen=seen)
                assert answer.status == 409
                assert "so nothing was saved" in answer.text
                assert f"It is by now: {new}" in answer.text
        assert answer.page.form(path).fields["name"] == "Mine"
        assert (await writes.submit(answer.page.form(path))).status == 303, "having compared"
        assert (await firm.app.call("GET", api, firm.token)).json["name"] == "Mine"


async def test_of_two_who_change_one_at_once_both_or_one_do_but_never_half(firm, writes, interface):
    path = of_interface(interface, "edit")
    form = (await writes.open(path)).page.form(path)
    answers = await asyncio.gather(
        writes.submit(form, name="One", frequency="1"), writes.submit(form, name="Two", frequency="2")
    )
    assert {answer.status for answer in answers} <= {303, 409}
    assert 303 in {answer.status for answer in answers}
    now = await interface_of(firm, interface)
    assert (now["name"], now["frequency"]) in {("One", 1), ("Two", 2)}


async def test_f27_an_interface_is_deleted_after_a_question(firm, writes, resource, interface):
    path = of_interface(interface, "delete")
    page = await writes.open(path)
    assert page.title == "Delete the interface Read an order?"
    assert page.page.one("a", href=of_resource(resource))
    answer = await writes.submit(page.form)
    assert answer.next == f"{of_resource(resource)}?organization={firm.organization}&done=interface_deleted"
    assert "The interface was deleted." in (await writes.open(answer.next)).text
    async with unchanged(firm.app):
        answer = await writes.submit(page.form)
        assert (answer.status, answer.title) == (404, "There is no such interface")
        assert (await writes.open(path)).status == 404


async def test_the_question_tells_what_ends_with_a_resource(firm, writes, resource, interface):
    other = await firm.app.interface(resource, firm.token)
    await approved(firm, interface)
    await a_request(firm, other)
    page = await writes.open(of_interface(interface, "delete"))
    assert ">1<" in page.text.partition("Grants</dt>")[2].partition("</div>")[0]
    path = f"{of_resource(resource)}/delete"
    page = await writes.open(path)
    assert ">2<" in page.text.partition("Grants</dt>")[2].partition("</div>")[0]
    assert page.title == f"Delete the API resource {resource['name']}?"
    assert ">2<" in page.text.partition("Interfaces</dt>")[2].partition("</div>")[0]
    assert (await writes.submit(page.form)).status == 303
    assert (await firm.app.call("GET", f"/api/interfaces/{interface['id']}", firm.token)).status == 404


async def test_a_resource_that_has_interfaces_since_it_was_asked_about_is_asked_about_again(firm, writes, resource):
    path = f"{of_resource(resource)}/delete"
    page = await writes.open(path)
    await firm.app.interface(resource, firm.token)
    async with unchanged(firm.app):
        answer = await writes.submit(page.form)
    assert answer.status == 409
    assert "It has interfaces by now." in answer.text
    assert (await writes.submit(answer.form)).status == 303


async def test_where_too_much_would_end_at_once_nothing_does(firm, writes, resource, interface, monkeypatch):
    await firm.app.interface(resource, firm.token)
    page = await writes.open(f"{of_resource(resource)}/delete")
    monkeypatch.setattr(api_resources, "ENDING_LIMIT", 1)
    async with unchanged(firm.app):
        answer = await writes.submit(page.form)
    assert (answer.status, answer.title) == (409, "Nothing was changed")
    assert "More grants would end" in answer.text


async def test_limits_of_how_many_there_may_be_are_told(firm, writes, resource, monkeypatch):
    new_resource = (await writes.open(NEW_RESOURCE)).page.form(NEW_RESOURCE)
    new_interface = (await writes.open(f"{NEW_INTERFACE}?resource={resource['id']}")).page.form(NEW_INTERFACE)
    monkeypatch.setattr(api_resources, "RESOURCE_LIMIT", 0)
    monkeypatch.setattr(interfaces, "INTERFACE_LIMIT", 0)
    async with unchanged(firm.app):
        answer = await writes.submit(new_resource, name="One", identifier="one")
        assert (answer.status, "as many API resources as it may have" in answer.text) == (409, True)
        answer = await writes.submit(new_interface, name="One", identifier="one", path="/one")
        assert (answer.status, "as many interfaces as it may have" in answer.text) == (409, True)


async def test_what_is_another_organizations_is_not_there(app, firm, writes, resource, interface):
    others = await a_firm(app, "Others")
    theirs = await app.api_resource(token=others.token, name="Secret project")
    one = await app.interface(theirs, others.token, name="Secret call")
    for path in (INTERFACES, f"{INTERFACES}/all"):
        page = await writes.open(path, search="Secret")
        assert "Secret project" not in page.text
        assert "Secret call" not in page.text
    async with unchanged(app):
        for other, call in ((theirs["id"], one["id"]), (str(uuid4()), str(uuid4())), ("x", "x")):
            for path in registry_pages({"id": other}, {"id": call}):
                if path not in registry_pages(resource, interface):
                    assert (await writes.open(path)).status == 404, path
            form = (await writes.open(f"{NEW_INTERFACE}?resource={resource['id']}")).page.form(NEW_INTERFACE)
            answer = await writes.submit(form, name="a", identifier="a", path="/a", resource=other)
            assert (answer.status, answer.title) == (404, "There is no such API resource")
    # A token is bound to the address that it was made for, so that of one's own does not do for another's.
    own = (await writes.open(of_interface(interface, "edit"))).page.form(of_interface(interface, "edit"))
    own.action = of_interface(one, "edit")
    assert (await writes.submit(own, name="Mine")).status == 403
    assert (await interface_of(others, one))["name"] == "Secret call"


async def test_what_was_deleted_while_its_form_was_open_is_not_there(firm, writes, resource, interface):
    edit, path = of_interface(interface, "edit"), f"{of_resource(resource)}/edit"
    forms = [
        (await writes.open(edit)).page.form(edit),
        (await writes.open(f"{NEW_INTERFACE}?resource={resource['id']}")).page.form(NEW_INTERFACE),
        (await writes.open(path)).page.form(path),
        (await writes.open(f"{of_resource(resource)}/delete")).form,
    ]
    reply = await firm.app.call("DELETE", f"/api/api-resources/{resource['id']}?cascade=true", firm.token)
    assert reply.status == 204
    async with unchanged(firm.app):
        for form in forms:
            answer = await writes.submit(form, name="x", identifier="x", path="/x")
            assert answer.status == 404, form.action


async def test_the_submit_limit_is_set_and_lifted_by_whoever_may_change_the_organization(app):
    firm = await a_firm(app)
    sees = await firm.signed_in(await firm.administrator("read_api", "write_api"))
    changes = await firm.signed_in(await firm.administrator("read_api", "write_org"))
    assert LIMITING not in (await sees.open(INTERFACES)).text
    page = await changes.open(INTERFACES)
    assert "Calls that change data are let through" in page.text
    for pressed, told in (("yes", "are refused from now on"), ("no", "are let through again")):
        form = page.page.form(LIMITING)
        assert form.buttons == [("limited", pressed)]
        answer = await changes.submit(form, limited=pressed)
        page = await changes.open(answer.next)
        assert told in page.text
        settings = await app.call("GET", f"/api/organizations/{firm.organization}/settings", firm.token)
        assert settings.json["submit_limited"] is (pressed == "yes")
    async with unchanged(app):
        for odd in ("", "maybe", "é"):
            assert (await changes.submit(form, limited=odd)).status == 400
        assert (await sees.send("POST", LIMITING, data={**form.fields, "limited": "yes"})).status == 403


async def test_what_was_done_is_theirs_in_the_log(app, firm, resource):
    administrator = await firm.administrator(*WRITES)
    visitor = await firm.signed_in(administrator)
    form = (await visitor.open(f"{NEW_INTERFACE}?resource={resource['id']}")).page.form(NEW_INTERFACE)
    await visitor.submit(form, name="Mine", identifier="mine", path="/mine")
    [event] = [event for event in await app.events(limit=20) if event["topic"] == "interface.created"][:1]
    assert (event["actor"], event["client"], event["organization"]) == (administrator.id, None, firm.organization)


async def test_a_permission_that_was_taken_away_meanwhile_is_gone(app, firm, resource):
    administrator = await firm.administrator(*WRITES)
    visitor = await firm.signed_in(administrator)
    form = (await visitor.open(NEW_RESOURCE)).page.form(NEW_RESOURCE)
    change = {"permissions": ["read_api"]}
    assert (await app.call("PATCH", f"/api/roles/{administrator.role}", json=change)).status == 200
    async with unchanged(app):
        answer = await visitor.submit(form, name="x", identifier="x")
    assert (answer.status, answer.title) == (403, "This is not for you")

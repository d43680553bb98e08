"""The pages that the program makes are fresh and whole: nothing is served or recorded that they do not tell."""

from __future__ import annotations

import inspect
import re
import sys

import pytest

from domain import EVENTS
from domain import refusals as r
from service import password_checks
from service.doors import DOORS
from service.http.app import build
from service.verifications import Verifications
from tests.docs.http_reference import name_of
from tests.docs.pages import DOCS, PAGES, names, rewritten

ROUTES = {name_of(route): route for door in DOORS for route in door.routes}
COMMAND = re.compile(r"(?:carry_out\(|\bdecided\(\s*call,)\s*(\w+)\.(\w+)")  # one thing, or several
SHARED = re.compile(r"\b(_\w+)\(call\b")  # what several handlers of a file do

# The door lets private back ends in alone, and they act for no user.
NO_USER = (r.OwnDeletion, r.LastOwner)
# What a command names and a route cannot meet: its door or its input refuses first.
NEVER = {
    "POST /api/applications": (r.InvalidKind, r.UndefinedScope),
    "PATCH /api/applications/{application_id}": (r.OwnDeletion, r.UndefinedScope),
    "POST /api/applications/{application_id}/users": (r.InvalidStatus,),
    "PATCH /api/users/{user_id}/is-suspended": (r.InvalidReason,),
    "POST /api/accounts": (r.MissingPermission,),
    "PATCH /api/accounts/{account_id}": (r.InvalidReason,),
    "PATCH /api/accounts/{account_id}/members/{member_id}": NO_USER,
    "DELETE /api/accounts/{account_id}/members/{member_id}": NO_USER,
    "DELETE /api/roles/{role_id}": (r.TooMuchAtOnce,),
    "POST /api/keys/rotate": (r.MissingPermission, r.InvalidAlgorithm, r.InvalidExpiry),
    "POST /api/v1/apps": (r.InvalidKind, r.InvalidClientId, r.ClientIdTaken),
    "POST /api/v1/roles": (r.RootRequired, r.MissingPermission, r.InvalidScope, r.TooMany),
    "DELETE /api/v1/roles/{role_id}": (r.RoleInUse,),
    "DELETE /api/v1/users/{auth_id}/active-sessions/{session_id}": (r.UnknownToken, r.InvalidReason),
    "POST /api/v1/users/{auth_id}/orgs": (r.LastOwner,),
    **{f"DELETE /api/v1/logs/{log}": (r.MissingPermission,) for log in ("email", "sms", "sign-in")},
    "POST /api/third-parties": (r.InvalidGrantType, r.InvalidScopeKind),
    "POST /api/third-parties/{third_party_id}/reject": (r.MissingPermission,),
    "POST /api/interfaces": (r.InvalidMethod, r.InvalidInterfaceScope, r.InvalidFrequency),
    "POST /api/interface-grants": (r.InvalidFrequency,),
    "POST /api/interface-grants/{interface_grant_id}/approve": (r.InvalidFrequency, r.MissingPermission),
    "POST /api/interface-grants/{interface_grant_id}/reject": (r.MissingPermission,),
    "PUT /api/organizations/{organization_id}/features": (r.MissingPermission, r.InvalidFeature),
    "POST /api/users/{user_id}/identities": (r.InvalidIdentity, r.InvalidTarget),  # the provider's, judged before
    "PATCH /api/users/{user_id}/password": (r.WrongPassword,),
    "POST /api/verification-codes": (r.InvalidEmail, r.InvalidPhone),
    "POST /api/verification/verification-codes": (r.InvalidEmail, r.InvalidPhone),
}
for _base in ("/v1/organizations/{organization_id}", "/v1/o/{organization_id}"):
    NEVER |= {
        f"POST {_base}": (r.MissingPermission,),
        f"PUT {_base}": (r.MissingPermission,),
        f"POST {_base}/oauth2/revoke": (r.UnknownUser, r.InvalidReason),
        f"POST {_base}/oauth2/accesstokens/{{access_token}}": (r.InvalidReason,),
        f"POST {_base}/oauth2/refreshtokens/{{refresh_token}}": (r.InvalidReason,),
    }
# What a route says by something else than a command.
BEHIND = {
    "POST /api/users/{user_id}/password/verify": password_checks.require_right,
    **{
        f"POST {base}{rest}": work
        for base in ("/api/verification-codes", "/api/verification/verification-codes")
        for rest, work in (("", Verifications.send), ("/verify", Verifications.verify))
    },
}
# What has no command yet, because there is nothing yet that it could change.
NOTHING_YET = {
    "DELETE /api/v1/users/{auth_id}/passkeys/{passkey_id}",
    "DELETE /api/v1/users/{auth_id}/locked-ips",
    "POST /api/connectors/{connector_id}/authorization-uri",  # nothing is kept of it
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_what_the_program_says(page):
    text = page.read_text(encoding="utf-8")
    assert names(text) == list(PAGES[page])
    assert rewritten(text, PAGES[page]) == text, f"{page.name} is stale: run `.venv/bin/python -m tests.docs`"


def test_every_event_has_its_paragraph():
    headings = re.findall(r"^### (\S+)$", (DOCS / "events.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == list(EVENTS)


def test_every_path_that_is_served_has_its_heading():
    headings = re.findall(r"^#{3,4} ([A-Z]+ /\S+)$", (DOCS / "http.md").read_text(encoding="utf-8"), re.MULTILINE)
    # What answers every method alike is told of as a GET.
    served = [f"{route.method.replace('*', 'GET')} {route.resource.canonical}" for route in build(None).router.routes()]
    assert sorted(headings) == sorted(route for route in served if not route.startswith(("HEAD ", "OPTIONS ")))


@pytest.mark.parametrize("name", ROUTES)
def test_a_route_declares_its_answer(name):
    """One without a body answers 204: a client that knows neither shape nor status knows nothing."""
    assert (ROUTES[name].answer is None) == (ROUTES[name].status == 204)


@pytest.mark.parametrize("name", ROUTES)
def test_a_route_declares_every_refusal_that_its_command_names(name):
    handler = ROUTES[name].handler
    read, later = ROUTES[name].reads, ROUTES[name].status == 202  # a job: another process carries it out
    assert read or later or name in NOTHING_YET or name in BEHIND or COMMAND.search(_source(handler))
    declared = {refusal.__name__ for refusal in (*ROUTES[name].refuses, *NEVER.get(name, ()))}
    named = {word for word in re.findall(r"\b[A-Z]\w+", _commands_words(name)) if _is_refusal(word)}
    assert named <= declared


def test_what_a_route_never_meets_is_not_declared():
    for name, never in NEVER.items():
        assert not set(never) & set(ROUTES[name].refuses), name


def _commands_words(name):
    """Return what the commands behind a route say of themselves."""
    if name in BEHIND:
        return inspect.getdoc(BEHIND[name])
    handler = ROUTES[name].handler
    modules = vars(sys.modules[handler.__module__])
    found = COMMAND.findall(_source(handler))
    return " ".join(inspect.getdoc(getattr(modules[module], command)) for module, command in found)


def _source(handler):
    """Return a handler's source, and that of what it shares with others of its file."""
    source, beside = inspect.getsource(handler), vars(sys.modules[handler.__module__])
    shared = [beside[name] for name in SHARED.findall(source) if name in beside]
    return "\n".join([source, *(inspect.getsource(each) for each in shared)])


def _is_refusal(name):
    found = getattr(r, name, None)
    return isinstance(found, type) and not found.__subclasses__()

"""The pages that the program makes are fresh and whole: nothing is served or recorded that they do not tell."""

from __future__ import annotations

import inspect
import re
import sys

import pytest

from domain import EVENTS
from domain import refusals as domain_refusals
from service.doors import DOORS
from service.http.app import build
from tests.docs.http_answers import ANSWERS
from tests.docs.http_reference import name_of
from tests.docs.pages import DOCS, PAGES, names, rewritten

ROUTES = {name_of(route): route for door in DOORS for route in door.routes}
COMMAND = re.compile(r"carry_out\(\s*(\w+)\.(\w+)")


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
    served = [f"{route.method} {route.resource.canonical}" for route in build(None).router.routes()]
    assert sorted(headings) == sorted(route for route in served if not route.startswith("HEAD "))


def test_every_route_has_its_answer_told():
    assert list(ANSWERS) == list(ROUTES)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_route_tells_every_refusal_that_its_command_names(name):
    handler = ROUTES[name].handler
    assert ROUTES[name].method == "GET" or COMMAND.search(inspect.getsource(handler))
    told = {refusal.__name__ for refusal in (*ANSWERS[name].refusals, *ANSWERS[name].never)}
    known = {refusal for refusal in re.findall(r"\b[A-Z]\w+", _commands_words(handler)) if _is_refusal(refusal)}
    assert known <= told


def _commands_words(handler):
    """Return what the commands behind a handler say of themselves."""
    found = COMMAND.findall(inspect.getsource(handler))
    modules = vars(sys.modules[handler.__module__])
    return " ".join(inspect.getdoc(getattr(modules[module], command)) for module, command in found)


def _is_refusal(name):
    found = getattr(domain_refusals, name, None)
    return isinstance(found, type) and not found.__subclasses__()

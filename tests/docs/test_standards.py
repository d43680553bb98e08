"""The table of the standards' rules: each is shown by tests that exist, or says why it does not apply."""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.docs.pages import DOCS, ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = DOCS / "standards.md"
STANDARDS = (
    "RFC 6749", "RFC 6750", "RFC 7009", "RFC 7636", "RFC 7662", "RFC 8414", "RFC 8628", "RFC 8693", "RFC 8707",
    "RFC 9068", "RFC 9126", "RFC 9207", "RFC 9700", "OpenID Connect Core 1.0", "AuthZEN Authorization API 1.0",
)  # fmt: skip
LEVELS = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "RECOMMENDED"}
NODE = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
SENTENCE = re.compile(r"[A-Z`\[].*\.")
HEAD = {"§", "-"}


class Rule(NamedTuple):
    """A row of a table."""

    standard: str
    section: str
    level: str
    text: str
    shown: str


def rules() -> list[Rule]:
    found, standard = [], ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            standard = line.removeprefix("## ")
        elif line.startswith("| ") and standard.split(":")[0] in STANDARDS:
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            if cells[0] not in HEAD:
                found.append(Rule(standard, *cells))
    return found


RULES = rules()
each = pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.standard.split(':')[0]} {rule.section}")


@cache
def named_in(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def missing(nodes: list[tuple[str, str]]) -> list[str]:
    """Return those of the named tests that do not exist."""
    return [
        f"{file}::{name}" for file, name in nodes if not (ROOT / file).is_file() or name not in named_in(ROOT / file)
    ]


def test_every_standard_has_its_table() -> None:
    assert [standard.split(":")[0] for standard in dict.fromkeys(rule.standard for rule in RULES)] == list(STANDARDS)


@each
def test_a_rule_has_its_section_its_level_and_words(rule: Rule) -> None:
    assert re.fullmatch(r"\d+(\.\d+)*", rule.section)
    assert rule.level in LEVELS
    assert SENTENCE.fullmatch(rule.text), rule.text


@each
def test_a_rule_is_shown_by_tests_that_exist_or_says_why_not(rule: Rule) -> None:
    nodes = NODE.findall(rule.shown)
    assert missing(nodes) == []
    if nodes:
        assert NODE.sub("", rule.shown).strip(", ") == "" or SENTENCE.match(rule.shown), rule.shown
    else:
        assert SENTENCE.fullmatch(rule.shown), f"neither a test nor a reason: {rule.shown}"


def test_no_rule_stands_twice() -> None:
    rows = [(rule.standard, rule.section, rule.level, rule.text) for rule in RULES]
    assert sorted(set(rows)) == sorted(rows)


def test_a_test_that_does_not_exist_is_found_out() -> None:
    here = "tests/docs/test_standards.py"
    gone = [(here, "test_that_never_was"), ("tests/nowhere.py", "test_every_standard_has_its_table")]
    assert missing([(here, "test_every_standard_has_its_table"), *gone]) == [f"{file}::{name}" for file, name in gone]

"""Access evaluations (section 7): several questions in one request, answered of one moment and in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pydantic

from service.access.authzen.evaluation import evaluate
from service.access.authzen.shapes import Evaluation
from service.access.authzen.verdict import INCOMPLETE, Verdict
from service.http.input import InvalidInput

if TYPE_CHECKING:
    from service.access.authzen.facts import Facts
    from service.access.authzen.shapes import Evaluations, Properties

NEEDED = {"subject": ("type", "id"), "action": ("name",), "resource": ("type", "id")}
"""What each part of an evaluation has to say; what it leaves out of these, it has from the default."""
STOPS = {"deny_on_first_deny": False, "permit_on_first_permit": True}
"""The decision after which no more are made, by semantic (section 7.1.2.1)."""


async def evaluate_all(facts: Facts, asked: Evaluations) -> list[dict[str, Any]]:
    """Return the decisions as they are answered, up to the one that ends the evaluations."""
    told = []
    for own in asked.evaluations:
        told.append(await _decided(facts, completed(own, asked)))
        if told[-1]["decision"] == STOPS.get(asked.options.evaluations_semantic):
            break
    return told


def completed(own: Properties, asked: Evaluations) -> Properties:
    """Return an evaluation with the defaults for what it leaves out (section 7.1.1).

    A part of its own replaces the default as a whole, but for a type, id or name that it leaves out.
    """
    whole: Properties = {}
    for part in Evaluation.model_fields:
        default, named = getattr(asked, part), own.get(part)
        if named is None:
            named = default
        elif isinstance(named, dict) and default is not None:
            named = {name: default[name] for name in NEEDED.get(part, ()) if name in default} | named
        if named is not None:
            whole[part] = named
    return whole


def only(asked: Evaluations) -> Evaluation:
    """Return the one question of a request that has no others. Raises InvalidInput when it is none."""
    try:
        return Evaluation.model_validate(completed({}, asked))
    except pydantic.ValidationError as error:
        raise InvalidInput("body", "The body does not fit", _faults(error)) from None


async def _decided(facts: Facts, whole: Properties) -> dict[str, Any]:
    try:
        asked = Evaluation.model_validate(whole)
    except pydantic.ValidationError as error:
        first = _faults(error)[0]
        return Verdict(INCOMPLETE).told(f"{first['field']}: {first['message']}")
    return (await evaluate(facts, asked)).told()


def _faults(error: pydantic.ValidationError) -> list[dict[str, Any]]:
    return [
        {"in": "body", "field": ".".join(str(part) for part in one["loc"]), "message": one["msg"]}
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]

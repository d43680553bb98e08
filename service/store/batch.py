"""Turns a batch of appends into the one call that commits it, and its answer back into verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from service.store.refusals import AlreadyAnswered, NewerGeneration, Stale, StoreRefusal, Taken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.store.pending import Append

NIL = UUID(int=0)
STALE_WRITER = "MU001"

CALL = """
SELECT base, head, recorded, refused, reasons, details
  FROM muniment.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                       $22, $23, $24, $25, $26)
"""


def arguments(  # noqa: C901 - one pass over the batch fills every column; in pieces it would make several
    batch: Sequence[Append], *, writers: str, master_key: str
) -> list[Any]:
    """Return the arguments of `muniment.append` for a batch, column by column (see its migration). Raises Stale."""
    a_causation, a_request, a_origin, a_guards = [], [], [], []
    o_organization, o_actor, o_client = [], [], []
    s_append, s_stream, s_expected, s_token = [], [], [], []
    g_set, g_key, g_position = [], [], []
    e_append: list[int] = []
    e_stream, e_version, e_topic, e_state = [], [], [], []
    t_event, t_key = [], []
    origins: dict[tuple[UUID, UUID, UUID | None], int] = {}
    guard_sets: dict[tuple[tuple[str, int], ...], int] = {(): 0}
    facts: dict[str, list[dict[str, Any]]] = {}
    extras: dict[str, list[dict[str, Any]]] | None = None
    for n, append in enumerate(batch, 1):
        envelope = append.envelope
        a_causation.append(append.causation)
        a_request.append(envelope.request_id)
        origin = (envelope.organization, envelope.actor, envelope.client)
        number = origins.get(origin)
        if number is None:
            number = origins[origin] = len(origins) + 1
            o_organization.append(envelope.organization)
            o_actor.append(envelope.actor)
            o_client.append(envelope.client or NIL)
        a_origin.append(number)
        guards = tuple(append.reads.items())
        number = guard_sets.get(guards)
        if number is None:
            number = guard_sets[guards] = len(guard_sets)
            for key, position in guards:
                g_set.append(number)
                g_key.append(key)
                g_position.append(position)
        a_guards.append(number)
        for expectation in append.expects:
            if expectation.version:
                s_append.append(n)
                s_stream.append(expectation.stream)
                s_expected.append(expectation.version)
                s_token.append(expectation.token)
        offset = len(e_append)
        for event in append.events:
            e_append.append(n)
            e_stream.append(event.stream)
            e_version.append(event.version)
            e_topic.append(event.topic)
            e_state.append(event.state)
            for key in event.touches:
                t_event.append(len(e_append))
                t_key.append(key)
        for model, rows in append.facts.items():
            column = facts.setdefault(model, [])
            for ordinal, fact in rows:
                fact["n"] = ordinal + offset  # set, not added to: an append that must go again is numbered anew
                column.append(fact)
        if append.has_extras:
            extras = extras if extras is not None else {}
            _add_extras(extras, n, append, master_key)
    return [
        writers, master_key,
        a_causation, a_request, a_origin, a_guards,
        o_organization, o_actor, o_client,
        s_append, s_stream, s_expected, s_token,
        g_set, g_key, g_position,
        e_append, e_stream, e_version, e_topic, e_state,
        t_event, t_key,
        None if extras is None else msgspec.json.encode(extras).decode(),
        list(facts), [msgspec.json.encode(rows).decode() for rows in facts.values()],
    ]  # fmt: skip


def _require_current(append: Append, master_key: str) -> None:
    """Refuse an append that was sealed under a master key which is the current one no more: it would be mislabelled.

    The current one may have moved while the append waited. Raises Stale; alone in its batch, the append is refused.
    """
    if any(key.master_key != master_key for key in append.subject_keys):
        raise Stale("master_key", master_key)


def _add_extras(extras: dict[str, list[dict[str, Any]]], n: int, append: Append, master_key: str) -> None:
    _require_current(append, master_key)
    for name, claims in (("claims", append.claims), ("releases", append.releases)):
        extras.setdefault(name, []).extend(
            {"n": n, "organization": c.organization, "space": c.space, "digest": c.digest.hex(), "owner": c.owner}
            for c in claims
        )
    extras.setdefault("subject_keys", []).extend(
        {"n": n, "subject": k.subject, "wrapped": k.wrapped.hex()} for k in append.subject_keys
    )
    extras.setdefault("destroyed", []).extend({"n": n, "subject": subject} for subject in append.destroyed)
    kept = append.remembered
    if kept is not None:
        extras.setdefault("idempotency", []).append(
            {"n": n, "key": kept.key.hex(), "request_mac": kept.request_mac.hex(), "answer": kept.answer.hex()}
        )


def verdicts(refused: Sequence[int], reasons: Sequence[str], details: Sequence[str]) -> dict[int, tuple[str, str]]:
    """Return one reason for each refused append, with its detail.

    A remembered answer goes before all else: the request was carried out. A name that is taken comes last: on fresh
    state, the command might not ask for it.
    """
    rank = {"idempotent": 2, "claim": 0}
    chosen: dict[int, tuple[str, str]] = {}
    for n, reason, detail in zip(refused, reasons, details, strict=True):
        if n not in chosen or rank.get(reason, 1) > rank.get(chosen[n][0], 1):
            chosen[n] = reason, detail
    return chosen


def refusal(reason: str, detail: str) -> StoreRefusal:
    """Return what a verdict of the append function means."""
    if reason == "idempotent":
        mac, answer = detail.split(":")
        return AlreadyAnswered(bytes.fromhex(mac), bytes.fromhex(answer))
    if reason == "claim":
        return Taken(detail.split(":", maxsplit=1)[0])
    return Stale(reason, detail)


def stale_writer() -> NewerGeneration:
    """Return the refusal of a whole batch whose process writes another generation of the read models."""
    return NewerGeneration("another generation of a read model is live")

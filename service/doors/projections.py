"""/api/projections: the read models, for operators: `read_projection` shows them, `operate_projection` rebuilds them.

Read models are the installation's, not an organization's. So both permissions open this door only to callers of the
organization that runs it, the root application's, and to root; to others no read model exists. A command is answered
with its job, which a process of the service carries out; who gave it is kept with the job, for nothing of it is in the
log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pydantic

from domain.refusals import (
    FormerVersion,
    NoFormerGeneration,
    NoRebuild,
    NothingToRetry,
    RebuildCancelled,
    RebuildNotPaused,
    RebuildNotRunning,
    RebuildUnderWay,
    UnknownProjection,
)
from projections import MODELS
from service.http.call import Answer, Call, render
from service.http.document import Document, Output
from service.http.door import Door
from service.http.input import Id, Input, Moment, Nothing
from service.http.paging import DEFAULT, MOST, Listed, Whole
from service.store import rebuild_jobs as jobs
from service.store.lag import lags
from service.store.log import head
from service.store.operators import operators

if TYPE_CHECKING:
    from domain.refusals import Refusal
    from projections.model import Model
    from service.http.document import Row
    from service.store.lag import Lag
    from service.store.pending import Remembered

DOOR = Door("projections")
FURTHEST = 2**63 - 1


class Difference(Output):
    """A row that differed: its table and key, and the columns, or on which side alone it was. No other value."""

    table: str
    key: str
    difference: list[str] | str


class Differences(Output):
    """What a comparison of the live rows with the rebuilt ones found. `more`: there are more than `count`."""

    count: int
    more: bool
    rows: list[Difference]


class Rebuild(Output):
    """A job on a read model.

    `position` of `head_at_start` says how far it is, `rate` is in positions a second, `time_left` in seconds (null
    while nothing is known). `former` is the generation that was live before. `error` says why it failed, or what it
    waits for.
    """

    id: Id
    projection: str
    kind: Literal["rebuild", "switch_back", "verify", "retry"]
    state: Literal[
        "waiting",
        "building",
        "catching_up",
        "comparing",
        "paused",
        "promoted",
        "switched_back",
        "verified",
        "retried",
        "cancelled",
        "failed",
    ]
    wish: Literal["go", "pause", "cancel"]
    version: int | None
    generation: int | None
    former: int | None
    position: int
    head_at_start: int | None
    events_applied: int
    rate: float
    time_left: float | None
    differences: Differences | None
    error: str | None
    asked_at: Moment
    started_at: Moment | None
    updated_at: Moment
    ended_at: Moment | None


class Requested(Output):
    """Who asked for what; all are nil or null where it was the command line."""

    command: str
    actor: Id
    client: Id | None
    request_id: Id
    at: Moment


class Told(Rebuild):
    """A job with who asked for it, and for what became of it."""

    requests: list[Requested]


class Projection(Output):
    """A read model.

    `position` is the last event it shows, `lag_events` and `lag_seconds` how far it is behind the `head` of the log,
    `rate` how many positions a second it has come of late. `error` says at which event it stopped; `quarantined` is how
    many events it goes without. `former` is the generation it can be switched back to. `rebuild` is the last job.
    """

    name: str
    state: Literal["live", "stopped"]
    mode: Literal["immediate", "eventual"]
    version: int
    generation: int
    position: int
    head: int
    lag_events: int
    lag_seconds: float
    rate: float
    error: str | None
    quarantined: int
    former: int | None
    rebuild: Rebuild | None


class Quarantined(Output):
    """An event that a read model could not apply and goes without."""

    position: int
    topic: str
    error: str
    at: Moment


class QuarantinedPage(Output):
    """A page of such events. `next` goes into `after` to continue, and is null at the end."""

    items: list[Quarantined]
    next: int | None


def _time_left(row: Row) -> float | None:
    if row["ended_at"] is not None or row["head_at_start"] is None or not row["rate"]:
        return None
    seconds: float = max(row["head_at_start"] - row["position"], 0) / row["rate"]
    return round(seconds, 1)


def _parsed(column: str) -> Any:
    return lambda row: None if row[column] is None else msgspec.json.decode(row[column])


JOB_COLUMNS: dict[str, Any] = {
    "projection": ("model", "model"),
    "events_applied": ("applied", "applied"),
    "time_left": (_time_left, "id"),
    "differences": (_parsed("differences"), "id"),
}
JOB = Document(Rebuild, **JOB_COLUMNS)
TOLD = Document(Told, **JOB_COLUMNS, requests=(_parsed("requests"), "id"))
ASIDE = Document(Quarantined)


class History(Input):
    """Which jobs, the newest first."""

    after: Id | None = None
    limit: int = pydantic.Field(default=DEFAULT, ge=1, le=MOST)


class After(Input):
    """Which events, by position."""

    after: int = pydantic.Field(default=0, ge=0, le=FURTHEST)
    limit: int = pydantic.Field(default=DEFAULT, ge=1, le=MOST)


async def _model(call: Call) -> Model:
    """Return the read model that the path names. Raises UnknownProjection, for all but the operators always."""
    await _operators_only(call)
    model: Model | None = MODELS.get(call.request.match_info["projection"])
    if model is None:
        raise UnknownProjection
    return model


async def _operators_only(call: Call) -> None:
    if not call.by.is_root and call.by.organization != await operators(call.parts.store.pool):
        raise UnknownProjection


def _shown(lag: Lag, job: Row | None) -> dict[str, Any]:
    return {
        "name": lag.name,
        "state": "stopped" if lag.stopped else "live",
        "mode": lag.mode,
        "version": lag.version,
        "generation": lag.generation,
        "position": lag.position,
        "head": lag.head,
        "lag_events": lag.events,
        "lag_seconds": round(lag.seconds, 3),
        "rate": round(lag.rate, 1),
        "error": lag.error,
        "quarantined": lag.quarantined,
        "former": lag.former,
        "rebuild": None if job is None else JOB.of_row(job),
    }


async def _all(call: Call) -> dict[str, dict[str, Any]]:
    pool = call.parts.store.pool
    latest = await jobs.latest(pool)
    return {lag.name: _shown(lag, latest.get(lag.name)) for lag in await lags(pool)}


@DOOR.route(
    "GET",
    "/api/projections",
    permission="read_projection",
    summary="List the read models and how they stand to the log",
    answer=Whole[Projection],
    refuses=(UnknownProjection,),
)
async def listed(call: Call) -> Answer:
    """Answer all at once, by name."""
    await _operators_only(call)
    return Answer({"items": list((await _all(call)).values()), "next": None})


@DOOR.route(
    "GET",
    "/api/projections/{projection}",
    permission="read_projection",
    summary="Tell how a read model stands to the log",
    answer=Projection,
    refuses=(UnknownProjection,),
)
async def shown(call: Call) -> Answer:
    model = await _model(call)
    return Answer((await _all(call))[model.name])


@DOOR.route(
    "GET",
    "/api/projections/{projection}/rebuilds",
    permission="read_projection",
    summary="Page through a read model's jobs, the newest first, with who asked for them",
    query=History,
    answer=Listed[Told],
    refuses=(UnknownProjection,),
)
async def history(call: Call) -> Answer:
    model, query = await _model(call), call.query
    rows = await jobs.history(call.parts.store.pool, model.name, before=query.after, limit=query.limit + 1)
    items = rows[: query.limit]
    cursor = items[-1]["id"] if len(rows) > query.limit else None
    return Answer({"items": [TOLD.of_row(row) for row in items], "next": cursor})


@DOOR.route(
    "GET",
    "/api/projections/{projection}/quarantine",
    permission="read_projection",
    summary="Page through the events that a read model goes without",
    query=After,
    answer=QuarantinedPage,
    refuses=(UnknownProjection,),
)
async def quarantine(call: Call) -> Answer:
    model, query = await _model(call), call.query
    pool = call.parts.store.pool
    rows = await jobs.quarantined(pool, model.name, after=query.after, limit=query.limit + 1)
    items = rows[: query.limit]
    cursor = items[-1]["position"] if len(rows) > query.limit else None
    return Answer({"items": [ASIDE.of_row(row) for row in items], "next": cursor})


def _command(path: str, summary: str, *refuses: type[Refusal]) -> None:
    """Declare the route that gives a command."""

    @DOOR.route(
        "POST",
        f"/api/projections/{{projection}}/{path}",
        permission="operate_projection",
        summary=summary,
        status=202,
        body=Nothing,
        answer=Rebuild,
        refuses=(UnknownProjection, *refuses),
    )
    async def command(call: Call) -> Answer:
        return await _ask(call, path.replace("-", "_"))


async def _ask(call: Call, command: str) -> Answer:
    model = await _model(call)
    store, origin, once = call.parts.store, call.origin, call.once

    def remember(job: Row) -> Remembered:
        assert once is not None  # noqa: S101 - asked only then
        return once.remembered(render(Answer(JOB.of_row(job)), call.route.status))

    asked = jobs.Asked(
        id=store.clock.new_id(),
        model=model.name,
        command=command,
        version=model.version,
        organization=call.by.organization,
        actor=origin.actor,
        client=origin.client,
        request_id=origin.request_id,
    )
    job = await jobs.ask(
        store.pool, asked, key=None if once is None else once.key, remember=None if once is None else remember
    )
    return Answer(JOB.of_row(job), position=await head(store.pool))


_command("rebuild", "Build a read model anew beside the live one, and put it in its place", RebuildUnderWay)
_command("verify", "Build a read model anew and compare it with the live one, row by row", RebuildUnderWay)
_command("pause", "Let a rebuild rest where it is", NoRebuild, RebuildNotRunning)
_command("resume", "Go on with a paused rebuild", NoRebuild, RebuildNotPaused)
_command("cancel", "Give up what is under way; the live read model stays as it is", NoRebuild, RebuildCancelled)
_command(
    "retry",
    "Try again what failed: a job, the events set aside, or the event at which the read model stopped",
    RebuildUnderWay,
    NothingToRetry,
)
_command(
    "switch-back",
    "Bring the former generation up to date and put it back in its place",
    RebuildUnderWay,
    NoFormerGeneration,
    FormerVersion,
)

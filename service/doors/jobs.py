"""/api/jobs: what the recurring jobs reported last, for operators (`read_projection`).

They are the installation's, not an organization's: to callers of others than the one that runs it, there are none.
"""

from __future__ import annotations

from service.http.call import Answer, Call
from service.http.document import Document, Output
from service.http.door import Door
from service.http.input import Moment  # noqa: TC001 - pydantic reads the annotations
from service.http.paging import Whole
from service.store.job_reports import reports
from service.store.operators import operators

DOOR = Door("jobs")


class Job(Output):
    """A recurring job's last run. `counts` is what it removed; `error` is null when it succeeded."""

    name: str
    started_at: Moment
    ended_at: Moment
    succeeded_at: Moment | None
    counts: dict[str, int]
    error: str | None


JOB = Document(Job)


@DOOR.route(
    "GET",
    "/api/jobs",
    permission="read_projection",
    summary="List what the recurring jobs reported last",
    answer=Whole[Job],
)
async def listed(call: Call) -> Answer:
    """Answer all at once, by name."""
    pool = call.parts.store.pool
    if not call.by.is_root and call.by.organization != await operators(pool):
        return Answer({"items": [], "next": None})
    return Answer({"items": [JOB.of_row(report) for report in await reports(pool)], "next": None})

"""Revocation epochs: a bulk revocation is one row holding a position; tokens issued at or before it are dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.application import Application
from domain.revocation import Revocation
from domain.user import User
from projections.model import Model
from projections.row_pages import StagedRows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from projections.bulk import Handler
    from projections.model import Context, Fact

# A revocation "before a time" stands for the last position recorded before it (its own when that time is yet to come),
# read from the batches: the log's times never decrease, so a rebuild finds the same position.
REACH = """
CASE WHEN f.before IS NULL
       OR f.before > (SELECT b.recorded_at FROM batches b WHERE b.last >= {position} ORDER BY b.last LIMIT 1)
     THEN {position}
     ELSE coalesce((SELECT b.last FROM batches b WHERE b.recorded_at < f.before
                     ORDER BY b.recorded_at DESC, b.last DESC LIMIT 1), 0) END
"""
RAISE = "ON CONFLICT (key) DO UPDATE SET position = greatest(revocation_epochs.position, excluded.position)"
DDL = f"""
CREATE TABLE revocation_epochs (
    key text PRIMARY KEY,              -- access|refresh : application|user|end-user : id
    position bigint NOT NULL
);

CREATE FUNCTION apply_revocations(facts json, positions bigint[]) RETURNS void LANGUAGE plpgsql AS $apply$
BEGIN
    INSERT INTO revocation_epochs (key, position)
    SELECT f.key, max({REACH.format(position="positions[f.n]")})
      FROM json_to_recordset(facts) AS f(n int, key text, before timestamptz)
     WHERE positions[f.n] > 0
     GROUP BY f.key
    {RAISE};
END $apply$;
"""  # noqa: S608 - made of this file's own texts
IN_BULK = f"""
INSERT INTO revocation_epochs (key, position)
SELECT f.key, max({REACH.format(position="f.position")}) FROM staged_facts f GROUP BY f.key
{RAISE}
"""  # noqa: S608 - made of this file's own texts


def _target(event: Revocation.Recorded) -> str:
    parts = []
    if event.application is not None:
        parts.append(f"application:{event.application}")
    if event.user is not None:
        parts.append(f"user:{event.user}")
    if event.end_user is not None:
        scope = "" if event.application is not None else f"{event.organization}:"
        parts.append(f"end-user:{scope}{event.end_user}")
    return ":".join(parts)


def _recorded(event: Revocation.Recorded, _: Context) -> Iterable[Fact]:
    target = _target(event)
    for kind in ("access", "refresh") if event.cascade else ("access",):
        yield {"key": f"{kind}:{target}", "before": event.before}


def _user_ended(event: User.Suspended | User.Deleted, _: Context) -> Iterable[Fact]:
    for kind in ("access", "refresh"):
        yield {"key": f"{kind}:user:{event.originator_id}"}


def _application_judged(event: Application.Submitted | Application.Rejected, _: Context) -> Iterable[Fact]:
    for kind in ("access", "refresh"):
        yield {"key": f"{kind}:application:{event.originator_id}"}


HANDLERS: dict[str, Handler] = {
    Revocation.Recorded.TOPIC: _recorded,
    User.Suspended.TOPIC: _user_ended,
    User.Deleted.TOPIC: _user_ended,
    Application.Submitted.TOPIC: _application_judged,
    Application.Rejected.TOPIC: _application_judged,
}
MODEL = Model(
    name="revocations",
    version=2,
    mode="immediate",
    tables=("revocation_epochs",),
    ddl=DDL,
    handlers=HANDLERS,
    bulk=StagedRows({"key": "text", "before": "timestamptz"}, HANDLERS, IN_BULK),
)

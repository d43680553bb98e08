from __future__ import annotations

import asyncio

PATIENCE = 10.0


async def all_jobs(app, *names):
    """Return what the jobs reported, once each of these has."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = (await app.call("GET", "/api/jobs")).json
            jobs = {job["name"]: job for job in found["items"]}
            if set(names) <= jobs.keys():
                assert found["next"] is None
                return jobs
            await asyncio.sleep(0.05)


SERVED = ("authorizations", "device_authorizations", "refresh_tokens", "tokens")


async def test_operators_see_what_each_job_reported_last(fresh_app):
    jobs = await all_jobs(fresh_app, "purge", "upkeep")
    assert list(jobs) == sorted(jobs)
    assert jobs["purge"] == {
        **jobs["purge"], "counts": dict.fromkeys(SERVED, 0), "error": None,
        "succeeded_at": jobs["purge"]["ended_at"],
    }  # fmt: skip
    assert jobs["upkeep"]["counts"].keys() >= {"answers", "client_assertions", "token_guards", "journal_rest"}
    operator = await fresh_app.application(permissions=["read_projection"])
    token = await fresh_app.token(operator["client_id"], operator["secrets"][0]["secret"])
    assert (await fresh_app.call("GET", "/api/jobs", token)).json["items"] == list(jobs.values())


async def test_to_other_organizations_there_are_no_jobs(fresh_app):
    await all_jobs(fresh_app, "purge")
    stranger = await fresh_app.manager(await fresh_app.organization(), "read_projection")
    assert (await fresh_app.call("GET", "/api/jobs", stranger)).json == {"items": [], "next": None}

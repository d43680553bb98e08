"""deploy/scripts/auth_backend_admin_flow.sh against the live service (spec/inbox-manager.md section 5)."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

from service.commands import accounts
from tests.app_fixture import AUDIENCE, ROOT_SECRET, SETTINGS

SCRIPT = Path(__file__).parents[3] / "deploy" / "scripts" / "auth_backend_admin_flow.sh"
NEEDED = ["read_app", "read_account", "write_account", "read_user", "write_user"]
STEPS = [
    "token for the audience",
    "token names exactly that audience",
    "token for another audience is refused",
    "1 POST /api/applications/:application_id/users",
    "2 POST /api/accounts/:account_id/accounts",
    "3 POST /api/accounts/:account_id/members",
    "4 PATCH /api/accounts/:account_id/members/:member_id",
    "6 PATCH /api/accounts/:account_id",
    "5 DELETE /api/accounts/:account_id/members/:member_id",
    "7 DELETE /api/accounts/:account_id",
    "8 DELETE /api/users/:user_id",
    "no token is refused",
    "a public client is refused",
]
CLEAN_UP = STEPS[8:11]


async def run(environment: dict[str, str]) -> tuple[int, list[str]]:
    """Run the script; return its exit code and lines."""
    process = await asyncio.create_subprocess_exec(
        str(SCRIPT),
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode().splitlines()


def credentials(app, application, **more: str) -> dict[str, str]:
    return {
        "AUTH_BACKEND_ADMIN_CLIENT_ID": application["client_id"],
        "AUTH_BACKEND_ADMIN_CLIENT_SECRET": application["secrets"][0]["secret"],
        "AUTH_BASE_URL": str(app.client.make_url("")),
        "AUDIENCE": AUDIENCE,
        **more,
    }


async def left(app, organization) -> list[str]:
    """Return what in an organization is left of users and accounts but its root."""
    events = await app.events(organization=organization, limit=200)
    made = {e["stream"] for e in events if e["topic"] in {"user.created", "account.created", "membership.added"}}
    gone = {e["stream"] for e in events if e["topic"] in {"user.deleted", "account.deleted", "membership.removed"}}
    return sorted(made - gone - {organization})


async def test_the_flow_passes_leaves_nothing_behind_and_shows_no_secret(fresh_app, tmp_path):
    organization = await fresh_app.organization()
    machine = await fresh_app.application(organization=organization, permissions=NEEDED)
    public = await fresh_app.application(organization=organization, kind="spa", secrets=[])
    token = await fresh_app.issued(public, scope=" ".join(NEEDED))
    for program in ("curl", "python3"):  # stand-ins that note their arguments, which every user of a machine can read
        stand_in = tmp_path / program
        noting = f'printf "%s\\n" "$@" >>{tmp_path}/arguments\nexec {shutil.which(program)} "$@"'
        stand_in.write_text(f"#!/bin/sh\n{noting}\n")
        stand_in.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    code, lines = await run(credentials(fresh_app, machine, PUBLIC_CLIENT_TOKEN=token, PATH=path))
    assert (code, lines) == (0, [f"ok    {step}" for step in STEPS])
    assert await left(fresh_app, organization) == []
    seen = (tmp_path / "arguments").read_text() + "\n".join(lines)
    assert "/oauth2/token" in seen
    for secret in (machine["secrets"][0]["secret"], token, "eyJ", "Bearer"):
        assert secret not in seen


async def test_tokens_may_be_opaque_and_an_application_and_a_parent_named(fresh_app):
    organization = await fresh_app.organization()
    permissions = ["read_account", "write_account", "write_user"]
    machine = await fresh_app.application(organization=organization, permissions=permissions, token_format="opaque")
    parent = await fresh_app.made(f"/api/accounts/{organization}/accounts", {"name": "Parent"})
    named = {"APPLICATION_ID": machine["id"], "PARENT_ACCOUNT_ID": parent["id"]}
    code, lines = await run(credentials(fresh_app, machine, **named))
    assert code == 0, lines
    assert lines[-1].startswith("skip")
    created = [event["data"] for event in await fresh_app.events(topic="account.created")]
    assert [one["parent"] for one in created if one["name"] == "ops-provisioned"] == [parent["id"]]


async def test_without_credentials_it_says_which_are_missing(fresh_app):
    told = "is not set: it names the private back-end client to verify with"
    assert await run({}) == (2, [f"AUTH_BACKEND_ADMIN_CLIENT_ID {told}"])
    code, lines = await run({"AUTH_BACKEND_ADMIN_CLIENT_ID": "x"})
    assert (code, lines[0].split()[0]) == (2, "AUTH_BACKEND_ADMIN_CLIENT_SECRET")


async def test_a_wrong_secret_and_an_absent_service_fail_in_one_line(fresh_app):
    machine = await fresh_app.application(permissions=NEEDED)
    code, lines = await run(credentials(fresh_app, machine, AUTH_BACKEND_ADMIN_CLIENT_SECRET="wrong"))
    assert (code, lines) == (1, ["FAIL  token for the audience: wanted 200, got 401 (invalid_client)"])
    code, lines = await run(credentials(fresh_app, machine, AUTH_BASE_URL="http://127.0.0.1:1"))
    assert (code, lines) == (1, ["FAIL  token for the audience: wanted 200, got 000"])


async def test_a_failure_in_the_middle_still_cleans_up(fresh_app, monkeypatch):
    organization = await fresh_app.organization()
    machine = await fresh_app.application(organization=organization, permissions=NEEDED)

    def broken(*_, **__):
        raise RuntimeError("broken for the test")

    monkeypatch.setattr("domain.membership.Membership.change_role", broken)
    code, lines = await run(credentials(fresh_app, machine))
    assert code == 1
    assert lines[6] == f"FAIL  {STEPS[6]}: wanted 200, got 500 (internal_error)"
    assert lines[7:] == [f"ok    {step}" for step in CLEAN_UP]
    assert await left(fresh_app, organization) == []


async def test_what_was_made_before_the_failure_is_what_is_cleaned_up(fresh_app):
    organization = await fresh_app.organization()
    machine = await fresh_app.application(organization=organization, permissions=NEEDED)
    code, lines = await run(credentials(fresh_app, machine, PARENT_ACCOUNT_ID=machine["id"]))
    assert code == 1
    assert lines[4:] == [f"FAIL  {STEPS[4]}: wanted 201, got 404 (unknown_account)", f"ok    {CLEAN_UP[2]}"]
    assert await left(fresh_app, organization) == []


async def test_a_run_that_is_stopped_cleans_up(fresh_app, monkeypatch):
    organization = await fresh_app.organization()
    machine = await fresh_app.application(organization=organization, permissions=NEEDED)
    reached, go = asyncio.Event(), asyncio.Event()
    update = accounts.update

    async def slow(*args, **kwargs):
        reached.set()
        await go.wait()
        return await update(*args, **kwargs)

    monkeypatch.setattr(accounts, "update", slow)
    process = await asyncio.create_subprocess_exec(
        str(SCRIPT),
        env={"PATH": os.environ["PATH"], **credentials(fresh_app, machine)},
        stdout=asyncio.subprocess.PIPE,
    )
    await asyncio.wait_for(reached.wait(), 30)
    process.send_signal(signal.SIGTERM)
    go.set()
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 143
    assert output.decode().splitlines()[-3:] == [f"ok    {step}" for step in CLEAN_UP]
    assert await left(fresh_app, organization) == []


async def test_the_flow_passes_against_muniment_serve(app_database, tmp_path):
    """Nothing of the service is in this process: the command line, its supervisor and a worker."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from service.cli import main; main()",
        "serve",
        "--port",
        "0",
        cwd=Path(__file__).parents[3],
        env={
            "PATH": os.environ["PATH"],
            "MUNIMENT_DATABASE_URL": app_database,
            "MUNIMENT_DATA_DIR": str(tmp_path),
            "MUNIMENT_MASTER_KEY": SETTINGS.master_key,
            "MUNIMENT_ROOT_CLIENT_ID": "root",
            "MUNIMENT_ROOT_CLIENT_SECRET": ROOT_SECRET,
            "MUNIMENT_MANAGEMENT_AUDIENCES": AUDIENCE,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        address = await asyncio.wait_for(_ready(process.stdout), 30)
        root = {"AUTH_BACKEND_ADMIN_CLIENT_ID": "root", "AUTH_BACKEND_ADMIN_CLIENT_SECRET": ROOT_SECRET}
        code, lines = await run({**root, "AUTH_BASE_URL": address, "AUDIENCE": AUDIENCE})
        assert (code, lines[:-1]) == (0, [f"ok    {step}" for step in STEPS[:-1]])
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0


async def _ready(output) -> str:
    """Return the address that the ready line names."""
    async for line in output:
        for word in line.decode().split():
            if word.startswith("http://127.0.0.1:"):
                return word.rstrip(".,/")
    raise AssertionError("it ended without being ready")

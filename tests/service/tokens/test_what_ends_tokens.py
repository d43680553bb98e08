"""What ends access and refresh tokens, and what comes back once it is undone: all of it, in one table.

Whatever is switched off is looked at live: tokens are blocked, and work again with it. What was revoked stays so, but
for the approval of a token that was revoked by itself; nothing that was issued before a suspension outlives it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.service.oauth.redeeming import SCOPE, redeem
from tests.service.tokens.given import ANNA, Scene, a_scene

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

Step = Callable[[Scene], Awaitable[Any]]

ACTIVE, BLOCKED, REVOKED = "active", "blocked", "revoked"
BOTH = (ACTIVE, ACTIVE)


class Row(NamedTuple):
    """What happens, what becomes of the access token and the refresh token, and of both once it is undone.

    `undo` None: nothing undoes it. `personal`: the access token came of a personal access token, the refresh token did
    not.
    """

    what: str
    change: Step
    ended: tuple[str, str]
    undo: Step | None = None
    undone: tuple[str, str] = BOTH
    scope: str = SCOPE
    personal: bool = False


def sent(method: str, path: str, body: Any = None) -> Step:
    return lambda at: at.send(method, path, body)


def revoked(**body: Any) -> Step:
    """Return a revocation in bulk; texts may name what the scene is made of."""

    async def change(at: Scene) -> None:
        names = {"application": str(at.shop.id), "user": str(at.browser.user)}
        filled = {name: value.format(**names) if isinstance(value, str) else value for name, value in body.items()}
        await at.send("POST", "/api/tokens/revoke", {"organization": str(at.shop.organization), **filled})

    return change


def refused(path: str, code: str) -> Step:
    """Return an approval that is refused."""

    async def approve(at: Scene) -> None:
        reply = await at.app.call("POST", path.format(access=at.access_id, refresh=at.refresh_id), json={})
        assert (reply.status, reply.json["code"]) == (409, code)

    return approve


def hence(**time: float) -> str:
    return (datetime.now(UTC) + timedelta(**time)).isoformat()


async def reused(at: Scene) -> None:
    second = await at.renewed()
    assert second.status == 200
    assert (await at.renewed()).status == 400


async def replayed(at: Scene) -> None:
    assert (await redeem(at.shop, at.code)).status == 400


async def member_again(at: Scene) -> None:
    await at.send("POST", "/api/accounts/{account}/members", {"user_id": str(at.browser.user), "role": "viewer"})


async def signed_in_again(at: Scene) -> None:
    await at.browser.again()


async def consented_again(at: Scene) -> None:
    await at.browser.consent(at.shop, *SCOPE.split(" "))


async def made_again(at: Scene) -> None:
    await at.send("POST", LAPTOP.rpartition("/")[0], {"name": "laptop"})


LAPTOP = "/api/users/{user}/personal-access-tokens/laptop"
ONE = "/api/tokens/{access}"
RENEWING = "/api/tokens/{refresh}"
IN_BULK = refused(f"{ONE}/approve", "token_revoked_in_bulk")
APPROVE = sent("POST", f"{ONE}/approve", {})
OFFLINE = f"{SCOPE} offline_access"

TABLE = [
    # One token, or its family.
    Row("revoked alone", sent("POST", f"{ONE}/revoke", {"cascade": False}), (REVOKED, ACTIVE), APPROVE),
    Row("revoked with its family", sent("POST", f"{ONE}/revoke", {}), (REVOKED, REVOKED), APPROVE),
    Row("revoked with its family, approved alone", sent("POST", f"{ONE}/revoke", {}), (REVOKED, REVOKED),
        sent("POST", f"{ONE}/approve", {"cascade": False}), (ACTIVE, REVOKED)),
    Row("revoked by its refresh token", sent("POST", f"{RENEWING}/revoke", {}), (REVOKED, REVOKED),
        sent("POST", f"{RENEWING}/approve", {}), (REVOKED, ACTIVE)),
    Row("revoked by its client", lambda at: at.told(at.access), (REVOKED, ACTIVE), APPROVE),
    Row("revoked with its family by its client", lambda at: at.told(at.refresh), (REVOKED, REVOKED), APPROVE),
    Row("its code was replayed", replayed, (REVOKED, REVOKED), refused(f"{ONE}/approve", "token_ended"),
        (REVOKED, REVOKED)),
    Row("its refresh token was reused", reused, (REVOKED, REVOKED), refused(f"{ONE}/approve", "token_ended"),
        (REVOKED, REVOKED)),
    # Many at once.
    Row("all of the application", revoked(application="{application}"), (REVOKED, REVOKED), IN_BULK,
        (REVOKED, REVOKED)),
    Row("all access tokens of the application", revoked(application="{application}", cascade=False),
        (REVOKED, ACTIVE), IN_BULK, (REVOKED, ACTIVE)),
    Row("all of the user", revoked(user="{user}"), (REVOKED, REVOKED), IN_BULK, (REVOKED, REVOKED)),
    Row("all of the end user", revoked(end_user=ANNA), (REVOKED, REVOKED), IN_BULK, (REVOKED, REVOKED)),
    Row("all of the end user at the application", revoked(application="{application}", end_user=ANNA),
        (REVOKED, REVOKED), IN_BULK, (REVOKED, REVOKED)),
    Row("all of the user at the application", revoked(application="{application}", user="{user}"),
        (REVOKED, REVOKED), IN_BULK, (REVOKED, REVOKED)),
    Row("all of the end user that are the user's", revoked(user="{user}", end_user=ANNA), (REVOKED, REVOKED), IN_BULK,
        (REVOKED, REVOKED)),
    Row("all up to now", revoked(end_user=ANNA, before=hence(hours=1)), (REVOKED, REVOKED), IN_BULK,
        (REVOKED, REVOKED)),
    Row("all of before", revoked(application="{application}", before=hence(hours=-1)), BOTH),
    Row("all of another end user", revoked(end_user="otto"), BOTH),
    Row("all of another end user at the application", revoked(application="{application}", end_user="otto"), BOTH),
    # The person.
    Row("suspended", sent("POST", "/api/users/{user}/suspend", {}), (REVOKED, REVOKED),
        sent("POST", "/api/users/{user}/reinstate", {}), (REVOKED, REVOKED)),
    Row("deleted", sent("DELETE", "/api/users/{user}"), (REVOKED, REVOKED)),
    Row("signed out", lambda at: at.browser.sign_out(), (BLOCKED, BLOCKED), signed_in_again, (BLOCKED, BLOCKED)),
    Row("signed out, access being for longer", lambda at: at.browser.sign_out(), BOTH, scope=OFFLINE),
    Row("consent withdrawn", lambda at: at.browser.withdraw(at.shop), (REVOKED, REVOKED), consented_again,
        (REVOKED, REVOKED)),
    # What they act in.
    Row("no member any more", sent("DELETE", "/api/accounts/{account}/members/{member}"), (BLOCKED, BLOCKED),
        member_again, (BLOCKED, BLOCKED)),
    Row("the account suspended", sent("PATCH", "/api/accounts/{account}", {"status": "suspended"}), (BLOCKED, BLOCKED),
        sent("PATCH", "/api/accounts/{account}", {"status": "active"})),
    Row("the organization suspended", sent("PATCH", "/api/accounts/{organization}", {"status": "suspended"}),
        (BLOCKED, BLOCKED), sent("PATCH", "/api/accounts/{organization}", {"status": "active"})),
    # The personal access token that the access token came of.
    Row("its personal access token deleted", sent("DELETE", LAPTOP), (BLOCKED, ACTIVE), made_again, (BLOCKED, ACTIVE),
        personal=True),
    Row("its personal access token renamed", sent("PATCH", LAPTOP, {"name": "desk"}), BOTH, personal=True),
    Row("suspended, with a personal access token", sent("POST", "/api/users/{user}/suspend", {}), (REVOKED, REVOKED),
        sent("POST", "/api/users/{user}/reinstate", {}), (REVOKED, REVOKED), personal=True),
    Row("all of the user, with a personal access token", revoked(user="{user}"), (REVOKED, REVOKED), IN_BULK,
        (REVOKED, REVOKED), personal=True),
    Row("signed out, with a personal access token", lambda at: at.browser.sign_out(), (ACTIVE, BLOCKED),
        signed_in_again, (ACTIVE, BLOCKED), personal=True),
    Row("no member any more, with a personal access token", sent("DELETE", "/api/accounts/{account}/members/{member}"),
        (BLOCKED, BLOCKED), member_again, (BLOCKED, BLOCKED), personal=True),
    # The application.
    Row("disabled", sent("POST", "/api/applications/{application}/disable", {}), (BLOCKED, BLOCKED),
        sent("POST", "/api/applications/{application}/enable", {})),
    Row("what it may ask for taken away", sent("PATCH", "/api/applications/{application}", {"permissions": []}), BOTH),
    Row("application deleted", sent("DELETE", "/api/applications/{application}"), (REVOKED, REVOKED)),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=[row.what for row in TABLE])
async def test_what_ends_tokens_and_what_comes_back(app: Running, row: Row) -> None:
    at = await a_scene(app, scope=row.scope, personal=row.personal)
    assert await at.statuses() == BOTH
    await row.change(at)
    assert await at.statuses() == row.ended
    if row.undo is None:
        assert ((await at.renewed()).status == 200) is (row.ended[1] == ACTIVE)
        return
    if row.ended[1] != ACTIVE:
        assert (await at.renewed()).status in {400, 401}
        assert await at.statuses() == row.ended, "who is refused changes nothing"
    await row.undo(at)
    assert await at.statuses() == row.undone
    assert ((await at.renewed()).status == 200) is (row.undone[1] == ACTIVE)


@pytest.mark.parametrize(
    "row", [row for row in TABLE if "approve" not in row.what and row.undo and BLOCKED not in row.ended
                and not row.personal],
    ids=lambda row: row.what,
)  # fmt: skip
async def test_what_was_revoked_says_nothing_of_what_is_issued_later(app: Running, row: Row) -> None:
    at = await a_scene(app)
    await row.change(at)
    if row.what in {"suspended", "consent withdrawn"}:
        assert row.undo is not None
        await row.undo(at)
    if row.what == "suspended":
        at.browser = await at.browser.again()
    assert await (await at.again()).statuses() == BOTH

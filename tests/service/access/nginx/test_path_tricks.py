"""No way of writing a path makes nginx, Muniment and the service each read another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.service.access.guarded import Guarded
    from tests.service.access.nginx.front import Front

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Ways out of /public to /admin, and what some would read as such.
TRICKS = (
    "/public/../admin", "/public/%2e%2e/admin", "/public/.%2E/admin", "/public/..;/admin", "/public/..;x/admin",
    "/public//admin", "//admin", "/public/%2fadmin", "/public%2f..%2fadmin", "/public/%5c..%5cadmin",
    "/public/..\\admin", "/public/./admin", "/public/%2E", "/public/%252e%252e/admin", "/public/%c0%ae%c0%ae/admin",
    "/public/%", "/public/%zz", "/public/x%00", "/public/x%0a", "/public/x;y/../../admin", "/public/x;y",
    "/public/%ef%bc%8f..%ef%bc%8fadmin", "/public/..%3b/admin", "/public/x/%2e%2e%2fadmin", "/public/..%c0%afadmin",
    "/public/%e0%80%afadmin", "/public/x/", "/public", "/Public/x", "/public/" + "x" * 4096, "/public/\udcff",
    "/public/x\udcc0\udcae",
)  # fmt: skip
FORMS = (
    "/orders#/../admin", "http://elsewhere.test{place}/orders", "http://elsewhere.test{place}/../orders",
    "http://elsewhere.test", "*", "{place}/orders HTTP/1.1\r\nX-Original-URI: /public/x\r\nX-More:", "orders",
    "?{place}/orders", "{place}/orders?/../../admin", "{place}/orders?x=1?y=2", "{place}/orders%3f",
)  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS, ids=[f"trick {number}" for number in range(len(TRICKS))])
async def test_no_path_that_may_be_read_as_another_reaches_the_service(
    orders: Guarded, gate: Front, place: str, trick: str
) -> None:
    await orders.interface(path=f"{place}/public/{{name}}", scope="anonymous", granted=False)
    await orders.interface(path=f"{place}/admin", granted=False)
    reply = await gate.ask(place + trick)
    assert reply.status in {400, 401, 403}
    assert gate.behind.arrived == []
    assert (await gate.ask(f"{place}/public/x")).status == 200


@pytest.mark.parametrize("form", FORMS, ids=[f"form {number}" for number in range(len(FORMS))])
async def test_a_target_of_another_form_arrives_as_it_was_judged_or_not_at_all(
    orders: Guarded, gate: Front, place: str, form: str
) -> None:
    await orders.interface(path=f"{place}/orders", scope="anonymous", granted=False)
    reply = await gate.ask(form.format(place=place))
    passed = await orders.logged(path=place, outcome="allowed")
    assert [call["path"] for call in passed] == [arrived.target.partition("?")[0] for arrived in gate.behind.arrived]
    assert {call["path"] for call in passed} <= {f"{place}/orders"}
    assert reply.status in ({200} if passed else {400, 403, 404})

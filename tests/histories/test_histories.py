"""Whatever is commanded in whatever order: what is refused leaves nothing, and all read models follow from the log."""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from tests.histories import verdict
from tests.histories.agreement import of_streams, of_world, shown, tokens_alive
from tests.histories.belongings import Belongings
from tests.histories.clients import Clients
from tests.histories.devices import Devices
from tests.histories.interface_grants import InterfaceGrants
from tests.histories.interfaces import Interfaces
from tests.histories.keys import Keys
from tests.histories.law import lawful
from tests.histories.machine import Step, steps
from tests.histories.messages import Messages
from tests.histories.orgs import Orgs
from tests.histories.people import People
from tests.histories.rebuilds import Rebuilds
from tests.histories.tenants import Tenants
from tests.histories.third_parties import ThirdParties
from tests.histories.tokens import HOUR, Tokens, Wanted
from tests.histories.visits import Visits

SHORT = settings(
    max_examples=5, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
REACHED = "SELECT position FROM revocation_epochs WHERE starts_with(key, $1) ORDER BY 1"
ABOUT = [
    Tenants, Orgs, People, Belongings, Messages, Clients, ThirdParties, Interfaces, InterfaceGrants, Tokens, Visits,
    Devices, Keys,
]  # fmt: skip
LONG = settings(SHORT, max_examples=50, stateful_step_count=100)


class Commands(
    Tenants,
    Orgs,
    People,
    Belongings,
    Messages,
    ThirdParties,
    Interfaces,
    InterfaceGrants,
    Tokens,
    Visits,
    Devices,
    Keys,
    Rebuilds,
):
    """All commands there are, and rebuilds of what they read."""


class History(Commands):
    """A history, judged at its end."""

    @initialize(page=st.integers(1, 7))
    def begin(self, page: int) -> None:
        """Start with two organizations, and in one of them something of everything."""
        self.page = page
        self.found("root", "Elsewhere")
        self.found("root", "Acme")
        self.elsewhere, self.home = self.world.accounts
        plain = {"kind": "machine", "client_id": None, "permissions": [], "secrets": []}
        self.register("root", 1, **plain)
        self.register("home", 0, **plain | {"permissions": ["read_user"], "secrets": [("blue", None)]})
        self.enrol("home", 0, "Ada", "active")
        self.branch("home", 0, "Branch")
        self.join("home", 0, 0, "owner")
        self.charter("home", 1, "north")
        self.belong("home", 0, [0])
        self.work("home", 0, "north")
        self.assemble("home", 0, "Editors")
        self.regroup("home", 0, 0, leaves=False)
        self.define("home", 2, "reader", ["read_user"])
        self.appoint("home", 0, 0)
        self.rotate("root", "ES256", force=True)
        for _ in range(2):
            self.ask_for("home", 0, ["read_user"], None)
        self.approve("root", 1)
        everything, nothing = Wanted(0, 0, 0, 0, "7", HOUR), Wanted(0, None, None, None, None, "for ever")
        self.issue([everything, nothing], set(), None)
        self.sign_in(0, None, shows=True)
        self.consent(0, 0, {"files"})
        self.plug_in(0)
        self.link_identity("home", 0, "github", "1", None)
        self.record_identity("home", 0, "acme", "https://a.example", "1")
        self.make_personal_token("home", 0, "laptop", None)
        self.exchange(0, 0)
        self.add_app("home", 0)
        self.add_codes("home", 0)
        self.set_up("home", 2, "github-universal", "github")
        self.settle("home", 2, 3, (True, False))
        self.send_code(2, "generic", "ada@example.com")
        self.register("home", 2, **plain | {"kind": "web"})
        self.submit("person", 0, ["sso", "api"])
        self.accept("home", 0, HOUR, trusted=False)
        self.publish("home", 2, "orders", "https://orders.test")
        self.open("home", 0, "orders", "GET", "/orders/{id}")
        self.want("home", 1, [0], None, None)
        self.let_call("root", 0, None, HOUR)

    def teardown(self) -> None:
        """Judge the history, unless it has failed already."""
        try:
            if sys.exc_info()[0] is None:
                self.run(self._judge())
        finally:
            self.close()

    async def _judge(self) -> None:
        parts = self.parts
        await verdict.the_log_is_whole(parts)
        events = await verdict.history(parts)
        lawful(events)
        await verdict.guards_claims_and_keys_follow(parts, events)
        rows = await shown(parts)
        assert rows == of_world(self.world)
        for kind in ("access", "refresh"):
            reached = self.world.reached(refresh=kind == "refresh")
            assert [row[0] for row in await parts.pool.fetch(REACHED, kind)] == reached
        from_streams = of_streams(verdict.folded(events))
        assert from_streams == {table: rows[table] for table in from_streams}
        await verdict.rebuilt_models_are_equal(parts, self.page, 5_000)
        audit = await parts.pool.fetch("SELECT actor FROM audit ORDER BY position")
        assert [row["actor"] for row in audit] == self.world.actors


def histories(about: type) -> type[History]:
    """Return histories of which every other step is about one thing: so that much happens to it."""

    class Histories(History):
        @rule(step=steps(Commands, about))
        def then(self, step: Step) -> None:
            self.take(step)
            # Tokens live as long as what they were issued for.
            expected = {token for token in self.world.tokens if self.world.alive(token)}
            assert self.run(tokens_alive(self.parts)) == expected

    return Histories


@pytest.mark.parametrize("about", ABOUT)
def test_all_read_models_follow_from_the_log(postgres_dsn: str, store_template: str, about: type) -> None:
    machine = histories(about)
    run_state_machine_as_test(lambda: machine(postgres_dsn, store_template), settings=SHORT)


@pytest.mark.soak
@pytest.mark.parametrize("about", ABOUT)
def test_all_read_models_follow_from_long_logs(postgres_dsn: str, store_template: str, about: type) -> None:
    machine = histories(about)
    run_state_machine_as_test(lambda: machine(postgres_dsn, store_template), settings=LONG)

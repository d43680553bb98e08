"""Rules about signing keys, and about time, which they need most."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from domain import refusals
from service.commands import signing_keys
from tests.histories.machine import CALLERS, NTH, Machine, command, why
from tests.histories.world import KeyFacts

HOUR = timedelta(hours=1)
ALGORITHMS = st.sampled_from(["ES256", "ES256", "EdDSA", "HS256"])


class Keys(Machine):
    """Keys follow each other, and time goes by."""

    @command(by=st.timedeltas(timedelta(0), 2 * HOUR))
    def wait(self, by: timedelta) -> None:
        self.clock.move(by)

    @command(who=CALLERS, algorithm=ALGORITHMS)
    def introduce(self, who: str, algorithm: str) -> None:
        by = self.caller(who)
        refused = why((not by.is_root, refusals.MissingPermission), (algorithm == "HS256", refusals.InvalidAlgorithm))
        done = self.give(refused, signing_keys.introduce, by, algorithm=algorithm)
        if done:
            self.world.keys[done.value.id] = KeyFacts(algorithm, self.clock.now())

    @command(who=CALLERS, key=NTH, force=st.booleans())
    def activate(self, who: str, key: int, *, force: bool) -> None:
        by, id = self.caller(who), self.nth(self.world.keys, key)
        facts = self.world.keys[id]
        refused = why(
            (not by.is_root, refusals.MissingPermission),
            (facts.status == "retired", refusals.KeyNotIntroduced),
            (facts.status == "introduced" and not force and self._young(facts), refusals.KeyTooYoung),
        )
        if self.give(refused, signing_keys.activate, by, key=id, published_for=HOUR, force=force):
            facts.status = "active"

    @command(who=CALLERS, key=NTH)
    def retire(self, who: str, key: int) -> None:
        by, id = self.caller(who), self.nth(self.world.keys, key)
        facts = self.world.keys[id]
        refused = why(
            (not by.is_root, refusals.MissingPermission), (facts.status == "introduced", refusals.KeyNotActive)
        )
        if self.give(refused, signing_keys.retire, by, key=id, overlap=HOUR):
            facts.status = "retired"

    @command(who=CALLERS, algorithm=ALGORITHMS, force=st.booleans())
    def rotate(self, who: str, algorithm: str, *, force: bool) -> None:
        by = self.caller(who)
        present = [key for key in self.world.keys.values() if key.algorithm == algorithm]
        former = [key for key in present if key.status == "active"]
        waiting = [key for key in present if key.status == "introduced"]
        new = KeyFacts(algorithm, self.clock.now())
        following = new if force or not present or not (waiting or former) else next(iter(waiting), None)
        too_young = following is not None and bool(former) and not force and self._young(following)
        refused = why(
            (not by.is_root, refusals.MissingPermission),
            (algorithm == "HS256", refusals.InvalidAlgorithm),
            (too_young, refusals.KeyTooYoung),
        )
        policy = {"published_for": HOUR, "overlap": HOUR, "algorithm": algorithm, "force": force}
        done = self.give(refused, signing_keys.rotate, by, **policy)
        if done:
            self.world.keys[done.value.introduced.id] = new
            if following is not None:
                following.status = "active"
                for key in former:
                    key.status = "retired"

    def _young(self, key: KeyFacts) -> bool:
        return self.clock.now() < key.introduced_at + HOUR

"""Sign-in: one refusal for all that can be wrong, after the same work; throttled, and nobody locks another out."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from aiohttp import web
from argon2 import PasswordHasher

from domain.caller import SYSTEM
from domain.factor import Proof
from domain.person import Profile
from domain.user import User
from service import sign_in as module
from service.commands import accounts, claims, factors, passwords, people, registrations, users
from service.secrets import password_formats
from service.secrets.digests import sha256_hex
from service.secrets.known_devices import KnownDevices
from service.secrets.passwords import Passwords
from service.sign_in import Proved, SignIn, SignInRefused, TryLater
from service.store.refusals import Overloaded
from service.store.refused import RefusalRecorder
from service.store.throttle import Throttle
from tests.service.commands.given import an_organization, head, log, meanwhile, origin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from uuid import UUID

    from service.store.decision import Decision
    from tests.store_fixture import StoreParts

INSTANT = timedelta(microseconds=1)
MINUTE = timedelta(seconds=60)
ADDRESS = "192.0.2.1"
PASSWORD = "correct horse"
SHA256_OF_IT = sha256_hex(PASSWORD)


class Counting(PasswordHasher):
    """Argon2id that is quick and counts."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.compared: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        self.compared.append(str(hash).rsplit("$", 2)[0])
        return super().verify(hash, password)


@dataclass
class Place:
    """An organization, and one worker's sign-in."""

    parts: StoreParts
    organization: UUID
    hasher: Counting
    passwords: Passwords
    refused: RefusalRecorder
    sign_in: SignIn

    async def person(self, username: str | None = "ada", password: str | None = PASSWORD, **more: Any) -> User:
        more = {"organization": self.organization} | more
        made = await registrations.register(
            self.parts.store, origin(), SYSTEM, passwords=self.passwords, username=username, password=password, **more
        )
        return made.value

    async def tried(
        self,
        identifier: str = "ada",
        password: str = PASSWORD,
        address: str = ADDRESS,
        device: str | None = None,
        **more: Any,
    ) -> Proved:
        return await self.sign_in.check(
            organization=self.organization,
            identifier=identifier,
            password=password,
            address=address,
            device=device,
            **more,
        )

    async def wrong(self, times: int, **attempt: Any) -> None:
        for _ in range(times):
            with pytest.raises(SignInRefused):
                await self.tried(**{"password": "wrong", **attempt})

    async def wait(self, **attempt: Any) -> int:
        """Return the seconds after which the next attempt is let through; there is none now."""
        with pytest.raises(TryLater) as told:
            await self.tried(**attempt)
        return told.value.seconds

    def told(self) -> list[tuple[str, str | None]]:
        """Return what auditors are told of the refusals so far."""
        return [(row.code, row.detail) for row in self.refused.rows._queue]


def a_place(parts: StoreParts, organization: UUID) -> Place:
    hasher = Counting()
    made = Passwords(hasher)
    refused = RefusalRecorder(parts.pool, parts.clock)
    throttle = Throttle(parts.pool, parts.clock)
    return Place(
        parts, organization, hasher, made, refused,
        SignIn(parts.store, made, throttle, KnownDevices(parts.master_keys), refused),
    )  # fmt: skip


@pytest.fixture
async def place(parts: StoreParts) -> AsyncIterator[Place]:
    made = a_place(parts, (await an_organization(parts)).id)
    yield made
    made.passwords.close()


@contextmanager
def heard(parts: StoreParts) -> Iterator[list[str]]:
    """Yield the statements that are carried out meanwhile."""
    statements: list[str] = []

    def note(record: Any) -> None:
        statements.append(record.query)

    connections = [holder._con for holder in parts.pool._holders]
    for connection in connections:
        connection.add_query_logger(note)
    yield statements
    for connection in connections:
        connection.remove_query_logger(note)


async def test_a_person_is_known_by_username_or_address_in_any_case(place: Place) -> None:
    user = await place.person(username="Ada_L", email="Ada@Example.com")
    for name in ("Ada_L", " ada_l ", "ADA_L", "ada@example.com", "\tADA@EXAMPLE.COM "):
        proved = await place.tried(name)
        assert (proved.user, proved.organization, proved.position) == (user.id, place.organization, 1 + 6)


async def test_the_password_is_the_whole_of_it_and_no_more(place: Place) -> None:
    await place.person()
    for wrong in ("Correct horse", "correct horse ", "correct", ""):
        with pytest.raises(SignInRefused):
            await place.tried(password=wrong)


async def test_all_that_can_be_wrong_is_refused_in_the_same_words(place: Place) -> None:
    store = place.parts.store
    await place.person("ada")
    await place.person("carol", None)
    dave = await place.person("dave")
    await users.suspend(store, origin(), SYSTEM, user=dave.id)
    erin = await place.person("erin")
    await users.delete(store, origin(), SYSTEM, user=erin.id)
    attempts = [("ada", "wrong"), ("nobody", PASSWORD), ("nobody@example.com", PASSWORD), ("carol", PASSWORD),
                ("dave", PASSWORD), ("dave", "wrong"), ("erin", PASSWORD), ("", PASSWORD), ("@", PASSWORD),
                ("x" * 5000, PASSWORD), ("ada", "x" * 5000)]  # fmt: skip
    refusals = []
    for number, (name, password) in enumerate(attempts):
        with pytest.raises(SignInRefused) as refused:
            await place.tried(name, password, f"192.0.2.{number}")
        refusals.append(str(refused.value))
    assert set(refusals) == {SignInRefused.sentence}
    await accounts.move_status(store, origin(), SYSTEM, account=place.organization, status="suspended")
    await place.wrong(1, password=PASSWORD, address="192.0.2.99")
    assert place.told() == [(SignInRefused.code, why) for why in (
        "the password is wrong", "nobody has this name", "nobody has this name", "the user has no password",
        "the user is suspended", "the password is wrong", "nobody has this name", "nobody has this name",
        "nobody has this name", "nobody has this name", "the password is wrong", "the organization is not active",
    )]  # fmt: skip


async def test_an_invited_person_accepts_first(place: Place) -> None:
    store, clock = place.parts.store, place.parts.clock
    digest = await place.passwords.digest(PASSWORD)

    async def invite(decision: Decision) -> User:
        decision.organization = place.organization
        user = User.invite(
            id=clock.new_id(), organization=place.organization, application=uuid4(), email="ada@example.com",
            profile=Profile(), now=clock.now(),
        )  # fmt: skip
        user.change_password(digest, clock.now())
        await claims.claim_email(decision, user)
        decision.save(user)
        return user

    user = (await store.decide(invite, origin())).value
    await place.wrong(1, identifier="ada@example.com", password=PASSWORD)
    assert place.told() == [(SignInRefused.code, "the user is invited")]

    async def accept(decision: Decision) -> None:
        found = await decision.load(User, user.id)
        assert found is not None
        found.accept_invitation(clock.now())
        decision.save(found)

    await store.decide(accept, origin())
    assert (await place.tried("ada@example.com")).user == user.id


async def test_people_of_another_organization_are_nobody(place: Place) -> None:
    await place.person()
    elsewhere = (await an_organization(place.parts)).id
    await place.person("eve", organization=elsewhere)
    await place.wrong(1, identifier="eve", password=PASSWORD)
    place.organization = elsewhere
    await place.wrong(1, identifier="ada", password=PASSWORD)
    assert (await place.tried("eve")).organization == elsewhere


async def test_the_same_work_is_done_whether_or_not_somebody_has_the_name(place: Place) -> None:
    await place.person("ada")
    carol = await place.person("carol", None)
    dave = await place.person("dave")
    await users.suspend(place.parts.store, origin(), SYSTEM, user=dave.id)
    await place.wrong(1, address="192.0.2.99")  # the driver asks for types once
    kinds = []
    for number, (name, password) in enumerate(
        [
            ("ada", "wrong"),
            ("nobody", "wrong"),
            ("nobody@example.com", "x" * 300),
            ("carol", "wrong"),
            ("dave", PASSWORD),
        ]
    ):
        place.hasher.compared.clear()
        place.parts.vault.forget(carol.id)
        with heard(place.parts) as statements, pytest.raises(SignInRefused):
            await place.tried(name, password, f"192.0.2.{number}")
        kinds.append((tuple(statements), tuple(place.hasher.compared)))
    assert [kind for kind in kinds if kind != kinds[-1]] == []
    assert len(kinds[0][1]) == 1
    assert len(kinds[0][0]) > 4


async def test_nobody_is_told_apart_where_nobody_has_a_name_yet(place: Place) -> None:
    await place.wrong(1, identifier="ada")
    assert len(place.hasher.compared) == 1
    await place.wrong(4, identifier="eve")
    assert await place.wait() == 60, "all of them are as unknown as each other"


async def test_five_attempts_at_a_name_from_an_address_and_then_one_a_minute(place: Place) -> None:
    await place.person()
    await place.wrong(5)
    assert await place.wait() == 60
    assert (await place.tried(address="192.0.2.2")).user
    place.parts.clock.move(MINUTE - INSTANT)
    assert await place.wait() == 1
    place.parts.clock.move(INSTANT)
    assert await place.tried()
    await place.wrong(1)
    assert await place.wait(identifier="ADA ") == 60
    assert place.told()[-1] == (TryLater.code, "for 60 s")


async def test_whether_somebody_has_the_name_makes_no_difference_to_the_throttle(place: Place) -> None:
    await place.person()
    for name in ("ada", "nobody", "nobody@example.com"):
        await place.wrong(5, identifier=name)
        assert await place.wait(identifier=name) == 60


async def test_what_is_throttled_is_not_looked_at(place: Place) -> None:
    await place.person()
    await place.wrong(5)
    place.hasher.compared.clear()
    assert await place.wait() == 60
    assert place.hasher.compared == []


async def test_who_is_right_uses_up_nothing(place: Place) -> None:
    await place.person()
    for _ in range(12):
        await place.tried()
    await place.wrong(5)
    assert await place.wait() == 60


async def test_an_address_has_fifty_attempts_whatever_the_names(place: Place) -> None:
    await place.person()
    for number in range(50):
        await place.wrong(1, identifier=f"user{number}")
    assert await place.wait() == 10
    assert await place.wait(identifier="another") == 10
    assert await place.tried(address="192.0.2.2")
    place.parts.clock.move(timedelta(seconds=10))
    assert await place.tried()


async def test_an_address_that_many_share_is_not_counted_by_itself(place: Place) -> None:
    await place.person()
    for number in range(60):
        await place.wrong(1, identifier=f"user{number}", shared=True)
    assert await place.tried(shared=True)
    await place.wrong(5, shared=True)
    assert await place.wait(shared=True) == 60
    assert await place.wait() == 60, "the same name from the same address counts either way"


async def test_an_address_of_ipv6_is_its_network(place: Place) -> None:
    await place.person()
    for number in range(5):
        await place.wrong(1, address=f"2001:db8::{number + 1}")
    assert await place.wait(address="2001:db8::ffff:1") == 60
    assert await place.tried(address="2001:db8:0:1::1")
    await place.wrong(4, address="::ffff:192.0.2.9")
    await place.wrong(1, address="192.0.2.9")
    assert await place.wait(address="192.0.2.9") == 60


async def test_a_name_has_fifty_attempts_from_everywhere_together(place: Place) -> None:
    await place.person()
    for number in range(50):
        await place.wrong(1, address=f"198.51.100.{number}")
    assert await place.wait(address="203.0.113.1") == 72
    place.parts.clock.move(timedelta(seconds=72) - INSTANT)
    assert await place.wait(address="203.0.113.1") == 1
    place.parts.clock.move(INSTANT)
    assert await place.tried(address="203.0.113.1")


async def test_strangers_cannot_lock_a_person_out_of_a_browser_of_theirs(place: Place) -> None:
    await place.person()
    device = (await place.tried()).device
    for number in range(50):
        await place.wrong(1, address=f"198.51.100.{number}")
    await place.wrong(0)
    for address in (ADDRESS, "198.51.100.7", "203.0.113.1"):
        assert await place.wait(address=address) > 0
        assert (await place.tried(address=address, device=device)).device == device


async def test_a_known_browser_has_ten_attempts_of_its_own(place: Place) -> None:
    await place.person()
    device = (await place.tried()).device
    await place.wrong(10, device=device)
    assert await place.wait(device=device) == 60
    assert await place.wait(device=device, address="203.0.113.1") == 60
    place.parts.clock.move(MINUTE)
    assert await place.tried(device=device)


async def test_a_browser_is_known_to_its_user_alone(place: Place) -> None:
    await place.person()
    await place.person("eve")
    device = (await place.tried("eve")).device
    await place.wrong(5, device=device)
    assert await place.wait(device=device) == 60
    place.parts.clock.move(10 * MINUTE)
    assert (await place.tried(device=device)).device != device
    await place.wrong(5, identifier="nobody", device=device)
    assert await place.wait(identifier="nobody", device=device) == 60


async def test_guesses_at_once_on_two_workers_are_as_many_as_one_worker_lets_through(
    open_parts: Callable[[], Awaitable[StoreParts]],
) -> None:
    one, two = await open_parts(), await open_parts()
    organization = (await an_organization(one)).id
    workers = [a_place(one, organization), a_place(two, organization)]
    await workers[0].person()
    answers = await asyncio.gather(
        *(workers[n % 2].tried(password=f"guess {n}") for n in range(20)), return_exceptions=True
    )
    assert sum(isinstance(answer, SignInRefused) for answer in answers) == 5
    assert sum(isinstance(answer, TryLater) for answer in answers) == 15
    assert sum(len(worker.hasher.compared) for worker in workers) == 5
    for worker in workers:
        worker.passwords.close()


async def test_an_attempt_that_was_not_looked_at_for_want_of_threads_does_not_count(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.person()
    monkeypatch.setattr(place.passwords._own, "_most", 0)
    for _ in range(20):
        with pytest.raises(Overloaded):
            await place.tried()
    monkeypatch.undo()
    assert await place.tried()


async def test_a_digest_of_another_making_is_replaced_at_the_next_right_attempt(place: Place) -> None:
    user = await place.person(password=None, digest=password_formats.adopted("SHA256", SHA256_OF_IT))
    await place.wrong(1)
    before = await head(place.parts)
    proved = await place.tried()
    assert proved.position == before
    [event] = await log(place.parts, after=before)
    assert (event.TOPIC, event.originator_id) == ("user.password_rehashed", user.id)
    assert event.digest.startswith("$argon2id$")
    assert await place.tried()
    assert await head(place.parts) == before + 1


async def test_who_is_right_is_let_in_even_if_their_digest_cannot_be_replaced_now(place: Place) -> None:
    user = await place.person(password=None, digest=password_formats.adopted("SHA256", SHA256_OF_IT))
    with meanwhile(place.parts, lambda: users.delete(place.parts.store, origin(), SYSTEM, user=user.id)):
        assert (await place.tried()).user == user.id


async def test_another_password_meanwhile_is_not_overwritten(place: Place) -> None:
    user = await place.person(password=None, digest=password_formats.adopted("SHA256", SHA256_OF_IT))
    with meanwhile(
        place.parts,
        lambda: passwords.change(
            place.parts.store, origin(), SYSTEM, passwords=place.passwords, user=user.id, password="another one"
        ),
    ):
        assert await place.tried()
    await place.wrong(1, password=PASSWORD)
    assert await place.tried(password="another one")


async def test_what_is_proved_holds_no_longer_than_until_the_user_changes(place: Place) -> None:
    user = await place.person()
    proved = await place.tried()
    await people.change(place.parts.store, origin(), SYSTEM, user=user.id, given_name="Ada")
    guard = "SELECT position FROM muniment.guards WHERE key = $1"
    assert await place.parts.pool.fetchval(guard, f"user:{user.id}") <= proved.position
    await passwords.change(
        place.parts.store, origin(), SYSTEM, passwords=place.passwords, user=user.id, password="another one"
    )
    assert await place.parts.pool.fetchval(guard, f"user:{user.id}") > proved.position


async def test_refusals_say_who_and_from_where_to_auditors_alone(place: Place) -> None:
    user = await place.person()
    await place.wrong(1)
    [row] = place.refused.rows._queue
    assert (row.organization, row.actor, row.client, row.operation, row.status) == (
        place.organization, user.id, None, module.OPERATION, 401,
    )  # fmt: skip


async def test_what_somebody_has_to_show_besides_is_told_to_who_knows_the_password(place: Place) -> None:
    user = await place.person()
    assert (await place.tried()).lacking == ()
    await factors.add_totp(place.parts.store, origin(), SYSTEM, user=user.id, host="id.example.com")
    proved = await place.tried()
    assert (proved.lacking, proved.known) == ((Proof.TOTP,), False)
    assert (await place.tried(device=proved.device)).known is True
    with pytest.raises(SignInRefused) as refused:
        await place.tried(password="wrong")
    assert str(refused.value) == SignInRefused.sentence


async def test_locked_addresses_are_told_by_the_names_of_a_user_and_opened(place: Place) -> None:
    await place.person(email="ada@example.com")
    await place.wrong(5)
    await place.wrong(5, identifier="ada@example.com", address="2001:db8::1")
    await place.wrong(4, address="192.0.2.3")
    names = ["ada", "ada@example.com"]
    assert await place.sign_in.locked_addresses(place.organization, names) == [ADDRESS, "2001:db8::/64"]
    assert await place.sign_in.locked_addresses(place.organization, ["eve"]) == []
    assert await place.sign_in.locked_addresses(place.organization, []) == []
    await place.sign_in.unlock(place.organization, uuid4(), names)
    assert await place.sign_in.locked_addresses(place.organization, names) == []
    assert await place.tried()


def test_the_cookie_of_a_known_browser_is_kept_from_scripts_other_sites_and_plain_connections() -> None:
    response = web.Response()
    module.set_device_cookie(response, "mun_dev_x")
    cookie = response.cookies[module.DEVICE_COOKIE]
    assert cookie.value == "mun_dev_x"
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (
        True, True, "Lax", "/", "",
    )  # fmt: skip
    assert int(cookie["max-age"]) == 400 * 86_400

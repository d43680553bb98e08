"""Sign-in by username or e-mail address and password: throttled, and without a word about who is known here.

Whatever is wrong (nobody has that name, the password is another or there is none, the user or their organization is
not active), it is refused in the same words, after the same reads and the same Argon2 work. What it was stands in the
refusals, for auditors. What somebody has to show besides is told to nobody but whoever knows the password.

Attempts are counted by identifier and address together (few), by address (more), and by identifier (many: NIST SP
800-63B section 3.2.2 allows 100 wrong ones on end). A browser that the user signed in at before is counted by itself
instead, so that no number of strangers' guesses locks them out of it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from domain.caller import Caller
from domain.factor import proofs
from domain.refusals import Refusal
from domain.user import Status, User
from projections import accounts, factors
from service.commands import claims, passwords
from service.operations.logging import request_id
from service.secrets import identifiers
from service.store import claimed
from service.store.decision import Decision, Origin
from service.store.log import head
from service.store.refusals import Overloaded, StoreRefusal
from service.store.throttle import Bucket

if TYPE_CHECKING:
    from uuid import UUID

    from aiohttp import web

    from domain.factor import Proof
    from service.secrets.known_devices import KnownDevices
    from service.secrets.passwords import Passwords
    from service.store.refused import RefusalRecorder
    from service.store.store import Store
    from service.store.throttle import Throttle

OPERATION = "sign-in"
DEVICE_COOKIE = "__Host-muniment-device"
DEVICE_SECONDS = 400 * 24 * 3600  # what browsers keep a cookie for at most
UNAUTHORIZED, TOO_MANY = 401, 429

# Attempts at once, and the seconds after which one more is let through. By identifier alone, 100 in any hour.
AT_ADDRESS = (5, 60.0)
ADDRESS = (50, 10.0)
IDENTIFIER = (50, 72.0)
DEVICE = (10, 60.0)
IPV6_NETWORK = 64  # what one subscriber has addresses without end of


class SignInRefused(Exception):
    """Nobody is signed in. The text is always the same; why is known to the refusals alone."""

    code = "sign_in_refused"
    sentence = "The name or the password is wrong"

    def __init__(self) -> None:
        """Say what may be said."""
        super().__init__(self.sentence)


class TryLater(Exception):
    """There were too many attempts: nothing was looked at."""

    code = "too_many_attempts"
    sentence = "There were too many attempts: try again later"

    def __init__(self, seconds: int) -> None:
        """Keep the seconds after which the next one is let through."""
        super().__init__(self.sentence)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Proved:
    """Who it was, true at `position`; `device` is the cookie that this browser is known again by, or is to be.

    `lacking` is what they have to show besides, before they are let in anywhere.
    """

    user: UUID
    organization: UUID
    position: int
    device: str
    known: bool
    lacking: tuple[Proof, ...]


class SignIn:
    """Checks what somebody types to sign in."""

    def __init__(
        self, store: Store, passwords: Passwords, throttle: Throttle, devices: KnownDevices, refused: RefusalRecorder
    ) -> None:
        """Take where users are read, and what proves and counts."""
        self._store = store
        self._passwords = passwords
        self._throttle = throttle
        self._devices = devices
        self._refused = refused

    async def check(
        self,
        *,
        organization: UUID,
        identifier: str,
        password: str,
        address: str,
        device: str | None,
        shared: bool = False,
    ) -> Proved:
        """Return who it is. Raises SignInRefused, TryLater, and Overloaded when too many passwords are being checked.

        `address` is where the attempt comes from, `device` the cookie that the browser sent, if it did. The address is
        `shared` when it is that of an application that has proved itself, and people without number stand behind it.
        """
        subject, user = await self._named(organization, identifier)
        known = device if device is not None and self._devices.knows(device, user or organization) else None
        buckets = _buckets(subject, address, known, shared=shared)
        seconds = await self._throttle.wait(*buckets)
        if seconds:
            self._note(organization, user, address, status=TOO_MANY, code=TryLater.code, detail=f"for {seconds} s")
            raise TryLater(seconds)
        position = await head(self._store.pool)
        person = await self._read(organization, user, position)
        home = await accounts.one(self._store.pool, organization)
        digest = None if person is None else person.password
        try:
            right = await self._passwords.verify(digest, password)
        except Overloaded:
            await self._throttle.succeeded(*buckets)
            raise
        wrong = _wrong(person, right=right, active=home is not None and home["status"] == "active")
        if person is None or digest is None or wrong is not None:
            code = SignInRefused.code
            self._note(organization, user, address, status=UNAUTHORIZED, code=code, detail=wrong or "")
            raise SignInRefused
        await self._throttle.succeeded(*buckets)
        if self._passwords.outdated(digest):
            await self._rehash(person, digest, password)
        kinds = {row["type"] for row in await factors.of_user(self._store.pool, person.id)}
        return Proved(
            user=person.id,
            organization=organization,
            position=position,
            device=known or self._devices.new(person.id),
            known=known is not None,
            lacking=proofs(person, kinds),
        )

    async def locked_addresses(self, organization: UUID, names: list[str]) -> list[str]:
        """Return from where nobody can try at present to sign in by these names of a user."""
        return await self._throttle.locked_addresses([(await self._named(organization, name))[0] for name in names])

    async def unlock(self, organization: UUID, user: UUID, names: list[str]) -> None:
        """Let everybody try again to sign in as a user who has these names, and at their further factors."""
        subjects = [(await self._named(organization, name))[0] for name in names]
        await self._throttle.unlock([*subjects, further_subject(user)])

    async def _named(self, organization: UUID, identifier: str) -> tuple[bytes, UUID | None]:
        """Return the digest of an identifier, and who has it."""
        space, text = claims.sign_in_name(identifier)
        cipher = (await self._store.vault.ciphers([identifiers.SUBJECT])).get(identifiers.SUBJECT)
        if cipher is None:  # nobody ever had an identifier
            return b"", None
        digest = identifiers.digest(cipher, organization=organization, space=space, text=text)
        return digest, await claimed.owner(self._store.pool, space, digest, organization=organization)

    async def _read(self, organization: UUID, user: UUID | None, position: int) -> User | None:
        """Return a user as their stream has them now. For nobody the same is read, and is not there."""
        stream = user or self._store.clock.new_id()
        await self._store.vault.present_ciphers([stream])
        decision = Decision(self._store.pool, self._store.vault, position=position, organization=organization)
        return await decision.peek(User, stream)

    async def _rehash(self, person: User, digest: str, password: str) -> None:
        by = Caller(actor=person.id, organization=person.organization, permissions=frozenset(), user=person.id)
        origin = Origin(person.id, person.organization, None, self._request_id())
        with suppress(StoreRefusal, Refusal):  # they are signed in all the same; the next time will do
            await passwords.rehash(
                self._store, origin, by, passwords=self._passwords, user=person.id, former=digest, password=password
            )

    def _note(
        self, organization: UUID, user: UUID | None, address: str, *, status: int, code: str, detail: str
    ) -> None:
        self._refused.note(
            organization=organization,
            actor=user,
            client=None,
            operation=OPERATION,
            status=status,
            code=code,
            detail=detail,
            request_id=self._request_id(),
            address=address,
        )

    def _request_id(self) -> UUID:
        return request_id.get() or self._store.clock.new_id()


def further_subject(user: UUID) -> bytes:
    """Return what guesses at a user's further factors are counted under."""
    return b"second-step:" + user.bytes


def set_device_cookie(response: web.StreamResponse, text: str) -> None:
    """Let a browser be known again as one that its user signed in at."""
    response.set_cookie(
        DEVICE_COOKIE, text, max_age=DEVICE_SECONDS, path="/", secure=True, httponly=True, samesite="Lax"
    )


def _wrong(person: User | None, *, right: bool, active: bool) -> str | None:
    """Return what is wrong, for auditors; None when nothing is."""
    if person is None:
        return "nobody has this name"
    if person.password is None:
        return "the user has no password"
    if not right:
        return "the password is wrong"
    if person.status is not Status.ACTIVE:
        return f"the user is {person.status}"
    return None if active else "the organization is not active"


def _buckets(subject: bytes, address: str, known: str | None, *, shared: bool) -> tuple[Bucket, ...]:
    """Return what an attempt counts in."""
    if known is not None:
        return (_bucket("sign-in-device", known, DEVICE),)
    source = source_of(address)
    burst, every = AT_ADDRESS
    of_name = (
        Bucket.of("sign-in-at", subject, source, burst=burst, every=every, subject=subject, address=source),
        _bucket("sign-in-as", subject, IDENTIFIER, subject=subject),
    )
    # The typing errors of a whole application's people must not add up against all of them.
    return of_name if shared else (*of_name, _bucket("sign-in-from", source, ADDRESS))


def _bucket(kind: str, part: str | bytes, rate: tuple[int, float], subject: bytes | None = None) -> Bucket:
    return Bucket.of(kind, part, burst=rate[0], every=rate[1], subject=subject)


def source_of(address: str) -> str:
    """Return what an address is counted as: of IPv6, the network that one subscriber has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), IPV6_NETWORK), strict=False))

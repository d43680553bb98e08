"""Authorization: what a person let an application have, until it is fetched once with the code that stands for it.

The rules of the code are those of RFC 6749 sections 4.1.2 and 4.1.3, RFC 7636 section 4.6 and RFC 9700 sections 2.1.1
and 4.8.2: bound to the application and the redirect URI, short-lived, used once, with the verifier exactly when there
was a challenge. A code that comes back after its use ends the tokens it was exchanged for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.event import Recorded
from domain.refusals import InvalidLifetime, UnknownCode, UnusableCode

LIFETIME = timedelta(seconds=60)
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
"""RFC 7636 section 4.1."""


class Authorization(Aggregate):
    """One code: to whom it belongs, what it is good for, and whether it was used."""

    TOPIC = "authorization"

    class Event(Recorded, Aggregate.Event):
        """What happens to an authorization. It is used once: its stream's version sees to that, no guard."""

        TOPIC = "authorization.event"

    class Issued(Event, Aggregate.Created):
        """A code was handed out, of which `digest` is the SHA-256 in hex. `scope` is space separated.

        None stands for what the request did not have: a session, an account to act in, a redirect URI (the only one
        registered was used), a challenge, a nonce.
        """

        TOPIC = "authorization.issued"
        organization: UUID
        application: UUID
        user: UUID
        session: UUID | None
        account: UUID | None
        membership: UUID | None
        scope: str
        audience: str
        redirect_uri: str | None
        code_challenge: str | None
        nonce: str | None
        methods: list[str]
        authenticated_at: datetime
        digest: str
        expires_at: datetime

    class Redeemed(Event):
        """The code was exchanged for the first token of a family."""

        TOPIC = "authorization.redeemed"
        family: UUID

        def apply(self, authorization: Authorization) -> None:
            authorization.family = self.family

    class Replayed(Event):
        """The code came back after its use: somebody copied it, or the client is at fault."""

        TOPIC = "authorization.replayed"

        def apply(self, authorization: Authorization) -> None:
            authorization.replayed = True

    class Withdrawn(Event):
        """The code was taken back: nobody is told of it or can redeem it from then on."""

        TOPIC = "authorization.withdrawn"

        def apply(self, authorization: Authorization) -> None:
            authorization.withdrawn = True

    def __init__(
        self,
        *,
        organization: UUID,
        application: UUID,
        user: UUID,
        session: UUID | None,
        account: UUID | None,
        membership: UUID | None,
        scope: str,
        audience: str,
        redirect_uri: str | None,
        code_challenge: str | None,
        nonce: str | None,
        methods: list[str],
        authenticated_at: datetime,
        digest: str,
        expires_at: datetime,
    ) -> None:
        """Start unused."""
        self.organization = organization
        self.application = application
        self.user = user
        self.session = session
        self.account = account
        self.membership = membership
        self.scope = scope
        self.audience = audience
        self.redirect_uri = redirect_uri
        self.code_challenge = code_challenge
        self.nonce = nonce
        self.methods = methods
        self.authenticated_at = authenticated_at
        self.digest = digest
        self.expires_at = expires_at
        self.family: UUID | None = None
        self.replayed = False
        self.withdrawn = False

    @classmethod
    def issue(
        cls,
        *,
        id: UUID,
        organization: UUID,
        application: UUID,
        user: UUID,
        session: UUID | None,
        account: UUID | None,
        membership: UUID | None,
        scope: str,
        audience: str,
        redirect_uri: str | None,
        code_challenge: str | None,
        nonce: str | None,
        methods: list[str],
        authenticated_at: datetime,
        digest: str,
        now: datetime,
        lifetime: timedelta = LIFETIME,
    ) -> Authorization:
        """Record that a code was handed out. Raises InvalidLifetime when it would expire at once."""
        if lifetime <= timedelta(0):
            raise InvalidLifetime(field="lifetime")
        return cls._create(
            cls.Issued,
            id=id,
            timestamp=now,
            organization=organization,
            application=application,
            user=user,
            session=session,
            account=account,
            membership=membership,
            scope=scope,
            audience=audience,
            redirect_uri=redirect_uri,
            code_challenge=code_challenge,
            nonce=nonce,
            methods=methods,
            authenticated_at=authenticated_at,
            digest=digest,
            expires_at=now + lifetime,
        )

    @classmethod
    def recalled(
        cls,
        *,
        id: UUID,
        version: int,
        at: datetime,
        family: UUID | None,
        replayed: bool,
        withdrawn: bool = False,
        **issued: Any,
    ) -> Authorization:
        """Return an authorization as a read model remembers it at a version; `issued` are the fields of its issue."""
        authorization = cls.__new__(cls)
        authorization.__base_init__(id, version, at)
        authorization.__init__(**issued)  # type: ignore[misc]
        authorization.family, authorization.replayed, authorization.withdrawn = family, replayed, withdrawn
        return authorization

    def require_presented(self, *, application: UUID, redirect_uri: str | None, verifier: str | None) -> None:
        """Refuse whoever is not the one that the code was meant for. Raises UnusableCode, and nothing has happened.

        So that nobody who merely saw a code can use it up, or end what it was exchanged for.
        """
        if application != self.application:
            raise UnusableCode("it belongs to another client")
        if redirect_uri != self.redirect_uri:
            raise UnusableCode("the redirect URI is not that of the request")
        if self.code_challenge is None:
            # Or whoever left the challenge out of the request could feign one (RFC 9700 section 4.8.2).
            if verifier is not None:
                raise UnusableCode("a verifier without a challenge")
        elif verifier is None or not proves(verifier, self.code_challenge):
            raise UnusableCode("the verifier does not answer the challenge")

    def redeem(self, family: UUID, now: datetime) -> bool:
        """Exchange the code for the first token of a family; return whether it was.

        False means that it was used before: that is on record now, and whoever asked must see to it that the family
        is ended with it. Raises UnusableCode when it has expired (from `expires_at` on), was taken back, or was found
        out already.
        """
        if self.family is not None:
            if self.replayed:
                raise UnusableCode("it was used before, and that is on record")
            self.trigger_event(self.Replayed, timestamp=now)
            return False
        if self.withdrawn:
            raise UnusableCode("it was taken back")
        if now >= self.expires_at:
            raise UnusableCode("it has expired")
        self.trigger_event(self.Redeemed, timestamp=now, family=family)
        return True

    def withdraw(self, now: datetime) -> None:
        """Take the code back; what it was exchanged for before stays. Raises UnknownCode when it was taken back."""
        if self.withdrawn:
            raise UnknownCode
        self.trigger_event(self.Withdrawn, timestamp=now)


def proves(verifier: str, challenge: str) -> bool:
    """Whether a verifier is the one that a challenge of method S256 was made of (RFC 7636 section 4.6)."""
    if not VERIFIER.fullmatch(verifier):
        return False
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")
    return hmac.compare_digest(made, challenge)

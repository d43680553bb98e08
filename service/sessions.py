"""Who is signed in at a browser: the session behind a request's cookie, looked up at every request.

The cookie's text is a secret of which only the digest is kept. It is another one after each sign-in, so a cookie that
somebody planted or read before opens nothing (RFC 9700 leaves sessions to OWASP: no fixation). It has no lifetime of
its own: browsers forget it when they close, and the session's time runs out on our side.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from aiohttp import web

from domain import factor
from domain.refusals import UserNotActive
from projections import sessions as rows
from service.commands import sessions as commands
from service.parts import REQUEST_ID
from service.secrets.digests import SESSION, has_checksum, new_secret, sha256_hex
from service.store.decision import Origin

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from service.commands.sessions import Further
    from service.store.store import Store

COOKIE = "__Host-muniment-session"
"""The prefix has browsers refuse it from other hosts, subdomains and pages without TLS (RFC 6265bis 4.1.3.2)."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live session, true at `position`. `id` is the `sid` of OpenID Connect, `methods` its `amr`."""

    id: UUID
    organization: UUID
    user: UUID
    authenticated_at: datetime
    methods: tuple[str, ...]
    position: int

    @property
    def guards(self) -> dict[str, int]:
        """The keys this knowledge rests on, with the position it was read at."""
        return {
            f"session:{self.id}": self.position,
            f"user:{self.user}": self.position,
            f"account:{self.organization}": self.position,
        }


SIGNED_IN: web.RequestKey[SignedIn] = web.RequestKey("signed_in", SignedIn)
"""The session that was started during the request, whose cookie is still the one before."""


class Sessions:
    """Finds, starts and ends sessions of browsers."""

    def __init__(self, store: Store, *, hours: int) -> None:
        """Take what is read and appended with, and how long a session lasts after a sign-in."""
        self._store = store
        self._lifetime = timedelta(hours=hours)

    async def present(self, request: web.Request) -> SignedIn | None:
        """Return the live session of a request's cookie; None: there is none, it is over, or its user locked out."""
        if SIGNED_IN in request:
            return request[SIGNED_IN]
        text = _cookie(request)
        row = None if text is None else await rows.present(self._store.pool, sha256_hex(text), self._store.clock.now())
        if row is None:
            return None
        return SignedIn(
            id=row["id"],
            organization=row["organization"],
            user=row["user_id"],
            authenticated_at=row["authenticated_at"],
            methods=tuple(row["methods"]),
            position=row["head"],
        )

    async def start(
        self,
        request: web.Request,
        *,
        user: UUID,
        organization: UUID,
        methods: tuple[str, ...],
        position: int | None = None,
        further: Further | None = None,
    ) -> tuple[SignedIn, str]:
        """Sign a user in at the browser of a request; return the session and the text of its cookie, always a new one.

        A session of the same user goes on; one of somebody else ends. `position` is the one at which the user was
        judged, so that nobody comes in who was changed since, or whose factors were; `further` judges what they show
        besides their password. For the rest of the request, `present` answers this one. Raises what
        `service.commands.sessions.start` does.
        """
        text, former = new_secret(SESSION), _cookie(request)
        reads = {} if position is None else dict.fromkeys((f"user:{user}", factor.guard(user)), position)
        started = await commands.start(
            self._store,
            Origin(user, organization, None, request[REQUEST_ID], reads=reads, renew=_changed),
            user=user,
            organization=organization,
            digest=sha256_hex(text),
            methods=methods,
            lifetime=self._lifetime,
            former=None if former is None else sha256_hex(former),
            further=further,
        )
        session = started.value
        signed_in = SignedIn(
            id=session.id,
            organization=organization,
            user=user,
            authenticated_at=session.authenticated_at,
            methods=methods,
            position=started.position,
        )
        request[SIGNED_IN] = signed_in
        return signed_in, text

    async def end(self, origin: Origin, session: UUID, *, reason: str | None, user: UUID | None = None) -> int:
        """End a session of the origin's organization, of this user if one is named; return the position.

        Nothing happens to one that is over. Raises UnknownSession.
        """
        return (await commands.end(self._store, origin, session=session, reason=reason, user=user)).position


def set_cookie(response: web.StreamResponse, text: str) -> None:
    """Have the browser send this session from now on, to this host over TLS alone, and out of reach of scripts.

    SameSite=Lax: it comes along when somebody follows a link here, as authorization requests do, and not with what
    others' pages post.
    """
    response.set_cookie(COOKIE, text, path="/", secure=True, httponly=True, samesite="Lax")


def clear_cookie(response: web.StreamResponse) -> None:
    """Have the browser forget its session."""
    response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")


def _cookie(request: web.Request) -> str | None:
    """Return the cookie's text, None when there is none or it cannot be one of ours."""
    text = request.cookies.get(COOKIE)
    return text if text is not None and text.startswith(SESSION) and has_checksum(text) else None


async def _changed() -> Origin:
    raise UserNotActive("changed since they proved themselves")

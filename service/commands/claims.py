"""The names that commands claim, each unique in its space, and the refusal when one is taken."""

from __future__ import annotations

from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

from domain.refusals import AlreadyMember, ClientIdTaken, Conflict, NameTaken
from service.store.refusals import Taken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.application import Application
    from domain.membership import Membership
    from domain.role import Role
    from service.store.decision import Decision

MEMBERSHIP = "membership"
ROLE_NAME = "role-name"
CLIENT_ID = "client_id"

REFUSALS: dict[str, type[Conflict]] = {MEMBERSHIP: AlreadyMember, ROLE_NAME: NameTaken, CLIENT_ID: ClientIdTaken}
FIELDS = {ROLE_NAME: "name", CLIENT_ID: "client_id"}


def claim_membership(decision: Decision, membership: Membership) -> None:
    """Let a user be a member of an account once."""
    decision.claim(MEMBERSHIP, _pair(membership), membership.id)


def release_membership(decision: Decision, membership: Membership) -> None:
    """Let the user become a member again."""
    decision.release(MEMBERSHIP, _pair(membership), membership.id)


def claim_role_name(decision: Decision, role: Role) -> None:
    """Let no other role of the organization have this role's name; upper and lower case differ."""
    decision.claim(ROLE_NAME, _text(role.name), role.id, organization=role.organization)


def release_role_name(decision: Decision, role: Role, name: str) -> None:
    """Let other roles have a name that this role had."""
    decision.release(ROLE_NAME, _text(name), role.id, organization=role.organization)


def claim_client_id(decision: Decision, application: Application) -> None:
    """Let no other application of any organization ever have this client id: it is never released."""
    decision.claim(CLIENT_ID, _text(application.client_id), application.id)


def _pair(membership: Membership) -> bytes:
    return sha256(membership.account.bytes + membership.user.bytes).digest()


def _text(value: str) -> bytes:
    return sha256(value.encode()).digest()


@contextmanager
def taken_refused() -> Iterator[None]:
    """Turn the store's Taken into the refusal of that space."""
    try:
        yield
    except Taken as taken:
        raise REFUSALS[taken.space](field=FIELDS.get(taken.space)) from None

"""What there is to ask about: the types of subjects and resources, and what may be done with each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.permissions import MEMBERSHIP_ROLES, PERMISSIONS, ROOT, granted, personal

if TYPE_CHECKING:
    from collections.abc import Mapping

USER, APPLICATION = "user", "application"
ORGANIZATION, ACCOUNT, ROLE, INTERFACE, AUDIENCE = "organization", "account", "role", "interface", "audience"
CALL, HOLD = "call", "hold"

ACTIONS: Mapping[str, tuple[str, ...]] = {
    ORGANIZATION: PERMISSIONS,
    ACCOUNT: MEMBERSHIP_ROLES,
    ROLE: (HOLD,),
    INTERFACE: (CALL,),
    AUDIENCE: (),
}
"""What may be done with a resource of each type. With an audience it is whatever scope it has: any word."""


RESOURCES: Mapping[str, tuple[str, ...]] = {
    USER: (ORGANIZATION, ACCOUNT, ROLE, INTERFACE),
    APPLICATION: (ORGANIZATION, INTERFACE, AUDIENCE),
}
"""What subjects of each type do something with."""


def is_relation(subject: str, resource: str) -> bool:
    """Say whether subjects of a type do anything with resources of a type."""
    return resource in RESOURCES.get(subject, ())


def is_action(resource: str, name: str) -> bool:
    """Say whether something of this type may be what is done."""
    return resource == AUDIENCE or name in ACTIONS[resource]


def allowing(name: str) -> tuple[str, ...]:
    """Return the scopes of which an application holds one if it may have this one."""
    return tuple(held for held in dict.fromkeys((name, *PERMISSIONS)) if granted((name,), (held,)))


def allowing_people(permission: str) -> tuple[str, ...]:
    """Return the permissions of which a user's roles hold one if the user may have this one; nothing gives root."""
    return tuple(held for held in PERMISSIONS if personal((permission,), (held,)))


def sufficient(role: str) -> tuple[str, ...]:
    """Return the membership roles that do for this one: an owner is a member too, and a member a viewer."""
    return MEMBERSHIP_ROLES[: MEMBERSHIP_ROLES.index(role) + 1]


REACHING = allowing(ROOT)
"""What lets an application act in every organization."""

"""What each route answers and which of the rules' refusals it knows: the one part that its declaration does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from domain import refusals as r
from service.doors import (
    accounts,
    applications,
    client_secrets,
    events,
    grants,
    keys,
    memberships,
    refusals,
    roles,
    users,
)

if TYPE_CHECKING:
    from domain.refusals import Refusal
    from service.http.document import Document


class Told(NamedTuple):
    """The answer in words, and the refusals of the command behind it.

    `never` names those that the command knows and this route cannot meet: its door or its input refuses first.
    """

    told: str
    refusals: tuple[type[Refusal], ...] = ()
    never: tuple[type[Refusal], ...] = ()


def _members(document: Document, *more: str) -> str:
    return ", ".join(f"`{name}`" for name in (*document._columns, *more))


NOTHING = "nothing."
PAGE = "a page (`items`, `next`) of {}."

DOCUMENTS = {
    "applications": f"An application shows {_members(applications.DOCUMENT)}. `key_set` holds public keys.",
    "client-secrets": f"A list shows, of each secret, {', '.join(f'`{name}`' for name in client_secrets.MEMBERS)}.",
    "users": f"A user shows {_members(users.DOCUMENT, 'roles')}: `roles` lists the ids of assigned roles.",
    "accounts": f"An account shows {_members(accounts.DOCUMENT)}.",
    "memberships": f"A membership shows {_members(memberships.DOCUMENT)}.",
    "roles": f"A role shows {_members(roles.DOCUMENT)}: root alone assigns a privileged one.",
    "grants": f"A grant shows {_members(grants.DOCUMENT)}; when read, `decided_by` and `reason` too.",
    "keys": f"A key shows {', '.join(f'`{name}`' for name in keys.MEMBERS)}, `public_key`.",
    "events": (
        f"An event shows {', '.join(f'`{name}`' for name in events.COLUMNS)}, `data` (its fields, without sealed ones "
        "and digests) and `personal` (the names of the sealed ones). `actor` is the user, else the application, that "
        "did it, the nil UUID the service itself; `subject` is whom or what it is about. `address` and `user_agent` "
        "are null once the request journal has let them go, and for a moment before it has written them."
    ),
    "refusals": (
        f"A refusal shows {', '.join(f'`{name}`' for name in refusals.COLUMNS)}. `client` is the client id as it was "
        "presented. `count` over 1 stands for that many of a flood, within the minute that began `at`."
    ),
}

SETTINGS = (
    r.InvalidName,
    r.InvalidScope,
    r.InvalidAudience,
    r.TooMany,
    r.InvalidLifetime,
    r.InvalidLimit,
    r.InvalidKeySet,
    r.WrongClientKind,
    r.RootRequired,
    r.MissingPermission,
)
ROLE = (
    r.InvalidName,
    r.InvalidScope,
    r.InvalidDescription,
    r.TooMany,
    r.BuiltInRole,
    r.RootRequired,
    r.MissingPermission,
    r.NameTaken,
)
# The door lets private back ends in alone, and they act for no user.
NO_USER = (r.OwnDeletion, r.LastOwner)

ANSWERS = {
    "POST /api/applications": Told(
        "the application, and `secrets`: of each `id`, `name`, `secret`, `hint` (its last 4 characters), `expires_at`.",
        (r.UnknownAccount, r.AccountNotActive, r.InvalidClientId, r.InvalidExpiry, r.ClientIdTaken, *SETTINGS),
        never=(r.InvalidKind,),
    ),
    "GET /api/applications": Told(PAGE.format("applications"), (r.UnknownAccount,)),
    "GET /api/applications/{application_id}": Told("the application.", (r.UnknownApplication,)),
    "PATCH /api/applications/{application_id}": Told("the application.", (r.UnknownApplication, *SETTINGS)),
    "POST /api/applications/{application_id}/disable": Told(
        "the application.", (r.UnknownApplication, r.OwnDeletion, r.InvalidReason)
    ),
    "POST /api/applications/{application_id}/enable": Told("the application.", (r.UnknownApplication,)),
    "DELETE /api/applications/{application_id}": Told(NOTHING, (r.UnknownApplication, r.OwnDeletion)),
    "POST /api/applications/{application_id}/secrets": Told(
        "`secrets`: of each `id`, `name`, `secret`, `hint`, `expires_at`.",
        (
            r.UnknownApplication,
            r.InvalidName,
            r.InvalidExpiry,
            r.NameTaken,
            r.TooManySecrets,
            r.WrongClientKind,
            r.RootRequired,
            r.MissingPermission,
        ),
    ),
    "GET /api/applications/{application_id}/secrets": Told("`items`, all at once.", (r.UnknownApplication,)),
    "DELETE /api/applications/{application_id}/secrets/{secret_id}": Told(
        NOTHING, (r.UnknownApplication, r.UnknownSecret)
    ),
    "POST /api/applications/{application_id}/users": Told(
        "the user.", (r.UnknownApplication, r.ApplicationNotActive, r.InvalidName), never=(r.InvalidStatus,)
    ),
    "GET /api/applications/{application_id}/users": Told(PAGE.format("users"), (r.UnknownApplication,)),
    "GET /api/users/{user_id}": Told("the user.", (r.UnknownUser,)),
    "DELETE /api/users/{user_id}": Told(NOTHING, (r.UnknownUser, r.TooMuchAtOnce), never=NO_USER),
    "PATCH /api/users/{user_id}": Told("the user.", (r.UnknownUser, r.InvalidName)),
    "POST /api/users/{user_id}/suspend": Told("the user.", (r.UnknownUser, r.InvalidReason)),
    "POST /api/users/{user_id}/reinstate": Told("the user.", (r.UnknownUser,)),
    "PUT /api/users/{user_id}/roles/{role_id}": Told(NOTHING, (r.UnknownUser, r.UnknownRole, r.PrivilegedRole)),
    "DELETE /api/users/{user_id}/roles/{role_id}": Told(NOTHING, (r.UnknownUser, r.UnknownRole)),
    "POST /api/accounts": Told("the account.", (r.InvalidName,), never=(r.MissingPermission,)),
    "GET /api/accounts": Told(PAGE.format("accounts"), (r.UnknownAccount,)),
    "POST /api/accounts/{account_id}/accounts": Told(
        "the account.", (r.UnknownAccount, r.AccountNotActive, r.TooDeep, r.InvalidName)
    ),
    "GET /api/accounts/{account_id}/accounts": Told(PAGE.format("accounts"), (r.UnknownAccount,)),
    "GET /api/accounts/{account_id}": Told("the account.", (r.UnknownAccount,)),
    "PATCH /api/accounts/{account_id}": Told(
        "the account. A `status` is stated alone.",
        (
            r.UnknownAccount,
            r.InvalidName,
            r.InvalidDescription,
            r.InvalidPicture,
            r.InvalidColor,
            r.InvalidStatus,
            r.OwnDeletion,
            r.MissingPermission,
        ),
        never=(r.InvalidReason,),
    ),
    "DELETE /api/accounts/{account_id}": Told(
        NOTHING,
        (
            r.UnknownAccount,
            r.AccountHasChildren,
            r.OrganizationInUse,
            r.TooMuchAtOnce,
            r.OwnDeletion,
            r.MissingPermission,
        ),
    ),
    "POST /api/accounts/{account_id}/members": Told(
        "the membership.",
        (r.UnknownAccount, r.UnknownUser, r.InvalidRole, r.AccountNotActive, r.UserNotActive, r.AlreadyMember),
    ),
    "GET /api/accounts/{account_id}/members": Told(PAGE.format("memberships"), (r.UnknownAccount,)),
    "GET /api/accounts/{account_id}/members/{member_id}": Told("the membership.", (r.UnknownMembership,)),
    "PATCH /api/accounts/{account_id}/members/{member_id}": Told(
        "the membership.", (r.UnknownMembership, r.InvalidRole), never=NO_USER
    ),
    "DELETE /api/accounts/{account_id}/members/{member_id}": Told(NOTHING, (r.UnknownMembership,), never=NO_USER),
    "POST /api/roles": Told("the role.", (r.UnknownAccount, r.AccountNotActive, *ROLE)),
    "GET /api/roles": Told(PAGE.format("roles"), (r.UnknownAccount,)),
    "GET /api/roles/{role_id}": Told("the role.", (r.UnknownRole,)),
    "PATCH /api/roles/{role_id}": Told("the role.", (r.UnknownRole, *ROLE)),
    "DELETE /api/roles/{role_id}": Told(NOTHING, (r.UnknownRole, r.RoleInUse, r.BuiltInRole)),
    "POST /api/grants": Told(
        "the grant.",
        (
            r.UnknownApplication,
            r.InvalidAudience,
            r.InvalidScope,
            r.TooMany,
            r.InvalidExpiry,
            r.RootRequired,
            r.MissingPermission,
        ),
    ),
    "GET /api/grants": Told(PAGE.format("grants"), (r.UnknownAccount,)),
    "GET /api/grants/{grant_id}": Told("the grant.", (r.UnknownGrant,)),
    "POST /api/grants/{grant_id}/approve": Told(
        "the grant.",
        (
            r.UnknownGrant,
            r.UnknownApplication,
            r.InvalidExpiry,
            r.GrantNotPending,
            r.GrantExpired,
            r.SelfApproval,
            r.RootRequired,
            r.MissingPermission,
        ),
    ),
    "POST /api/grants/{grant_id}/reject": Told("the grant.", (r.UnknownGrant, r.InvalidReason, r.GrantNotPending)),
    "POST /api/grants/{grant_id}/revoke": Told("the grant.", (r.UnknownGrant, r.InvalidReason, r.GrantNotEffective)),
    "POST /api/tokens/revoke": Told(
        "what was revoked, with the `id` of the revocation and `recorded_at`.",
        (
            r.UnknownAccount,
            r.UnknownApplication,
            r.UnknownUser,
            r.NothingToRevoke,
            r.InvalidEndUser,
            r.InvalidReason,
        ),
    ),
    "GET /api/keys": Told("`items`, all at once, the oldest first."),
    "POST /api/keys/rotate": Told(
        "`introduced` (a `kid`), `activated` (a `kid`, or null while the new key waits), `retired` (a list of `kid`s).",
        (r.KeyTooYoung,),
        never=(r.MissingPermission, r.InvalidAlgorithm, r.InvalidExpiry),
    ),
    "GET /api/events": Told(PAGE.format("events; `next` goes into `cursor`"), (r.UnknownAccount,)),
    "GET /api/refusals": Told(
        PAGE.format("refusals; a short page, even an empty one, goes on while `next` is not null"), (r.UnknownAccount,)
    ),
}

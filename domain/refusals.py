"""The refusals: every reason for not carrying out a command, declared once; each door renders them in its own shape.

Refusal
├── Invalid                a value breaks a rule; `field` names it
│   ├── InvalidName InvalidDescription InvalidReason InvalidPicture InvalidColor InvalidRole InvalidStatus
│   ├── InvalidScope InvalidAudience InvalidLifetime InvalidLimit InvalidFormat InvalidKind InvalidClientId
│   └── InvalidKeySet InvalidAlgorithm InvalidExpiry InvalidEndUser NothingToRevoke TooDeep TooMany
├── Unknown                no such thing, or outside the caller's organization (the two are told apart by nobody)
│   ├── UnknownAccount UnknownUser UnknownMembership UnknownRole UnknownApplication UnknownSecret
│   └── UnknownGrant UnknownToken UnknownKey
├── Conflict               true once, or true elsewhere, but not in the present state
│   ├── AlreadyMember NameTaken ClientIdTaken AccountHasChildren OrganizationInUse TooMuchAtOnce
│   ├── AccountNotActive UserNotActive
│   ├── ApplicationNotActive GrantNotPending GrantNotEffective GrantExpired LastOwner TokenEnded
│   └── RefreshReplayed KeyNotIntroduced KeyNotActive KeyTooYoung RoleInUse TooManySecrets
└── Forbidden              this caller may not
    └── MissingPermission SelfApproval RootRequired PrivilegedRole BuiltInRole OwnDeletion WrongClientKind
"""

from __future__ import annotations

import re
from typing import ClassVar


class Refusal(Exception):
    """A command was not carried out.

    `code` is the class's name in snake case and part of the interface: renaming a class changes what clients read.
    `sentence` is public; `detail` goes to the log only; `field` names the value at fault, None when there is none.
    """

    code: ClassVar[str] = "refusal"
    sentence: ClassVar[str] = "The request was refused"

    def __init_subclass__(cls) -> None:
        """Derive the code, so that no two refusals can share one."""
        super().__init_subclass__()
        cls.code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, detail: str = "", *, field: str | None = None) -> None:
        """Keep what the log may know beyond the public sentence."""
        super().__init__(detail)
        self.detail = detail
        self.field = field

    def __str__(self) -> str:
        """Return the line for the log."""
        return f"{self.code}: {self.detail or self.sentence}"


class Invalid(Refusal):
    sentence = "A value breaks a rule"


class InvalidName(Invalid):
    sentence = "A name has 1 to 128 characters and no control characters"


class InvalidDescription(Invalid):
    sentence = "A description has at most 1000 characters and no control characters"


class InvalidReason(Invalid):
    sentence = "A reason has at most 500 characters and no control characters"


class InvalidPicture(Invalid):
    sentence = "A picture is an https address of at most 2048 characters"


class InvalidColor(Invalid):
    sentence = "A color is written #rrggbb"


class InvalidRole(Invalid):
    sentence = "No such role"


class InvalidStatus(Invalid):
    sentence = "No such status"


class InvalidScope(Invalid):
    sentence = "A scope or permission is not well formed"


class InvalidAudience(Invalid):
    sentence = "An audience is an absolute URI without fragment or a plain token, of at most 512 characters"


class InvalidLifetime(Invalid):
    sentence = "A lifetime is out of its range"


class InvalidLimit(Invalid):
    sentence = "A rate limit is out of its range"


class InvalidFormat(Invalid):
    sentence = "No such token format"


class InvalidKind(Invalid):
    sentence = "No such kind of application"


class InvalidClientId(Invalid):
    sentence = "A client id has 1 to 128 visible ASCII characters and no colon"


class InvalidKeySet(Invalid):
    sentence = "A key set holds 1 to 10 public keys and no private or symmetric one"


class InvalidAlgorithm(Invalid):
    sentence = "No such signing algorithm"


class InvalidExpiry(Invalid):
    sentence = "An expiry lies in the future"


class InvalidEndUser(Invalid):
    sentence = "An end user is named by 1 to 255 characters and no control characters"


class NothingToRevoke(Invalid):
    sentence = "A revocation names an application, a user or an end user"


class TooDeep(Invalid):
    sentence = "Accounts are nested too deeply"


class TooMany(Invalid):
    sentence = "Too many values"


class Unknown(Refusal):
    sentence = "No such thing"


class UnknownAccount(Unknown):
    sentence = "No such account"


class UnknownUser(Unknown):
    sentence = "No such user"


class UnknownMembership(Unknown):
    sentence = "No such membership"


class UnknownRole(Unknown):
    sentence = "No such role"


class UnknownApplication(Unknown):
    sentence = "No such application"


class UnknownSecret(Unknown):
    sentence = "No such secret"


class UnknownGrant(Unknown):
    sentence = "No such grant"


class UnknownToken(Unknown):
    sentence = "No such token"


class UnknownKey(Unknown):
    sentence = "No such key"


class Conflict(Refusal):
    sentence = "The request conflicts with the present state"


class AlreadyMember(Conflict):
    sentence = "The user is a member of the account already"


class NameTaken(Conflict):
    sentence = "The name is taken"


class ClientIdTaken(Conflict):
    sentence = "The client id is taken"


class AccountHasChildren(Conflict):
    sentence = "The account has child accounts"


class OrganizationInUse(Conflict):
    sentence = "The organization has applications, users or roles"


class TooMuchAtOnce(Conflict):
    sentence = "There is too much to delete at once: delete it in parts"


class AccountNotActive(Conflict):
    sentence = "The account is not active"


class UserNotActive(Conflict):
    sentence = "The user is not active"


class ApplicationNotActive(Conflict):
    sentence = "The application is not active"


class GrantNotPending(Conflict):
    sentence = "The grant is not pending"


class GrantNotEffective(Conflict):
    sentence = "The grant is not in effect"


class GrantExpired(Conflict):
    sentence = "The grant has expired"


class LastOwner(Conflict):
    sentence = "An account keeps at least one owner"


class TokenEnded(Conflict):
    sentence = "The token has ended"


class RefreshReplayed(Conflict):
    sentence = "The refresh token was used before"


class KeyNotIntroduced(Conflict):
    sentence = "The key is not waiting to be activated"


class KeyNotActive(Conflict):
    sentence = "The key is not active"


class KeyTooYoung(Conflict):
    sentence = "The key has not been published long enough"


class RoleInUse(Conflict):
    sentence = "The role is assigned to users"


class TooManySecrets(Conflict):
    sentence = "The application has as many secrets as it may have"


class Forbidden(Refusal):
    sentence = "The caller may not do this"


class MissingPermission(Forbidden):
    sentence = "A permission is missing"


class SelfApproval(Forbidden):
    sentence = "Nobody approves their own request"


class RootRequired(Forbidden):
    sentence = "Only an app with the root scope can assign the root scope to an app"


class PrivilegedRole(Forbidden):
    sentence = "Only an app with the root scope can assign a privileged role"


class BuiltInRole(Forbidden):
    sentence = "Built-in roles cannot be created, deleted, or updated"


class OwnDeletion(Forbidden):
    sentence = "Nobody deletes or disables themselves"


class WrongClientKind(Forbidden):
    sentence = "This kind of application may not do this"

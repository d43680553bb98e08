"""The refusals: every reason for not carrying out a command, declared once; each door renders them in its own shape.

Refusal
├── Invalid                a value breaks a rule; `field` names it
│   ├── InvalidName InvalidDescription InvalidReason InvalidPicture InvalidColor InvalidRole InvalidStatus
│   ├── InvalidScope InvalidAudience InvalidLifetime InvalidLimit InvalidFormat InvalidKind InvalidClientId
│   ├── InvalidKeySet InvalidAlgorithm InvalidExpiry InvalidEndUser NothingToRevoke TooDeep TooMany
│   ├── InvalidRedirectUri InvalidSlug InvalidBranding UndefinedScope InvalidBefore
│   ├── InvalidGrantType InvalidAttributes
│   ├── InvalidEndUserSource InvalidDomain InvalidScopeKind ReasonMissing InvalidIdentifier
│   ├── InvalidFeature InvalidPageLimit NothingToSearch NothingToChange
│   ├── InvalidUsername InvalidPhone InvalidProfile ValueTooLong
│   ├── InvalidPassword InvalidDigest PasswordAndDigest DigestAlgorithmMissing
│   └── InvalidEmail InvalidLocale InvalidLink InvalidSigninUrl ImpersonatorMissing AttributesNotEnabled
├── Unknown                no such thing, or outside the caller's organization (the two are told apart by nobody)
│   ├── UnknownAccount UnknownUser UnknownMembership UnknownRole UnknownApplication UnknownSecret
│   ├── UnknownGrant UnknownToken UnknownKey
│   ├── UnknownScope UnknownGroup UnknownLog UnknownProjection
│   ├── UnknownDevice UnknownThirdParty UnknownCode
│   └── UnknownInvitation UnknownVerification UnknownSession UnknownPasskey
├── Conflict               true once, or true elsewhere, but not in the present state
│   ├── AlreadyMember NameTaken ClientIdTaken AccountHasChildren OrganizationInUse TooMuchAtOnce
│   ├── AccountNotActive UserNotActive
│   ├── ApplicationNotActive GrantNotPending GrantNotEffective GrantExpired LastOwner TokenEnded
│   ├── TokenExpired TokenRevokedInBulk DeviceAnswered DeviceNotApproved
│   ├── RefreshReplayed UnusableCode KeyNotIntroduced KeyNotActive KeyTooYoung RoleInUse TooManySecrets
│   ├── OrganizationHasUsers OrganizationClosed NotInOrganization
│   ├── UsernameTaken PhoneTaken
│   ├── EmailTaken EmailMissing EmailAlreadyVerified InvitationPending InvitationClosed UserAlreadyActive
│   ├── AlreadyLinked TargetAlreadyLinked WrongAppForImpersonation
│   ├── ThirdPartyNotPending ThirdPartyNotEffective ThirdPartyEffective SubmittedAgain
│   ├── RebuildUnderWay NoRebuild RebuildNotRunning RebuildNotPaused RebuildCancelled
│   └── NoFormerGeneration FormerVersion NothingToRetry
└── Forbidden              this caller may not
    ├── MissingPermission SelfApproval RootRequired PrivilegedRole BuiltInRole OwnDeletion WrongClientKind
    ├── CreatorRequired SignInOnly FeatureNotEnabled
    └── BuiltInScope ImpersonationDenied
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


class InvalidEndUserSource(Invalid):
    sentence = "End users come from header:NAME, query:NAME, form:NAME or user, by a name that has no other use"


class NothingToRevoke(Invalid):
    sentence = "A revocation names an application, a user or an end user"


class TooDeep(Invalid):
    sentence = "Accounts are nested too deeply"


class TooMany(Invalid):
    sentence = "Too many values"


class InvalidRedirectUri(Invalid):
    sentence = "A redirect URI is an https address, or http to localhost, without fragment, user and wildcard"


class InvalidGrantType(Invalid):
    sentence = "No such grant type, or not for this kind of application"


class InvalidDomain(Invalid):
    sentence = "A domain is a host name or an http(s) address of at most 2048 characters"


class InvalidScopeKind(Invalid):
    sentence = "A third party's scope is sso, api or both"


class InvalidFeature(Invalid):
    sentence = "No such feature of an organization, or no such state of one"


class InvalidPageLimit(Invalid):
    sentence = "A page holds one token at least, and no more than the operator allows"


class NothingToSearch(Invalid):
    sentence = "A search names an application or an end user"


class NothingToChange(Invalid):
    sentence = "Either an action or attributes are given"


class ReasonMissing(Invalid):
    sentence = "A reason has to be given"


class InvalidIdentifier(Invalid):
    sentence = "An identifier has 1 to 128 letters, digits and underscores and begins with a letter"


class InvalidSlug(Invalid):
    sentence = "A slug has 1 to 50 letters, digits, hyphens and underscores and begins with a letter or digit"


class InvalidBranding(Invalid):
    sentence = "A branding value is an https address, a color, a font or a name, and not too long"


class InvalidBefore(Invalid):
    sentence = "deleteBefore must be present and in utc format"


class UndefinedScope(Invalid):
    sentence = "Unknown scope"


class InvalidEmail(Invalid):
    sentence = "An e-mail address has the form name@domain and at most 254 characters"


class InvalidUsername(Invalid):
    sentence = "A username has 1 to 128 letters, digits and underscores and does not begin with a digit"


class InvalidPhone(Invalid):
    sentence = "A phone number is the digits of one that can exist, with its country code"


class InvalidProfile(Invalid):
    sentence = "A value of a profile is too long, holds control characters or is no http(s) address"


class InvalidPassword(Invalid):
    sentence = "A password has 1 to 256 characters"


class InvalidDigest(Invalid):
    sentence = "A password digest is not of a kind that can be checked"


class PasswordAndDigest(Invalid):
    sentence = "Either a password or a digest of one is given, not both"


class DigestAlgorithmMissing(Invalid):
    sentence = "A password digest and its algorithm are given together"


class ValueTooLong(Invalid):
    sentence = "A value is too long"


class InvalidLocale(Invalid):
    sentence = "A locale is a language tag such as en or zh-CN"


class InvalidLink(Invalid):
    sentence = "An account is not linked with itself"


class InvalidSigninUrl(Invalid):
    sentence = "A sign-in address lies on the origin of a redirect URI of the organization's applications"


class InvalidAttributes(Invalid):
    sentence = "A token has at most 20 attributes: names of 1 to 128, values of up to 2048 characters, none of control"


class AttributesNotEnabled(Invalid):
    sentence = "User attribute is not enabled"


class ImpersonatorMissing(Invalid):
    sentence = "impersonatorToken is required for impersonation"


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


class UnknownScope(Unknown):
    sentence = "No such scope"


class UnknownLog(Unknown):
    sentence = "No such log"


class UnknownGroup(Unknown):
    sentence = "No such group"


class UnknownInvitation(Unknown):
    sentence = "No such invitation"


class UnknownVerification(Unknown):
    sentence = "No such verification"


class UnknownSession(Unknown):
    sentence = "No active session found"


class UnknownDevice(Unknown):
    sentence = "No device waits under this code, or it has waited too long"


class UnknownCode(Unknown):
    sentence = "No such authorization code"


class UnknownThirdParty(Unknown):
    sentence = "No such third party"


class UnknownPasskey(Unknown):
    sentence = "No such passkey"


class UnknownProjection(Unknown):
    sentence = "No such read model"


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
    sentence = "The organization has applications, users, roles or scopes"


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


class TokenExpired(Conflict):
    sentence = "The token has expired"


class TokenRevokedInBulk(Conflict):
    sentence = "The token was revoked together with others, which is for good"


class RefreshReplayed(Conflict):
    sentence = "The refresh token was used before"


class DeviceAnswered(Conflict):
    sentence = "The device was answered already"


class DeviceNotApproved(Conflict):
    sentence = "The device has no approval to redeem"


class UnusableCode(Conflict):
    sentence = "The code is not valid, has expired or was used before"


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


class OrganizationHasUsers(Conflict):
    sentence = "Can not delete organization with users"


class OrganizationClosed(Conflict):
    sentence = "Organization does not allow invitation"


class NotInOrganization(Conflict):
    sentence = "User is not in the organization"


class EmailTaken(Conflict):
    sentence = "The email address is already in use"


class UsernameTaken(Conflict):
    sentence = "The username is already in use"


class PhoneTaken(Conflict):
    sentence = "The phone number is already in use"


class EmailMissing(Conflict):
    sentence = "The account has no e-mail address"


class EmailAlreadyVerified(Conflict):
    sentence = "Email already verified"


class InvitationPending(Conflict):
    sentence = "Invitation must be accepted before activating user"


class InvitationClosed(Conflict):
    sentence = "Invitation not found or already used"


class UserAlreadyActive(Conflict):
    sentence = "User is already active"


class AlreadyLinked(Conflict):
    sentence = "This account has already been linked with one account"


class TargetAlreadyLinked(Conflict):
    sentence = "Target account has already been linked with one account"


class WrongAppForImpersonation(Conflict):
    sentence = "Impersonate request sent to a non-SPA app"


class ThirdPartyNotPending(Conflict):
    sentence = "The third party is not waiting for approval"


class SubmittedAgain(Conflict):
    sentence = "The third party was submitted again since it was looked at"


class ThirdPartyNotEffective(Conflict):
    sentence = "The third party is not in effect"


class ThirdPartyEffective(Conflict):
    sentence = "The third party is in effect"


class RebuildUnderWay(Conflict):
    sentence = "Something is under way for this read model already"


class NoRebuild(Conflict):
    sentence = "Nothing of that kind is under way for this read model"


class RebuildNotRunning(Conflict):
    sentence = "The rebuild was paused or cancelled already"


class RebuildNotPaused(Conflict):
    sentence = "The rebuild is not paused"


class RebuildCancelled(Conflict):
    sentence = "The rebuild was cancelled already"


class NoFormerGeneration(Conflict):
    sentence = "No former generation of this read model is kept"


class FormerVersion(Conflict):
    sentence = "The former generation is of another version than this program makes: it cannot be brought up to date"


class NothingToRetry(Conflict):
    sentence = "Nothing of this read model has failed, stopped or been set aside"


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


class BuiltInScope(Forbidden):
    sentence = "Built-in scopes cannot be created, deleted, or renamed"


class FeatureNotEnabled(Forbidden):
    sentence = "The feature is not enabled for the organization"


class CreatorRequired(Forbidden):
    sentence = "Only whoever registered the third party may do this"


class SignInOnly(Forbidden):
    sentence = "The third party may sign people in and call no interface"


class OwnDeletion(Forbidden):
    sentence = "Nobody deletes or disables themselves"


class WrongClientKind(Forbidden):
    sentence = "This kind of application may not do this"


class ImpersonationDenied(Forbidden):
    sentence = "Only super admin can impersonate other users"

"""The refusals: every reason for not carrying out a command, declared once; each door renders them in its own shape.

Refusal
├── Invalid                a value breaks a rule; `field` names it
│   ├── InvalidName InvalidDescription InvalidReason InvalidPicture InvalidColor InvalidRole InvalidStatus
│   ├── InvalidScope InvalidAudience InvalidLifetime InvalidLimit InvalidFormat InvalidKind InvalidClientId
│   ├── InvalidKeySet InvalidAlgorithm InvalidExpiry InvalidEndUser NothingToRevoke TooDeep TooMany
│   ├── InvalidRedirectUri InvalidSlug InvalidBranding UndefinedScope InvalidBefore
│   ├── InvalidGrantType InvalidAttributes
│   ├── InvalidEndUserSource InvalidDomain InvalidScopeKind ReasonMissing InvalidIdentifier
│   ├── InvalidFeature InvalidSettings InvalidPageLimit NothingToSearch NothingToChange
│   ├── NothingStated InvalidPagination SearchTooBroad
│   ├── InvalidUsername InvalidPhone InvalidProfile ValueTooLong
│   ├── InvalidTokenName
│   ├── InvalidPassword InvalidDigest UnsupportedDigest PasswordAndDigest DigestAlgorithmMissing WrongPassword
│   ├── InvalidIdentity InvalidDetails InvalidTotpSecret InvalidBackupCodes
│   ├── WrongTotpCode WrongBackupCode
│   ├── InvalidApiIdentifier InvalidUri InvalidMethod InvalidPath InvalidFrequency InvalidInterfaceScope
│   ├── InvalidDocument DocumentNotFetched IdentifierNeeded
│   ├── InvalidConnectorConfig SecretMissing InvalidTarget TargetMissing NoSuchConnectorType InsufficientInfo
│   ├── ProviderAnswerInvalid ConnectorFailed SocialCodeInvalid SocialDenied
│   └── InvalidEmail InvalidLocale InvalidLink InvalidSigninUrl ImpersonatorMissing AttributesNotEnabled
├── Unknown                no such thing, or outside the caller's organization (the two are told apart by nobody)
│   ├── UnknownAccount UnknownUser UnknownMembership UnknownRole UnknownApplication UnknownSecret
│   ├── UnknownGrant UnknownToken UnknownKey
│   ├── UnknownScope UnknownGroup UnknownLog UnknownProjection
│   ├── UnknownPersonalAccessToken
│   ├── UnknownDevice UnknownThirdParty UnknownCode
│   ├── UnknownConnector
│   ├── UnknownApiResource UnknownInterface UnknownInterfaceGrant
│   ├── UnknownIdentity UnknownEnterpriseIdentity UnknownFactor
│   └── UnknownInvitation UnknownVerification UnknownSession UnknownPasskey
├── Conflict               true once, or true elsewhere, but not in the present state
│   ├── AlreadyMember NameTaken ClientIdTaken AccountHasChildren OrganizationInUse TooMuchAtOnce
│   ├── AccountNotActive UserNotActive
│   ├── ApplicationNotActive GrantNotPending GrantNotEffective GrantExpired RequestedAgain LastOwner TokenEnded
│   ├── TokenExpired TokenRevokedInBulk DeviceAnswered DeviceNotApproved
│   ├── RefreshReplayed UnusableCode KeyNotIntroduced KeyNotActive KeyTooYoung RoleInUse TooManySecrets
│   ├── OrganizationHasUsers OrganizationClosed NotInOrganization
│   ├── PersonalAccessTokenNameTaken TooManyPersonalAccessTokens
│   ├── UsernameTaken PhoneTaken IdentityTaken TotpInUse BackupCodesInUse BackupCodesAlone
│   ├── NoCodeSent CodeExpired CodeBurnt CodeMismatch NotVerified NoSender MessageRefused
│   ├── TargetTaken ConnectorTypeTaken TargetFixed WrongConnectorKind NotSocial NotImplementedHere
│   ├── EmailTaken EmailMissing EmailAlreadyVerified InvitationPending InvitationClosed UserAlreadyActive
│   ├── AlreadyLinked TargetAlreadyLinked WrongAppForImpersonation
│   ├── IdentifierTaken AddressTaken ApiResourceInUse TooManyApiResources TooManyInterfaces
│   ├── ImportChanged
│   ├── ThirdPartyNotPending ThirdPartyNotEffective ThirdPartyEffective SubmittedAgain
│   ├── RebuildUnderWay NoRebuild RebuildNotRunning RebuildNotPaused RebuildCancelled
│   └── NoFormerGeneration FormerVersion NothingToRetry
├── TooOften               not so soon; `seconds` later it may do
│   └── SendLimited MessageThrottled TooManyGuesses ImportsUnderWay
└── Forbidden              this caller may not
    ├── MissingPermission SelfApproval RootRequired PrivilegedRole BuiltInRole OwnDeletion WrongClientKind
    ├── CreatorRequired SignInOnly FeatureNotEnabled FactorMissing
    └── BuiltInScope ImpersonationDenied
"""

from __future__ import annotations

import re
from typing import ClassVar, NamedTuple


class Fault(NamedTuple):
    """What is wrong at one place of what somebody wrote, in a sentence for them."""

    place: str
    message: str


class Refusal(Exception):
    """A command was not carried out.

    `code` is the class's name in snake case and part of the interface: renaming a class changes what clients read.
    `sentence` is public; `detail` goes to the log only; `field` names the value at fault, None when there is none.
    `faults`, public as well, say more than the one sentence, where a whole document is at fault.
    """

    code: ClassVar[str] = "refusal"
    sentence: ClassVar[str] = "The request was refused"
    faults: tuple[Fault, ...] = ()

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
    sentence = (
        "An audience is an absolute URI without fragment or a plain token, of 512 characters at most, no account's"
    )


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


class InvalidSettings(Invalid):
    sentence = "A setting of an organization is out of its range"


class InvalidFeature(Invalid):
    sentence = "No such feature of an organization, or no such state of one"


class InvalidPageLimit(Invalid):
    sentence = "A page holds one token at least, and no more than the operator allows"


class NothingToSearch(Invalid):
    sentence = "A search names an application or an end user"


class NothingToChange(Invalid):
    sentence = "Either an action or attributes are given"


class NothingStated(Invalid):
    sentence = "Nothing that can be changed is named"


class InvalidPagination(Invalid):
    sentence = "A page is a whole number from 1 on and has 1 to 100 entries"


class SearchTooBroad(Invalid):
    sentence = "The search takes too long: look for more exact texts"


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


class UnsupportedDigest(Invalid):
    sentence = "The algorithm of a password digest is not supported"


class WrongPassword(Invalid):
    sentence = "The password is wrong"


class PasswordAndDigest(Invalid):
    sentence = "Either a password or a digest of one is given, not both"


class DigestAlgorithmMissing(Invalid):
    sentence = "A password digest and its algorithm are given together"


class InvalidTokenName(Invalid):
    sentence = "The name of a personal access token has 1 to 256 characters and no control characters"


class ValueTooLong(Invalid):
    sentence = "A value is too long"


class InvalidIdentity(Invalid):
    sentence = "A person at a provider is named by a text that is not too long and has no control characters"


class InvalidDetails(Invalid):
    sentence = "What is told of a person at a provider is an object of at most 64 KiB, without NUL"


class InvalidTotpSecret(Invalid):
    sentence = "A secret is 16 to 32 characters of base32 in upper case, in whole groups of eight"


class InvalidBackupCodes(Invalid):
    sentence = "Backup codes are ten different codes of ten hexadecimal digits"


class WrongTotpCode(Invalid):
    sentence = "The code is not the one that the app shows, or it was used before"


class WrongBackupCode(Invalid):
    sentence = "The backup code is wrong, or it was used before"


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


class InvalidConnectorConfig(Invalid):
    sentence = "The configuration of the connector does not fit its type"


class SecretMissing(Invalid):
    sentence = "Where a connector's secret is sent changes only together with the secret: give it again"


class InvalidTarget(Invalid):
    sentence = "A target has 1 to 64 of a-z, 0-9, dot, hyphen and underscore and begins with a letter or digit"


class TargetMissing(Invalid):
    sentence = "A connector of this type needs a target"


class NoSuchConnectorType(Invalid):
    sentence = "No such type of connector"


class InsufficientInfo(Invalid):
    sentence = "A value that is needed is empty"


class ProviderAnswerInvalid(Invalid):
    sentence = "The provider's answer cannot be used"


class ConnectorFailed(Invalid):
    sentence = "The provider could not be asked, or refused to answer"


class SocialCodeInvalid(Invalid):
    sentence = "The provider refused the code"


class SocialDenied(Invalid):
    sentence = "The user did not let the provider tell who they are"


class InvalidApiIdentifier(Invalid):
    sentence = "An identifier has 1 to 128 letters, digits, dots, hyphens and underscores and begins with a letter"


class InvalidUri(Invalid):
    sentence = "An address is an absolute http(s) one of at most 2048 characters, without user and fragment"


class InvalidMethod(Invalid):
    sentence = "A method is GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, or * for any other"


class InvalidPath(Invalid):
    sentence = (
        "A path begins with /, has at most 512 characters and 32 segments, and each is a plain text or one {parameter}"
    )


class InvalidFrequency(Invalid):
    sentence = "A frequency is a whole number of calls a minute, from 1 to 2147483647"


class InvalidInterfaceScope(Invalid):
    sentence = "The scope of an interface is authorized or anonymous"


class InvalidDocument(Invalid):
    """A document cannot be imported: `faults` say why, each at its place in the document."""

    sentence = "The document is none of Swagger 2.0 or OpenAPI 3.0 or 3.1 that can be imported"

    def __init__(self, detail: str = "", *, field: str | None = "document", faults: tuple[Fault, ...] = ()) -> None:
        """Keep what is wrong, too."""
        super().__init__(detail, field=field)
        self.faults = faults


class DocumentNotFetched(Invalid):
    """A document was not got from its address: the one fault says why, and nothing of what the other side said."""

    sentence = "The document could not be fetched from its address"

    def __init__(self, detail: str = "", *, field: str | None = "url", why: str = "") -> None:
        """Keep why, in a sentence for whoever named the address."""
        super().__init__(detail, field=field)
        self.faults = (Fault(field or "url", why or self.sentence),)


class IdentifierNeeded(Invalid):
    sentence = "The document makes no identifier for its API resource: one has to be given"


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


class UnknownIdentity(Unknown):
    sentence = "The user has no such identity"


class UnknownEnterpriseIdentity(Unknown):
    sentence = "The user has no such enterprise identity"


class UnknownPersonalAccessToken(Unknown):
    sentence = "No such personal access token"


class UnknownFactor(Unknown):
    sentence = "No such factor"


class UnknownPasskey(Unknown):
    sentence = "No such passkey"


class UnknownProjection(Unknown):
    sentence = "No such read model"


class UnknownConnector(Unknown):
    sentence = "No such connector"


class UnknownApiResource(Unknown):
    sentence = "No such API resource"


class UnknownInterface(Unknown):
    sentence = "No such interface"


class UnknownInterfaceGrant(Unknown):
    sentence = "No such interface grant"


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


class RequestedAgain(Conflict):
    sentence = "The grant was requested again since it was looked at"


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


class IdentityTaken(Conflict):
    sentence = "The identity belongs to another user already"


class PersonalAccessTokenNameTaken(Conflict):
    sentence = "The user has a personal access token of that name"


class TooManyPersonalAccessTokens(Conflict):
    sentence = "The user has as many personal access tokens as they may have"


class TotpInUse(Conflict):
    sentence = "The user has an app that makes codes already"


class BackupCodesInUse(Conflict):
    sentence = "The user has backup codes that were not used yet"


class BackupCodesAlone(Conflict):
    sentence = "Backup codes stand in for another factor: the user has none yet"


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


class TargetTaken(Conflict):
    sentence = "There is a connector to this target already"


class ConnectorTypeTaken(Conflict):
    sentence = "There is a connector of this type already"


class TargetFixed(Conflict):
    sentence = "The target of a connector never changes"


class WrongConnectorKind(Conflict):
    sentence = "A connector of this kind does not do that"


class NotSocial(Conflict):
    sentence = "The connector is not one to a social provider"


class NotImplementedHere(Conflict):
    sentence = "A connector of this type needs a sign-in session, which there is none of here"


class NoCodeSent(Conflict):
    sentence = "No verification code is waiting for this recipient"


class CodeExpired(Conflict):
    sentence = "The verification code has expired: have another one sent"


class CodeBurnt(Conflict):
    sentence = "There were too many wrong verification codes: have another one sent"


class CodeMismatch(Conflict):
    sentence = "The verification code is wrong"


class NotVerified(Conflict):
    sentence = "The address is not verified: send a verification code to it, verify it, and repeat this in ten minutes"


class NoSender(Conflict):
    sentence = "There is nothing that sends messages of this kind"


class MessageRefused(Conflict):
    sentence = "The message was not taken by what was to send it"


class IdentifierTaken(Conflict):
    sentence = "The identifier is taken"


class AddressTaken(Conflict):
    sentence = "Another interface of the API resource has this method and path"


class ApiResourceInUse(Conflict):
    sentence = "The API resource has interfaces"


class TooManyApiResources(Conflict):
    sentence = "The organization has as many API resources as it may have"


class ImportChanged(Conflict):
    sentence = "The import would not do any more what it was expected to do"


class TooManyInterfaces(Conflict):
    sentence = "The API resource or its organization has as many interfaces as it may have"


class TooOften(Refusal):
    """Not so soon: `seconds` tells when it may do."""

    sentence = "There were too many attempts: try again later"

    def __init__(self, detail: str = "", *, field: str | None = None, seconds: int = 1) -> None:
        """Keep for how long to wait, too."""
        super().__init__(detail, field=field)
        self.seconds = seconds


class ImportsUnderWay(TooOften):
    sentence = "Other documents of the organization are being read: try again shortly"


class SendLimited(TooOften):
    sentence = "Too many messages were sent to this recipient: try again later"


class MessageThrottled(TooOften):
    sentence = "What sends the messages takes no more for now: try again later"


class TooManyGuesses(TooOften):
    sentence = "There were too many guesses: try again later"


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


class FactorMissing(Forbidden):
    sentence = "A further factor is needed"


class OwnDeletion(Forbidden):
    sentence = "Nobody deletes or disables themselves"


class WrongClientKind(Forbidden):
    sentence = "This kind of application may not do this"


class ImpersonationDenied(Forbidden):
    sentence = "Only super admin can impersonate other users"

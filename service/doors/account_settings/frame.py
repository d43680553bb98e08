"""The frame of the account-settings door: its names, its times and its refusals (spec/logto.md sections 3 and 4).

A refusal is `{code, message}`: the code, with dots in it, is for programs. What is wrong with a body or a query is
told as a list of issues in `data`, and in a line each in `details`.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
import pydantic
from aiohttp import web
from pydantic.alias_generators import to_camel

from domain import refusals
from domain.person import Profile
from service.http.bearer import Expired, UnsupportedScheme, WrongAudience
from service.http.document import Output
from service.http.door import Door
from service.http.group import Group
from service.http.input import Input

if TYPE_CHECKING:
    from service.http.bearer import Unauthenticated

INVALID_INPUT = "guard.invalid_input"
INVALID_CONFIG = "connector.invalid_config"
UNPROCESSABLE = 422
SCHEME, EXPIRED, AUDIENCE = "unsupported_scheme", "expired_token", "wrong_audience"
KINDS = {UnsupportedScheme: SCHEME, Expired: EXPIRED, WrongAudience: AUDIENCE}
YES = frozenset({"1", "true", "y", "yes", "yep", "yeah"})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# What this dialect calls a refusal, and the status that it has there. What is not here is called `request.…` and has
# the status that it has elsewhere.
CALLED: dict[str, tuple[int, str]] = {
    "unauthenticated": (401, "auth.authorization_header_missing"),
    SCHEME: (401, "auth.authorization_token_type_not_supported"),
    "invalid_token": (401, "auth.unauthorized"),
    EXPIRED: (401, "auth.unauthorized"),
    AUDIENCE: (401, "auth.unauthorized"),
    "invalid_request": (401, "auth.unauthorized"),
    "insufficient_scope": (403, "auth.forbidden"),
    "wrong_client_kind": (403, "auth.forbidden"),
    refusals.MissingPermission.code: (403, "auth.forbidden"),
    refusals.InvalidPagination.code: (400, "guard.invalid_pagination"),
    refusals.SearchTooBroad.code: (UNPROCESSABLE, "request.search_too_broad"),
    refusals.NothingStated.code: (UNPROCESSABLE, "entity.invalid_input"),
    refusals.InvitationPending.code: (UNPROCESSABLE, "user.invitation_pending"),
    refusals.OwnDeletion.code: (400, "user.cannot_delete_self"),
    refusals.LastOwner.code: (UNPROCESSABLE, "user.last_owner"),
    refusals.UnknownAccount.code: (404, "entity.not_found"),
    refusals.UnknownUser.code: (404, "entity.not_found"),
    refusals.ValueTooLong.code: (UNPROCESSABLE, "entity.value_too_long"),
    refusals.UsernameTaken.code: (UNPROCESSABLE, "user.username_already_in_use"),
    refusals.EmailTaken.code: (UNPROCESSABLE, "user.email_already_in_use"),
    refusals.PhoneTaken.code: (UNPROCESSABLE, "user.phone_already_in_use"),
    refusals.InvalidPhone.code: (UNPROCESSABLE, "user.invalid_phone"),
    refusals.UnknownIdentity.code: (404, "user.identity_not_exist"),
    refusals.UnknownEnterpriseIdentity.code: (404, "user.enterprise_sso_identity_not_exists"),
    refusals.IdentityTaken.code: (UNPROCESSABLE, "user.identity_already_in_use"),
    refusals.UnknownPersonalAccessToken.code: (404, "entity.not_found"),
    refusals.PersonalAccessTokenNameTaken.code: (UNPROCESSABLE, "user.personal_access_token_name_exists"),
    refusals.TooManyPersonalAccessTokens.code: (UNPROCESSABLE, "user.too_many_personal_access_tokens"),
    refusals.InvalidExpiry.code: (400, "request.invalid_input"),
    refusals.NoCodeSent.code: (400, "verification_code.not_found"),
    refusals.CodeExpired.code: (400, "verification_code.expired"),
    refusals.CodeBurnt.code: (400, "verification_code.exceed_max_try"),
    refusals.CodeMismatch.code: (400, "verification_code.code_mismatch"),
    refusals.NotVerified.code: (UNPROCESSABLE, "verification_record.not_found"),
    refusals.NoSender.code: (501, "connector.not_found"),
    refusals.MessageRefused.code: (400, "connector.general"),
    refusals.SendLimited.code: (429, "request.message_rate_limited"),
    refusals.MessageThrottled.code: (429, "connector.rate_limit_exceeded"),
    refusals.PasswordAndDigest.code: (400, "user.password_and_digest"),
    refusals.DigestAlgorithmMissing.code: (400, "user.password_algorithm_required"),
    refusals.InvalidDigest.code: (400, "password.invalid_legacy_password_format"),
    refusals.UnsupportedDigest.code: (400, "password.unsupported_legacy_hash_algorithm"),
    refusals.UnknownConnector.code: (404, "entity.not_found"),
    refusals.NoSuchConnectorType.code: (UNPROCESSABLE, "connector.not_found_with_connector_id"),
    refusals.TargetTaken.code: (UNPROCESSABLE, "connector.multiple_target_with_same_platform"),
    refusals.ConnectorTypeTaken.code: (UNPROCESSABLE, "connector.multiple_instances_not_supported"),
    refusals.TargetMissing.code: (400, "connector.should_specify_target"),
    refusals.TargetFixed.code: (400, "connector.can_not_modify_target"),
    refusals.InvalidConnectorConfig.code: (400, INVALID_CONFIG),
    refusals.SecretMissing.code: (400, INVALID_CONFIG),
    refusals.InsufficientInfo.code: (400, "session.insufficient_info"),
    refusals.WrongConnectorKind.code: (400, "connector.unexpected_type"),
    refusals.NotSocial.code: (UNPROCESSABLE, "session.invalid_connector_id"),
    refusals.NotImplementedHere.code: (501, "connector.not_implemented"),
    refusals.SocialCodeInvalid.code: (401, "connector.social_auth_code_invalid"),
    refusals.SocialDenied.code: (401, "connector.authorization_failed"),
    refusals.ProviderAnswerInvalid.code: (400, "connector.invalid_response"),
    refusals.ConnectorFailed.code: (400, "connector.general"),
    refusals.WrongPassword.code: (UNPROCESSABLE, "session.invalid_credentials"),
    refusals.UnknownFactor.code: (404, "entity.not_found"),
    refusals.TotpInUse.code: (UNPROCESSABLE, "user.totp_already_in_use"),
    refusals.InvalidTotpSecret.code: (UNPROCESSABLE, "user.totp_secret_invalid"),
    refusals.BackupCodesInUse.code: (UNPROCESSABLE, "user.backup_code_already_in_use"),
    refusals.BackupCodesAlone.code: (UNPROCESSABLE, "session.mfa.backup_code_can_not_be_alone"),
    refusals.InvalidBackupCodes.code: (UNPROCESSABLE, "user.wrong_backup_code_format"),
    refusals.WrongTotpCode.code: (UNPROCESSABLE, "session.mfa.invalid_totp_code"),
    refusals.WrongBackupCode.code: (UNPROCESSABLE, "session.mfa.invalid_backup_code"),
}
# What is wrong with a token, in words that clients of this dialect know: whoever was given a good token for another
# audience finds it out by these (spec/logto.md section 4).
CLAIMS = {
    "invalid_token": {"code": "ERR_JWT_INVALID", "name": "JWTInvalid", "claim": None, "reason": "unknown_or_revoked"},
    "invalid_request": {"code": "ERR_JWS_INVALID", "name": "JWSInvalid", "claim": None, "reason": "malformed"},
    EXPIRED: {"code": "ERR_JWT_EXPIRED", "name": "JWTExpired", "claim": "exp", "reason": "check_failed"},
    AUDIENCE: {
        "code": "ERR_JWT_CLAIM_VALIDATION_FAILED",
        "name": "JWTClaimValidationFailed",
        "claim": "aud",
        "reason": "check_failed",
    },
}
CHALLENGES = {401: 'Bearer realm="muniment"', 403: 'Bearer error="insufficient_scope"'}
"""What is told with a status where the frame has no more to say (RFC 9110 section 15.5.2, RFC 6750 section 3)."""
UNFIT = frozenset({"invalid_body", "invalid_query", "invalid_position"})
"""Of the frame: what came does not fit, and may have a status of its own (413, 415 …)."""
BY_RULES = frozenset(
    one.code
    for one in (
        refusals.InvalidUsername,
        refusals.InvalidEmail,
        refusals.InvalidName,
        refusals.InvalidLocale,
        refusals.InvalidProfile,
        refusals.InvalidPassword,
        refusals.InvalidTokenName,
        refusals.InvalidTarget,
        refusals.InvalidPicture,
        refusals.InvalidIdentity,
        refusals.InvalidDetails,
    )
)
"""Of the rules: a value that no user can have."""
FIELDS = {
    "person": "userId",
    "email": "primaryEmail",
    "phone": "primaryPhone",
    "picture": "avatar",
    "password_digest": "passwordDigest",
}
"""How this dialect calls what the rules name, beside the members of a profile."""
PROFILE = frozenset(member.name for member in fields(Profile))


class Refusal(Output):
    """Why a request was refused: `code` is for programs, `message` for people; `data` and `details` tell of fields."""

    code: str
    message: str
    data: dict[str, Any] | None = pydantic.Field(default=None)
    details: str = pydantic.Field(default="")


class AccountSettingsDoor(Door):
    """A door to the accounts of people, for the server-side applications that let them change their settings."""

    REFUSAL: ClassVar = Refusal
    GROUP: ClassVar = Group.ACCOUNT_SETTINGS

    def word(self, code: str) -> str:
        """Return what this dialect calls a refusal."""
        if code in UNFIT or code in BY_RULES:
            return INVALID_INPUT
        return CALLED[code][1] if code in CALLED else f"request.{code}"

    def nobody(self, refused: Unauthenticated) -> str:
        """Tell credentials of another kind from none, and what is wrong with a token."""
        for kind, code in KINDS.items():
            if isinstance(refused, kind):
                return code
        return super().nobody(refused)

    def refuse(
        self,
        status: int,
        code: str,
        sentence: str,
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        """Return a refusal in this door's shape."""
        body: dict[str, Any] = {"code": self.word(code), "message": sentence}
        if code == SCHEME:
            body["data"] = {"supportedTypes": ["Bearer"]}
        elif code in CLAIMS:
            body["data"] = CLAIMS[code]
        elif errors and body["code"] in (INVALID_INPUT, INVALID_CONFIG):
            issues = [_issue(error) for error in errors]
            body["data"] = {"name": "ZodError", "issues": issues}
            body["details"] = "\n".join(f"{'.'.join(issue['path'])}: {issue['message']}" for issue in issues)
        status = CALLED[code][0] if code in CALLED else status
        challenge = {"WWW-Authenticate": CHALLENGES[status]} if status in CHALLENGES else {}
        return web.Response(
            body=msgspec.json.encode(body),
            status=status,
            content_type="application/json",
            headers={"Cache-Control": "no-store", **challenge, **(headers or {})},
        )


def _issue(error: dict[str, Any]) -> dict[str, Any]:
    field = error["field"]
    if "in" not in error:  # told by the rules, which have words of their own
        field = FIELDS.get(field) or (f"profile.{to_camel(field)}" if field in PROFILE else field)
    return {"code": "custom", "path": field.split(".") if field else [], "message": error["message"]}


def _truthy(value: object) -> bool:
    return isinstance(value, str) and value.lower() in YES


Flag = Annotated[bool, pydantic.BeforeValidator(_truthy)]
"""A query's switch: on for these words alone, in upper or lower case; for all else, nothing at all too, it is off."""


class Body(Input):
    """A request's body, whose members are written in camel case; what nobody knows of is passed over."""

    model_config = pydantic.ConfigDict(alias_generator=to_camel, extra="ignore")


class Reply(Output):
    """The shape of an answer, whose members are written in camel case."""

    model_config = pydantic.ConfigDict(strict=True, alias_generator=to_camel)


def milliseconds(moment: datetime) -> int:
    """Return a moment as this dialect writes it: in milliseconds since 1970."""
    return (moment - EPOCH) // timedelta(milliseconds=1)  # in whole numbers: a time may come back as it was sent

"""/info: how this service is configured, as far as clients may know (spec/melody.md M10).

It takes a valid token of a server application and no particular scope. What is told is a list of its own, never the
settings as they are: a value that is not named here is not told, and secrets are not named here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.application_settings import Kind
from service.doors.s2s.frame import Reply, ServerToServerDoor
from service.http.call import Answer, Call
from service.messages.wording import WORDS

if TYPE_CHECKING:
    from service.settings import Settings

DOOR = ServerToServerDoor("info")
# What this service does, and what of this dialect's product it does not.
SWITCHES = {
    "ENABLE_NAMES": True,
    "ENABLE_ORG": True,
    "ENABLE_ORG_GROUP": True,
    "ENABLE_EMAIL_VERIFICATION": True,
    "ENABLE_EMAIL_LOG": True,
    "ENABLE_SMS_LOG": False,
    "ENABLE_SIGN_IN_LOG": False,
    "ENABLE_SIGN_UP": False,
    "ENABLE_PASSWORD_SIGN_IN": False,
    "ENABLE_PASSWORDLESS_SIGN_IN": False,
    "ENABLE_PASSWORD_RESET": False,
    "ENABLE_USER_APP_CONSENT": False,
    "ENABLE_USER_ATTRIBUTE": False,
    "ENABLE_APP_BANNER": False,
    "ENABLE_SAML_SSO_AS_SP": False,
}


class Info(Reply):
    """The configuration, by the names that this dialect gives it."""

    configs: dict[str, Any]


@DOOR.route(
    "GET", "/info", permission="", summary="Read the configuration, with any token of a server application", answer=Info
)
async def info(call: Call) -> Answer:
    return Answer({"configs": told(call.parts.settings)})


def told(settings: Settings) -> dict[str, Any]:
    """Return what is told of the settings."""
    return {
        "AUTH_SERVER_URL": settings.issuer,
        "S2S_ACCESS_TOKEN_EXPIRES_IN": Kind.MACHINE.access_token_lifetime,
        "SPA_ACCESS_TOKEN_EXPIRES_IN": Kind.SPA.access_token_lifetime,
        "SUPPORTED_LOCALES": sorted({locale for _, locale in WORDS}),
        **SWITCHES,
    }

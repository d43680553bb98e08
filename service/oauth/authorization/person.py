"""Checks of whom a request is about and how they are to be asked (OpenID Connect Core section 3.1.2.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

from service.oauth.authorization.request import PROMPTS
from service.oauth.errors import invalid_request

if TYPE_CHECKING:
    from service.oauth.authorization.asking import Asking

SECONDS = re.compile(r"[0-9]{1,10}")
HINT_LIMIT = 320  # characters, as many as the longest e-mail address has
LOCALES = re.compile(r"[A-Za-z0-9-]{1,35}( [A-Za-z0-9-]{1,35}){0,19}")
ACCOUNT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def keep_prompt(asking: Asking) -> None:
    """Keep names between spaces, in their own case; one that is not known is a mistake."""
    prompt = frozenset(asking.parameters.get("prompt", "").split(" ")) - {""}
    if not prompt.issubset(PROMPTS):
        raise invalid_request(f"prompt may name {', '.join(PROMPTS)}")
    asking.prompt = prompt


def refuse_none_with_others(asking: Asking) -> None:
    """Refuse what cannot be: to be shown no page and some."""
    if "none" in asking.prompt and len(asking.prompt) > 1:
        raise invalid_request("prompt=none goes with no other")


def keep_max_age(asking: Asking) -> None:
    """Keep whole seconds, 0 included."""
    max_age = asking.parameters.get("max_age")
    if max_age is not None:
        if not SECONDS.fullmatch(max_age):
            raise invalid_request("max_age is a number of seconds")
        asking.max_age = int(max_age)


def keep_login_hint(asking: Asking) -> None:
    """Keep what to fill in for the person, who may change it. It decides nothing."""
    hint = asking.parameters.get("login_hint")
    if hint is not None and (len(hint) > HINT_LIMIT or not hint.isprintable()):
        raise invalid_request(f"login_hint is longer than {HINT_LIMIT} characters or holds unprintable ones")
    asking.login_hint = hint


def keep_ui_locales(asking: Asking) -> None:
    """Keep language tags between spaces. Others are left aside: they are no reason for an error."""
    locales = asking.parameters.get("ui_locales")
    asking.ui_locales = locales if locales is not None and LOCALES.fullmatch(locales) else None


def keep_account(asking: Asking) -> None:
    """Keep in whose name the person is to act; whether they may is asked once it is known who they are."""
    account = asking.parameters.get("account")
    if account is not None:
        if not ACCOUNT.fullmatch(account):
            raise invalid_request("account is the id of an account")
        asking.account = UUID(account)


def keep_subject(asking: Asking) -> None:
    """Keep whom an earlier ID token of this client was about: nobody else can answer this request."""
    if "id_token_hint" in asking.parameters:
        if asking.hint is None or asking.hint.client_id != asking.client.client_id:
            raise invalid_request("id_token_hint is no ID token of this client")
        asking.subject = asking.hint.user

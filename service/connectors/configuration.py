"""What a connector is configured with: declared by its type, checked before it is kept, never shown with its secrets.

Where a secret is shown, a mask stands. Who sends the mask back keeps the secret, but only where it goes on being sent
to the same place: else whoever may change a connector could have its secret told to themselves.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar
from urllib.parse import parse_qsl, urlsplit

import pydantic
from pydantic.alias_generators import to_camel

from domain.refusals import InvalidConnectorConfig, SecretMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

MASK = "********"
ALLOWED = "allowed"
URL_LIMIT = 2048
DEFAULT_PORTS = {"https": 443, "http": 80}
# The characters of RFC 3986 without "#": an endpoint has no fragment (RFC 6749 section 3.1).
_URL = re.compile(r"https?://[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")

Allowed = frozenset[tuple[str, int]]
"""The pairs of host and port that may be called although private, and without TLS."""


def _endpoint(value: str, info: pydantic.ValidationInfo) -> str:
    """Return an address that secrets and people's data are sent to: https, but for what the operator allowed."""
    parts = urlsplit(value) if len(value) <= URL_LIMIT and _URL.fullmatch(value) else None
    try:
        host, port = (parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme]) if parts else (None, 0)
    except ValueError:  # a port that is no number
        host, port = None, 0
    if parts is None or not host or parts.username is not None or parts.password is not None:
        msg = "an endpoint is an https address without user and fragment"
        raise ValueError(msg)
    if parts.scheme != "https" and (host, port) not in (info.context or {}).get(ALLOWED, frozenset()):
        msg = "an endpoint is an https address"
        raise ValueError(msg)
    return value


def _authorization_endpoint(value: str, info: pydantic.ValidationInfo) -> str:
    """Return an endpoint that names none of the parameters which are asked for there."""
    _endpoint(value, info)
    if RESERVED.intersection(name for name, _ in parse_qsl(urlsplit(value).query, keep_blank_values=True)):
        msg = "the address holds a parameter of the request"
        raise ValueError(msg)
    return value


RESERVED = frozenset({
    "response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "code_challenge",
    "code_challenge_method",
})  # fmt: skip
Endpoint = Annotated[str, pydantic.AfterValidator(_endpoint)]
AuthorizationEndpoint = Annotated[str, pydantic.AfterValidator(_authorization_endpoint)]
Visible = Annotated[str, pydantic.Field(min_length=1, max_length=2048, pattern=r"^[\x20-\x7e]+$")]
"""Visible ASCII, as client ids, secrets and values of headers are (RFC 6749 appendix A)."""


class Config(pydantic.BaseModel):
    """A type's configuration. `SECRETS` are the paths of its secrets, `SENT_TO` the members that say where they go."""

    model_config = pydantic.ConfigDict(alias_generator=to_camel, extra="ignore", strict=True, frozen=True)

    SECRETS: ClassVar[tuple[tuple[str, ...], ...]] = ()
    SENT_TO: ClassVar[tuple[str, ...]] = ()


C = TypeVar("C", bound=Config)


def checked(
    shape: type[Config], given: Mapping[str, Any], *, allowed: Allowed, former: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a configuration as it is kept: with all defaults, and with the former secrets where their mask was given.

    Raises InvalidConnectorConfig, and SecretMissing where a secret that is kept would be sent elsewhere.
    """
    kept = [path for path in shape.SECRETS if _at(given, path) == MASK]
    filled: Mapping[str, Any] = given
    for path in kept:
        secret = None if former is None else _at(former, path)
        if secret is None:
            raise InvalidConnectorConfig("a mask, and no secret behind it", field=f"config.{'.'.join(path)}")
        filled = _with(filled, path, secret)
    config = opened(shape, filled, allowed=allowed).model_dump(by_alias=True)
    if kept and former is not None and any(config.get(name) != former.get(name) for name in shape.SENT_TO):
        raise SecretMissing(field=f"config.{'.'.join(kept[0])}")
    return config


def opened(shape: type[C], config: Mapping[str, Any] | None, *, allowed: Allowed) -> C:
    """Return a configuration as its type reads it. Raises InvalidConnectorConfig."""
    if config is None:
        raise InvalidConnectorConfig("there is none", field="config")
    try:
        return shape.model_validate(dict(config), context={ALLOWED: allowed})
    except pydantic.ValidationError as error:
        [first, *_] = error.errors(include_url=False, include_context=False, include_input=False)
        path = ".".join(str(part) for part in ("config", *first["loc"]))
        raise InvalidConnectorConfig(f"{path}: {first['msg']}", field=path[:200]) from None


def masked(shape: type[Config], config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a configuration as it may be shown: {} where there is none."""
    shown: Mapping[str, Any] = config or {}
    for path in shape.SECRETS:
        if _at(shown, path) is not None:
            shown = _with(shown, path, MASK)
    return dict(shown)


def _at(config: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = config
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _with(config: Mapping[str, Any], path: tuple[str, ...], value: str) -> dict[str, Any]:
    """Return a configuration with another value at a path, the given one left as it is."""
    name, *rest = path
    return {**config, name: _with(config[name], tuple(rest), value) if rest else value}

"""Where a document says that its operations are: the base address of servers, and templates of paths."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from domain.path_template import path_template
from domain.refusals import InvalidPath

_VARIABLE = re.compile(r"\{([^{}]*)\}")
_PARAMETER = re.compile(r"\{([^{}/]+)\}")
_NOT_OF_A_NAME = re.compile(r"[^A-Za-z0-9_.\-]")
_NAME_LIMIT = 64
# Plainer than what an address may be: what is told to people of it is left out rather than refused.
_PLAIN = re.compile(r"https?://[A-Za-z0-9.\-]+(:[1-9][0-9]{0,4})?(/[A-Za-z0-9\-._~/]*)?")
_URI_LIMIT = 2048
_LAST_PORT = 65_535


def of_swagger(document: dict[str, Any]) -> str:
    """Return the base address of a Swagger 2.0 document; of one without a host, the base path alone."""
    base = document.get("basePath") or ""
    host = document.get("host")
    schemes = document.get("schemes") or ["https"]
    if not host:
        return str(base)
    return f"{'https' if 'https' in schemes else schemes[0]}://{host}{base}"


def of_servers(*levels: dict[str, Any]) -> str:
    """Return the address of the first server that the innermost level with servers names (OpenAPI 3.1 section 4.8.5).

    Variables have their defaults; "" when no level names one.
    """
    for level in levels:
        servers = level.get("servers")
        if servers:
            return _address(servers[0]["url"], servers[0].get("variables") or {})
    return ""


def base_path(address: str) -> str:
    """Return the path of a base address, without a slash at its end; "" for what is no address."""
    try:
        path = urlsplit(address).path.rstrip("/")
    except ValueError:
        return ""
    return path if path.startswith("/") or not path else f"/{path}"


def for_people(address: str) -> str | None:
    """Return a base address as the address of an API resource, None when it is not a plain, complete one."""
    found = _PLAIN.fullmatch(address) if len(address) <= _URI_LIMIT else None
    return None if found is None or int((found[1] or ":1")[1:]) > _LAST_PORT else address


def template(path: str) -> str | None:
    """Return a path as a template, parameters named as templates name them; None when it cannot be one."""
    try:
        return path_template(_PARAMETER.sub(lambda found: f"{{{_name(found[1])}}}", path))
    except InvalidPath:
        return None


def _address(url: str, variables: dict[str, Any]) -> str:
    """Return the address of a server; a variable that the document does not define is left out."""
    return _VARIABLE.sub(lambda found: str(variables[found[1]]["default"]) if found[1] in variables else "", url)


def _name(parameter: str) -> str:
    name = _NOT_OF_A_NAME.sub("_", parameter)[:_NAME_LIMIT]
    return name if name[0].isalpha() or name[0] == "_" else f"_{name[: _NAME_LIMIT - 1]}"

"""Lets openapi-spec-validator judge a document. It is loaded in a child alone, and nothing is fetched, ever.

A reference to another document is refused, however it comes about: by a look beforehand, by what stands in the place of
all that would fetch, and at last by a process that can open nothing (see `child`).
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn

from jsonschema.exceptions import ValidationError  # type: ignore[import-untyped] # a fault with its place
from jsonschema.validators import validator_for  # type: ignore[import-untyped] # as above
from jsonschema_path import SchemaPath
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped] # the standards of schemas, by address
from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
from openapi_spec_validator.schemas import schema_v2, schema_v30, schema_v31
from referencing import Resource
from referencing.exceptions import Unresolvable

from service.interface_import.faults import FAULT_LIMIT, MESSAGE_LIMIT, Unusable
from service.interface_import.text import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

# The form that documents have by each standard, and what judges the rest. The form could be judged by another library,
# which is taken where it is installed: what is told would depend on that.
STANDARDS = {
    "Swagger 2.0": (schema_v2, OpenAPIV2SpecValidator),
    "OpenAPI 3.0": (schema_v30, OpenAPIV30SpecValidator),
    "OpenAPI 3.1": (schema_v31, OpenAPIV31SpecValidator),
}
REMEMBERED = 1024  # references whose end is remembered
_OPENAPI = re.compile(r"3\.[01]\.[0-9]+")


def version(data: dict[str, Any]) -> str:
    """Return which standard a document says it follows. Raises Unusable for any other than the three."""
    if data.get("swagger") == "2.0":
        return "Swagger 2.0"
    stated = data.get("openapi")
    if isinstance(stated, str) and _OPENAPI.fullmatch(stated):
        return f"OpenAPI {stated[:3]}"
    raise Unusable((WHOLE, 'It says neither `swagger` "2.0" nor `openapi` 3.0 or 3.1'))


def judge(data: dict[str, Any], standard: str) -> None:
    """Raise Unusable with all that is wrong with a document, as far as people read on."""
    _require_self_contained(data)
    form, validator = STANDARDS[standard]
    path = SchemaPath.from_dict(data, handlers=_Nobody(), resolved_cache_maxsize=REMEMBERED)
    # What looks at references and defaults takes for granted that the document has the right form.
    for errors in (_misfits(dict(form), data), validator(path).root_validator(path)):
        faults = [_fault(error) for error in islice(_told(errors), FAULT_LIMIT)]
        if faults:
            raise Unusable(*faults)


def _misfits(form: dict[str, Any], data: dict[str, Any]) -> Iterator[ValidationError]:
    """Yield what differs from the form of a standard.

    All that the form refers to is found once and for all. The library's own validator of it looks for it again at each
    turn: of a document of a thousand operations that was three quarters of the time.
    """
    resource = Resource.from_contents(form)
    place = resource.id() or ""
    found = REGISTRY.with_resource(place, resource).crawl()
    yield from validator_for(form)(form, _resolver=found.resolver(place)).iter_errors(data)


class _Nobody(dict[str, Any]):
    """Stands for what fetches, for whatever scheme there may be."""

    def __contains__(self, scheme: object) -> bool:
        return True

    def __missing__(self, scheme: str) -> Any:
        return _refuse


def _refuse(uri: str) -> NoReturn:
    raise LookupError(uri)


def _told(errors: Iterator[ValidationError]) -> Iterator[ValidationError]:
    """Yield errors, and what a document makes the validator itself stumble over as the last one of them."""
    try:
        yield from errors
    except Unresolvable as error:
        yield ValidationError(f"The reference {error.ref} leads to nothing in the document")
    except RecursionError:
        yield ValidationError("A reference leads to itself")
    except MemoryError:
        yield ValidationError("It is too large to be judged")
    except Exception as error:  # noqa: BLE001 - nobody knows what a document of any kind may make of it
        yield ValidationError(f"It cannot be judged: {type(error).__name__}")


def _fault(error: ValidationError) -> tuple[str, str]:
    # Of what may be one thing or another, it is most like the one that is wrong the deepest in it.
    while error.context:
        error = max(error.context, key=lambda inner: (len(inner.relative_path), "$ref" not in inner.message))
    place = ".".join(str(part) for part in error.absolute_path)
    if len(error.message) <= MESSAGE_LIMIT:
        return place or WHOLE, error.message
    return place or WHOLE, f"It does not fit the rule `{error.validator}` of the standard"  # it repeats what is there


def _require_self_contained(data: dict[str, Any]) -> None:
    """Refuse references to other documents, but for those that are an example's. Raises Unusable."""
    faults: list[tuple[str, str]] = []
    found: list[tuple[str, Any]] = [("", data)]
    while found and len(faults) < FAULT_LIMIT:
        place, value = found.pop()
        if isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#"):
                faults.append((place[1:], f"It refers to {reference}: nothing is fetched, put all in one document"))
            found += [(f"{place}.{name}", each) for name, each in value.items() if name not in _DATA]
        elif isinstance(value, list):
            found += [(f"{place}.{number}", each) for number, each in enumerate(value)]
    if faults:
        raise Unusable(*faults)


_DATA = frozenset({"example", "examples", "default", "enum", "const"})

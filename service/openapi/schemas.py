"""The shapes of bodies, queries and answers as JSON Schema (2020-12), each once, under the heading it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import pydantic
from pydantic.json_schema import GenerateJsonSchema

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]
PLACE = "#/components/schemas/"
BEGINNING = str(UUID(int=0))
"""Where a list begins: nobody has to say so."""


class Untitled(GenerateJsonSchema):
    """Leaves out the titles that repeat the members' names."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's own signature
        """Say no: the name is there already."""
        return False


class Schemas:
    """Collects the shapes that a document refers to."""

    def __init__(self) -> None:
        """Begin without any."""
        self.collected: dict[str, Schema] = {}
        self._shapes: dict[str, type] = {}

    def of(self, shape: type[pydantic.BaseModel | str] | None, heading: str, *, partial: bool = False) -> Schema:
        """Return the reference to a shape of a heading (the schema itself, where it is no object).

        What is left out of a `partial` one stays as it is: its members have no defaults.
        """
        if shape is None or not issubclass(shape, pydantic.BaseModel):
            return {"type": "string"}
        name = f"{heading}.{shape.__name__}"
        if self._shapes.setdefault(name, shape) is not shape:
            raise TypeError(name)  # two shapes of one name under one heading
        if name not in self.collected:
            self.collected[name] = {}  # before what it is made of, which may refer to it
            schema = shape.model_json_schema(
                ref_template=f"{PLACE}{heading}.{{model}}", schema_generator=Untitled, mode="validation"
            )
            for part, definition in schema.pop("$defs", {}).items():
                self.collected.setdefault(f"{heading}.{part}", _plain(definition))
            self.collected[name] = _plain(schema)
            if partial:
                for member in schema["properties"].values():
                    member.pop("default", None)
        return {"$ref": PLACE + name}

    def parameters(
        self, shape: type[pydantic.BaseModel], heading: str, *, place: Literal["query", "header"] = "query"
    ) -> Iterator[Schema]:
        """Yield the parameters that a shape stands for. In a query, or a header, nothing is null, only absent."""
        self.of(shape, heading)
        schema = self.collected.pop(f"{heading}.{shape.__name__}")
        required = set(schema.get("required", ()))
        for name, member in schema.get("properties", {}).items():
            yield {"name": name, "in": place, "required": name in required, "schema": _present(member)}


def _plain(schema: Schema) -> Schema:
    """Return a schema without the name of its class, which is no word of the interface."""
    return {name: value for name, value in schema.items() if name != "title"}


def _present(member: Schema) -> Schema:
    member = {name: value for name, value in member.items() if value not in (None, BEGINNING)}
    choices = [part for part in member.pop("anyOf", []) if part != {"type": "null"}]
    return member | choices[0] if len(choices) == 1 else member | ({"anyOf": choices} if choices else {})

"""The base of everything that is written in YAML: strict, frozen, and honest about its limits.

`definition`, `trigger`, `source`, `task_template` and `connection` build on it; `definition_file`
turns its errors into file:line:column.
"""

from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from activity_core.core.jsontext import canonical_json

SLUG = r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"
NAME = r"^[a-z_][a-z0-9_]{0,62}$"

Slug = Annotated[str, StringConstraints(pattern=SLUG, strict=True)]
"""Ids of definitions, rules, tasks, connections: they become parts of workflow ids and URLs."""

Name = Annotated[str, StringConstraints(pattern=NAME, strict=True)]
"""Names of variables in expressions (CEL identifiers)."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=2_000, strict=True)]
"""Prose for people: titles, owners."""

Expression = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4_000, strict=True),
    Field(json_schema_extra={"x-cel": True}),
]
"""CEL; compiled and type-checked when a definition is validated, see `condition`."""


class Model(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Versioned(Model):
    """What the registry keeps in versions; immutable once published as one."""

    model_config = ConfigDict(ignored_types=(cached_property,))

    def document(self) -> dict[str, Any]:
        """It as JSON, defaults left out: what is stored and published."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the canonical document: equal digests need no new version."""
        return sha256(canonical_json(self.document())).digest()


class OneOf(Model):
    """A model whose `kinds` exclude each other: exactly one of them must be given."""

    kinds: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="after")
    def _exactly_one(self) -> "OneOf":
        given = self._all_given()
        if len(given) != 1:
            raise PydanticCustomError(
                "one_of",
                "exactly one of {kinds} must be given, found {given}",
                {"kinds": ", ".join(self.kinds), "given": ", ".join(given) or "none"},
            )
        return self

    @property
    def given(self) -> str:
        """Which of `kinds` it is."""
        return self._all_given()[0]

    def _all_given(self) -> list[str]:
        return [kind for kind in self.kinds if getattr(self, f"{kind}_", None) is not None]

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        schema["oneOf"] = [{"required": [kind]} for kind in cls.kinds]
        return schema

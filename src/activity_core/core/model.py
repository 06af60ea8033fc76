"""The base of everything that is written in YAML: strict, frozen, and honest about its limits.

`definition`, `trigger`, `source`, `task_template` and `connection` build on it; `definition_file`
turns its errors into file:line:column.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

Slug = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$", strict=True)
]
"""Ids of definitions, rules, tasks, connections: they become parts of workflow ids and URLs."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,62}$", strict=True)]
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
    """Unknown keys are errors; a known key whose feature does not exist yet is refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    not_built_yet: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _refuse_what_is_not_built(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            for key in sorted(cls.not_built_yet & value.keys()):
                raise PydanticCustomError(
                    "not_built_yet",
                    "`{key}` is a known key whose feature is not built yet; remove it",
                    {"key": key},
                )
        return value


class OneOf(Model):
    """A model whose `kinds` exclude each other: exactly one of them must be given."""

    kinds: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="after")
    def _exactly_one(self) -> "OneOf":
        given = [kind for kind in self.kinds if getattr(self, f"{kind}_", None) is not None]
        if len(given) != 1:
            raise PydanticCustomError(
                "one_of",
                "exactly one of {kinds} must be given, found {given}",
                {"kinds": ", ".join(self.kinds), "given": ", ".join(given) or "none"},
            )
        return self

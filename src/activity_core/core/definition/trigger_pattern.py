"""Event patterns: which events somebody listens to. Part of a `trigger`; read by `matching`."""

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from activity_core.core.definition.model import Expression, Model

TypePattern = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_.:/-]*\*?$", min_length=1, max_length=255, strict=True)
]
"""An event type, or a prefix ending in `*`, which stands for any rest (segments included)."""


class EventPattern(Model):
    """Events of some types, perhaps of one source, that pass a filter."""

    type: TypePattern | None = None
    types: tuple[TypePattern, ...] = ()
    source: TypePattern | None = None
    filter: Expression | None = None

    @model_validator(mode="after")
    def _one_spelling(self) -> "EventPattern":
        if (self.type is None) == (not self.types):
            raise PydanticCustomError("one_of", "give either `type` or a non-empty list `types`")
        return self

    @property
    def all_types(self) -> tuple[str, ...]:
        """The type patterns, however they were spelled."""
        return self.types or ((self.type,) if self.type else ())

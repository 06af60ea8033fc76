"""Connections: where a SQL or HTTP source lives. YAML documents of `kind: connection`.

Not versioned with the definitions: an address or a password may change under a running system.
"""

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from activity_core.core.definition.duration import Duration
from activity_core.core.definition.model import Model, OneOf, Slug

_DEPLOYED = r"^(env|file):.+$"
_KEPT = _DEPLOYED + r"|^vault:[\w-][\w.-]*(/[\w-][\w.-]*)*#[\w.-]+$"
REFERENCES = {
    _DEPLOYED: "env:NAME or file:/path",
    _KEPT: "env:NAME, file:/path or vault:path#field",
}
"""What is said where a reference is none: it must not be repeated, for it may be the secret."""
DeployedSecretRef = Annotated[str, Field(pattern=_DEPLOYED, max_length=1_000, strict=True)]
"""Where a secret is found when it is needed: `env:NAME` or `file:/path`. Never the secret."""
SecretRef = Annotated[str, Field(pattern=_KEPT, max_length=1_000, strict=True)]
"""The same, or `vault:path#field`: a field of a secret that a vault keeps (KV version 2)."""

LOCAL_STATEMENT_TIMEOUT = timedelta(seconds=2)
"""A local source is read inside the fused step, which has 4 s for everything."""


class SqlConnection(Model):
    """A PostgreSQL database, read-only. `local` promises: same network, answers at once."""

    url: DeployedSecretRef
    local: StrictBool = False
    statement_timeout: Annotated[Duration, Field(gt=timedelta(), le=timedelta(minutes=5))] = (
        timedelta(seconds=2)
    )
    max_rows: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 1_000
    pool_size: Annotated[int, Field(ge=1, le=50, strict=True)] = 4

    @model_validator(mode="after")
    def _local_is_quick(self) -> "SqlConnection":
        if self.local and self.statement_timeout > LOCAL_STATEMENT_TIMEOUT:
            raise PydanticCustomError(
                "local", "a local connection must have a statement_timeout of at most 2s"
            )
        return self


class HttpConnection(Model):
    """The base of an HTTP API; header values are secrets by reference."""

    base_url: Annotated[str, Field(pattern=r"^https?://", max_length=2_000)]
    headers: dict[str, DeployedSecretRef] = Field(default_factory=dict, max_length=20)


class Connection(OneOf):
    """A named database or HTTP base."""

    kinds: ClassVar[tuple[str, ...]] = ("sql", "http")

    kind: Literal["connection"] = "connection"
    id: Slug
    sql_: SqlConnection | None = Field(default=None, alias="sql")
    http_: HttpConnection | None = Field(default=None, alias="http")

    @property
    def is_local(self) -> bool:
        """Whether sources on it may be read inside the fused local activity."""
        return self.sql_ is not None and self.sql_.local

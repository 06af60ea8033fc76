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
    """A PostgreSQL database, read-only unless it says `write: true` (for `sql` tasks).

    `local` promises: same network, answers at once.
    """

    url: DeployedSecretRef
    local: StrictBool = False
    write: StrictBool = False
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


class BasicAuth(Model):
    """User and password of HTTP's basic authentication, both secrets by reference."""

    user: DeployedSecretRef
    password: DeployedSecretRef


class HttpConnection(Model):
    """The base of an HTTP API; header values are secrets by reference.

    `basic` and `bearer` spell the header `Authorization`.
    """

    base_url: Annotated[str, Field(pattern=r"^https?://", max_length=2_000)]
    headers: dict[str, DeployedSecretRef] = Field(default_factory=dict, max_length=20)
    basic: BasicAuth | None = None
    bearer: DeployedSecretRef | None = None

    @model_validator(mode="after")
    def _authorised_once(self) -> "HttpConnection":
        by_header = any(name.lower() == "authorization" for name in self.headers)
        if [self.basic is not None, self.bearer is not None, by_header].count(True) > 1:
            raise PydanticCustomError(
                "authorization",
                "`basic`, `bearer` and a header `Authorization` exclude each other",
            )
        return self


class SmtpConnection(Model):
    """A mail server; user and password are secrets by reference."""

    host: Annotated[str, Field(min_length=1, max_length=255, strict=True)]
    port: Annotated[int, Field(ge=1, le=65_535, strict=True)] = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    user: DeployedSecretRef | None = None
    password: DeployedSecretRef | None = None
    sender: Annotated[str, Field(min_length=3, max_length=320, strict=True)]


class Connection(OneOf):
    """A named database, HTTP base or mail server."""

    kinds: ClassVar[tuple[str, ...]] = ("sql", "http", "smtp")

    kind: Literal["connection"] = "connection"
    id: Slug
    sql_: SqlConnection | None = Field(default=None, alias="sql")
    http_: HttpConnection | None = Field(default=None, alias="http")
    smtp_: SmtpConnection | None = Field(default=None, alias="smtp")

    @property
    def is_local(self) -> bool:
        """Whether sources on it may be read inside the fused local activity."""
        return self.sql_ is not None and self.sql_.local

"""How a source proves who it is: the `verify:` of an event source.

Read by `definition_file`; carried out by `core.admission` over secrets that `ports.secrets` finds.
Nothing here holds a secret, only where it is found.
"""

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from activity_core.core.definition.connection import SecretRef
from activity_core.core.definition.duration import Duration
from activity_core.core.definition.model import Model, OneOf, Text

Secrets = Annotated[tuple[SecretRef, ...], Field(min_length=1, max_length=2)]
"""One, or two while a secret is exchanged for the next: either is good."""
Tolerance = Annotated[Duration, Field(gt=timedelta(), le=timedelta(hours=24))]
"""How far the signed time may be from ours, in either direction: the replay window."""
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$", strict=True)]

FIVE_MINUTES = timedelta(minutes=5)
"""What Standard Webhooks, Stripe and Slack recommend."""


class StandardWebhooksVerification(Model):
    """Standard Webhooks 1.0, symmetric (`v1`): id, time and body are signed. Secrets `whsec_…`."""

    secrets: Secrets
    tolerance: Tolerance = FIVE_MINUTES


class GithubVerification(Model):
    """GitHub's `X-Hub-Signature-256`: the body is signed, the headers and the time are not."""

    secrets: Secrets


class StripeVerification(Model):
    """`Stripe-Signature`: time and body are signed."""

    secrets: Secrets
    tolerance: Tolerance = FIVE_MINUTES


class SlackVerification(Model):
    """`X-Slack-Signature` (v0): time and body are signed."""

    secrets: Secrets
    tolerance: Tolerance = FIVE_MINUTES


class HmacVerification(Model):
    """Any other HMAC over the body, perhaps with a time in a header of its own.

    `signed` is what the sender signs: `{timestamp}` (Unix seconds, from the header `timestamp`)
    and `{body}` are replaced. `prefix` stands before the signature in its header.
    """

    secrets: Secrets
    header: HeaderName
    algorithm: Literal["sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: Annotated[str, Field(max_length=50, strict=True)] = ""
    signed: Literal["{body}", "{timestamp}.{body}", "{timestamp}{body}", "{timestamp}:{body}"] = (
        "{body}"
    )
    timestamp: HeaderName | None = None
    tolerance: Tolerance = FIVE_MINUTES

    @model_validator(mode="after")
    def _time_is_signed(self) -> "HmacVerification":
        if (self.timestamp is None) == ("{timestamp}" in self.signed):
            raise PydanticCustomError(
                "signed_time",
                "`timestamp` names the header of a signed time: "
                "it goes together with `{timestamp}` in `signed`",
            )
        return self


class BearerVerification(Model):
    """A token that only the sender and we know: `Authorization: Bearer …`, or a header of its own.

    Proves who sends, not what: only over TLS.
    """

    secrets: Secrets
    header: HeaderName | None = None


class MtlsVerification(Model):
    """The subject of the client certificate that TLS was set up with, as RFC 4514 writes it."""

    subjects: Annotated[tuple[Text, ...], Field(min_length=1, max_length=20)]


class JwtVerification(Model):
    """A JSON Web Token in `Authorization: Bearer …`, signed by an issuer (OIDC, or a key of ours).

    Keys come from `jwks` (an address, read again when a key is unknown) or `keys` (PEM public keys,
    or for HS256 shared secrets of at least 32 bytes, by reference).
    """

    issuer: Text
    audience: Text
    algorithms: Annotated[
        tuple[Literal["RS256", "ES256", "EdDSA", "PS256", "HS256"], ...], Field(min_length=1)
    ] = ("RS256", "ES256")
    jwks: Annotated[str, Field(pattern=r"^https?://", max_length=2_000)] | None = None
    keys: Annotated[tuple[SecretRef, ...], Field(max_length=2)] = ()
    claims: dict[str, Text] = Field(default_factory=dict, max_length=20)
    """Further claims that must have exactly these values, like `sub`."""
    leeway: Annotated[Duration, Field(ge=timedelta(), le=timedelta(minutes=5))] = timedelta(
        seconds=30
    )

    @model_validator(mode="after")
    def _keys_suit(self) -> "JwtVerification":
        if bool(self.jwks) == bool(self.keys):
            raise PydanticCustomError("jwt_keys", "exactly one of jwks, keys must be given")
        if "HS256" in self.algorithms and (self.jwks or set(self.algorithms) != {"HS256"}):
            # Else a public key, which everybody has, might be taken for the shared secret.
            raise PydanticCustomError(
                "jwt_algorithms", "HS256 stands alone, and its shared secrets are named by `keys`"
            )
        return self


SigningVerification = (
    StandardWebhooksVerification
    | GithubVerification
    | StripeVerification
    | SlackVerification
    | HmacVerification
)
"""Those in which a shared secret signs the body."""
Proof = SigningVerification | BearerVerification | MtlsVerification | JwtVerification


class Verification(OneOf):
    """Exactly one way to prove it."""

    kinds: ClassVar[tuple[str, ...]] = (
        "standard_webhooks",
        "github",
        "stripe",
        "slack",
        "hmac",
        "bearer",
        "mtls",
        "jwt",
    )

    standard_webhooks_: StandardWebhooksVerification | None = Field(
        default=None, alias="standard_webhooks"
    )
    github_: GithubVerification | None = Field(default=None, alias="github")
    stripe_: StripeVerification | None = Field(default=None, alias="stripe")
    slack_: SlackVerification | None = Field(default=None, alias="slack")
    hmac_: HmacVerification | None = Field(default=None, alias="hmac")
    bearer_: BearerVerification | None = Field(default=None, alias="bearer")
    mtls_: MtlsVerification | None = Field(default=None, alias="mtls")
    jwt_: JwtVerification | None = Field(default=None, alias="jwt")

    @property
    def proof(self) -> Proof:
        """The one that is given."""
        proof: Proof = getattr(self, f"{self.given}_")
        return proof

"""Signed headers: which headers of a message nobody can change without the sender's secret.

In: the `verify:` of a source. Out: names of headers. Asked by `check_source`, because an id or a
type out of any other header is what the last one to touch the message says it is.
"""

from typing import Final

from activity_core.core.definition.verification import (
    HmacVerification,
    Proof,
    SlackVerification,
    StandardWebhooksVerification,
)

_STANDARD_WEBHOOKS: Final = frozenset(
    f"{prefix}-{part}" for prefix in ("webhook", "svix") for part in ("id", "timestamp")
)


def signed_headers(proof: Proof) -> frozenset[str]:
    """In lower case; empty for most ways, which sign the body alone, or nothing."""
    match proof:
        case StandardWebhooksVerification():
            return _STANDARD_WEBHOOKS
        case SlackVerification():
            return frozenset({"x-slack-request-timestamp"})
        case HmacVerification(timestamp=str(timestamp)):
            return frozenset({timestamp.lower()})
        case _:
            return frozenset()

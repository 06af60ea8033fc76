"""A message at the door, as it came: what is verified, decoded and mapped.

Made by the webhook API and by `services.intake`; read by `binding` and `core.admission`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Message:
    """Headers with lower-case names, and the very bytes of the body.

    Attributes:
        place: where it was sent to, for errors: `message 4 on events.shop`.
        default_id: the id of an event that has none and is not mapped; empty if there is no such.
        certificate: the subject of the client's certificate, if TLS checked one.
    """

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    place: str = ""
    default_id: str = ""
    certificate: str = ""

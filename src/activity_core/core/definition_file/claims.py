"""Claims: what only one source, or one event type, may have for itself.

In: a bundle, and the sources and types that stay beside it. Out: refusals that name both places.
A message in a topic, or an event by an API key, must have one source that answers for it; paused
and disabled ones count, because they may be resumed any time.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from activity_core.core.admission.subjects import subjects_overlap
from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition.event_type import EventType
from activity_core.core.definition_file.bundle import Bundle
from activity_core.core.errors import Issue
from activity_core.core.expression.template import Path

Claimant = EventSource | EventType


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that `owner` wants for itself, at a path of its file.

    `space` says what can be compared; `name` is compared there, as a subject if it is NATS'.
    """

    owner: Claimant
    path: Path
    space: str
    name: str

    def rivals(self, other: "Claim") -> bool:
        """Whether both want the same thing, or a part of it."""
        if self.space.startswith("stream"):
            return subjects_overlap(self.name, other.name)
        return self.name == other.name

    def __str__(self) -> str:
        return f"{self.space} `{self.name}`"


def rival_claims(
    bundle: Bundle, sources: Iterable[EventSource], event_types: Iterable[EventType]
) -> list[Issue]:
    """One refusal per claim of the bundle that meets an earlier one.

    Args:
        bundle: what is to be applied.
        sources: those in force; what the bundle replaces is passed over.
        event_types: likewise.
    """
    coming: Sequence[Claimant] = (*bundle.sources, *bundle.event_types)
    replaced = {(part.kind, part.id) for part in coming}
    there: Sequence[Claimant] = (*sources, *event_types)
    claimed: defaultdict[str, list[Claim]] = defaultdict(list)
    for part in there:
        if (part.kind, part.id) not in replaced:
            for claim in _claims(part):
                claimed[claim.space].append(claim)
    issues = []
    for part in coming:
        for claim in _claims(part):
            others = claimed[claim.space]
            rival = next((it for it in others if it.owner is not part and claim.rivals(it)), None)
            if rival is not None:
                issues.append(bundle.issue(part, claim.path, _told(bundle, claim, rival)))
            others.append(claim)
    return issues


def _told(bundle: Bundle, claim: Claim, rival: Claim) -> str:
    place = bundle.place(rival.owner) or "in the registry"
    what = str(claim) if claim.name == rival.name else f"{claim} overlaps `{rival.name}`, which"
    kind = rival.owner.kind.replace("_", " ")
    return f"{what} belongs to {kind} `{rival.owner.id}` already ({place})"


def _claims(part: Claimant) -> Iterator[Claim]:
    if isinstance(part, EventType):
        yield Claim(part, ("type",), "the type", part.type)
    elif part.api_ is not None:
        for at, key in enumerate(part.api_.keys):
            yield Claim(part, ("api", "keys", at), "API key", key)
    elif part.kafka_ is not None:
        for at, topic in enumerate(part.kafka_.topics):
            yield Claim(part, ("kafka", "topics", at), "topic", topic)
    elif part.rabbitmq_ is not None:
        yield Claim(part, ("rabbitmq", "queue"), "queue", part.rabbitmq_.queue)
    elif part.nats_ is not None:
        stream = f"stream `{part.nats_.stream}`, subject"
        for at, subject in enumerate(part.nats_.subjects):
            yield Claim(part, ("nats", "subjects", at), stream, subject)
        if not part.nats_.subjects:
            yield Claim(part, ("nats", "stream"), stream, ">")

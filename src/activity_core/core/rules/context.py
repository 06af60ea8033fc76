"""Context: what was known when a run decided.

In: the occurrence and the answers of the sources. Out: what the pure sources answer
(`local_context`) and the snapshot that is kept with the run, with its hash (`take_snapshot`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

from activity_core.core.definition.definition import SLOT_VARIABLES, ActivityDefinition
from activity_core.core.definition.lifecycle import CASE_VARIABLES
from activity_core.core.definition.source import ContextSourceConfig
from activity_core.core.errors import ExpressionError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.expression.condition import Bindings, compile_expression
from activity_core.core.expression.message import did_you_mean
from activity_core.core.jsontext import JsonValue, canonical_json
from activity_core.core.rules.occurrence import Occurrence
from activity_core.core.run.errors import ContextUnavailableError, LimitExceededError

MAX_SNAPSHOT_BYTES = 1_048_576
EVENT_SOURCE_VARIABLES = frozenset({"event", "events", "input", "config"}) | SLOT_VARIABLES
"""What a source of kind `event` sees."""


@dataclass(frozen=True, slots=True)
class ContextSnapshot:
    """`body` is the document as canonical JSON, `hash` its SHA-256 in hex."""

    document: dict[str, JsonValue]
    body: bytes
    hash: str


def take_snapshot(
    occurrence: Occurrence,
    run: Mapping[str, JsonValue],
    config: Mapping[str, JsonValue],
    context: Mapping[str, JsonValue],
    *,
    case: Mapping[str, JsonValue] | None = None,
    max_bytes: int = MAX_SNAPSHOT_BYTES,
) -> ContextSnapshot:
    """Everything that rules see, but events only by their source and id.

    Args:
        occurrence: what the run is for.
        run: its id, definition_id and version.
        config: the deployment's map.
        context: the answers of the sources by name.
        case: of ongoing definitions, `state` and `timer`.
        max_bytes: how long the body may be.

    Raises:
        LimitExceededError: it is longer, or nested too deeply.
        ContextUnavailableError: an answer holds what JSON cannot say.
    """
    event, several = occurrence.event, occurrence.events
    document: dict[str, JsonValue] = {
        "run": dict(run),
        "trigger": occurrence.trigger.value,
        "event": None if event is None else _named(event),
        **({"events": [_named(each) for each in several]} if len(several) > 1 else {}),
        **(occurrence.about_slot() if occurrence.scheduled_for else {"slot": None}),
        "input": occurrence.input,
        "config": dict(config),
        "context": dict(context),
        **(case or {}),
    }
    try:
        body = canonical_json(document)
    except RecursionError:
        raise LimitExceededError("the context is nested too deeply") from None
    except ValueError as error:
        raise ContextUnavailableError(f"the context cannot be said in JSON: {error}") from None
    if len(body) > max_bytes:
        raise LimitExceededError(
            f"the context has {len(body)} bytes, over the limit of {max_bytes}",
            hint=f"the largest source is {_largest(context)}: select less",
        )
    return ContextSnapshot(document, body, sha256(body).hexdigest())


def _named(event: EventEnvelope) -> JsonValue:
    return {"source": event.source, "id": event.id}


def recorded_values(
    occurrence: Occurrence, snapshot: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """What rules saw when they were decided, from the recorded document of `take_snapshot`."""
    run = cast("Mapping[str, JsonValue]", snapshot["run"])
    return {
        **occurrence.variables(),
        "context": snapshot["context"],
        "config": snapshot["config"],
        "run": {"id": run["id"], "definition_id": run["definition_id"]},
        **{name: snapshot[name] for name in CASE_VARIABLES if name in snapshot},
    }


def local_context(
    definition: ActivityDefinition, occurrence: Occurrence, config: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """The answers of the sources of kind `static`, `event` and `config`, by name.

    Raises:
        ContextUnavailableError: `config` has no such key.
        ExpressionError: an `event` expression fails on this occurrence.
    """
    pure = {
        name: source
        for name, source in definition.context.items()
        if source.kind in {"static", "event", "config"}
    }
    if not pure:
        return {}
    bindings = Bindings({**occurrence.variables(), "config": dict(config)})
    return {name: _answer(name, source, bindings, config) for name, source in pure.items()}


def _answer(
    name: str, source: ContextSourceConfig, bindings: Bindings, config: Mapping[str, JsonValue]
) -> JsonValue:
    if source.event_ is not None:
        try:
            program = compile_expression(source.event_, variables=EVENT_SOURCE_VARIABLES)
            return program.evaluate(bindings)
        except ExpressionError as error:
            error.subject = f"source {name}"
            raise
    if source.config_ is None:
        answer: JsonValue = source.static_
        return answer
    if source.config_ not in config:
        raise ContextUnavailableError(
            f"the deployment's config has no key {source.config_}",
            subject=f"source {name}",
            hint=did_you_mean(source.config_, config),
        )
    return config[source.config_]


def _largest(context: Mapping[str, JsonValue]) -> str:
    return max(context, key=lambda name: len(canonical_json(context[name])), default="the input")

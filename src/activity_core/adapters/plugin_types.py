"""What a plug-in takes and gives, by its annotations.

In: JSON of a definition. Out: arguments as the function wants them, and its result as JSON. What
its author left without annotation is passed on as it is.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError

from activity_core.core.errors import ConfigurationError
from activity_core.core.jsontext import JsonValue, canonical_json
from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.task_outputs import UNSERIALISABLE, storable

Plugin = Callable[..., Any]
INVALID_INPUT = "invalid_input"
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Signature:
    """`takes` and `gives` are None where nothing is said; `wants_more`: a second argument, too."""

    takes: TypeAdapter[Any] | None
    gives: TypeAdapter[Any] | None
    wants_more: bool
    is_async: bool

    def arguments(self, args: JsonValue, subject: str) -> object:
        """The first argument.

        Raises:
            TaskFailedError: of type `invalid_input`: it does not fit, and where.
        """
        if self.takes is None:
            return args
        try:
            return self.takes.validate_json(canonical_json(args))
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, ('args', *each['loc'])))}: {each['msg']}"
                for each in error.errors(include_input=False, include_url=False)
            )
            raise TaskFailedError(
                wrong, subject=subject, type=INVALID_INPUT, retryable=False
            ) from None

    def result(self, value: object, subject: str) -> JsonValue:
        """The result as it is stored.

        Raises:
            TaskFailedError: of type `unserialisable` or `too_large`.
        """
        if self.gives is None:
            return storable(value, subject)
        try:
            dumped = self.gives.dump_python(value, mode="json", by_alias=True, warnings="error")
        except (PydanticSerializationError, ValueError, RecursionError) as error:
            raise TaskFailedError(
                f"its result is not what it is annotated to be: {str(error)[:300]}",
                subject=subject,
                type=UNSERIALISABLE,
                retryable=False,
            ) from None
        return storable(dumped, subject)


@lru_cache(maxsize=1_024)
def signature_of(plugin: Plugin) -> Signature:
    """What its author says about a plug-in.

    Raises:
        ConfigurationError: it takes nothing, or an annotation means nothing.
    """
    function = plugin if inspect.isroutine(plugin) else type(plugin).__call__
    try:
        parameters = list(inspect.signature(plugin).parameters.values())
        hints = get_type_hints(function, include_extras=True)
        places = [each for each in parameters if each.kind in _POSITIONAL]
        if not places:
            raise TypeError("it takes no arguments")
        return Signature(
            takes=_adapter(hints, places[0].name),
            gives=_adapter(hints, "return"),
            wants_more=len(places) > 1,
            is_async=any(map(inspect.iscoroutinefunction, (plugin, function))),
        )
    except (NameError, TypeError, ValueError, PydanticUserError) as error:
        raise ConfigurationError(
            f"the plug-in cannot be called: {error}",
            hint="it takes (args) or (args, task), with annotations that pydantic knows",
        ) from None


def _adapter(hints: dict[str, Any], name: str) -> TypeAdapter[Any] | None:
    hint = hints.get(name, Any)
    return None if hint is Any else TypeAdapter(hint)

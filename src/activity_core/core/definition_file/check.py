"""The definition check: what a well-formed definition still gets wrong, before it is published.

In: a definition, and what its deployment has (connections, config). Out: every place with a
mistake, as a key path in YAML's spelling and a sentence. Nothing is evaluated: expressions and
templates are compiled with the variables that they will see.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from activity_core.core.definition.connection import Connection
from activity_core.core.definition.definition import RESERVED_NAMES, ActivityDefinition, Rule
from activity_core.core.definition.source import ContextSourceConfig
from activity_core.core.definition_file import trigger_expressions
from activity_core.core.errors import ExpressionError
from activity_core.core.expression.checked import checked_expression
from activity_core.core.expression.message import did_you_mean
from activity_core.core.expression.sql_binds import bind
from activity_core.core.expression.template import CEL_STRING, Path, parse_template
from activity_core.core.jsontext import JsonValue
from activity_core.core.matching.match_index import EVENT_VARIABLES
from activity_core.core.rules.context import EVENT_SOURCE_VARIABLES
from activity_core.core.rules.task_words import templated

Issues = Iterator[tuple[Path, str]]

SOURCE_VARIABLES = RESERVED_NAMES - {"context"}
"""What templates and params of sources see."""

_ALWAYS_BOUND = frozenset({"slot", "gap_start", "gap_end", "event_id", "run_id"})
_MEMBERS_OF_RUN = frozenset({"id", "definition_id"})
_MEMBER = re.compile(r"(?<![\w.\]])(context|config|run)\.([A-Za-z_]\w*)")


def check_definition(
    definition: ActivityDefinition,
    connections: Mapping[str, Connection] | None = None,
    config: Collection[str] | None = None,
) -> list[tuple[Path, str]]:
    """Everything wrong, in the order of the keys.

    Args:
        definition: a valid model.
        connections: by id; None: not known here, so not checked.
        config: keys of the deployment's map; None: not known here, so not checked.
    """
    return list(_Check(definition, connections, config).issues())


@dataclass(frozen=True, slots=True)
class _Check:
    definition: ActivityDefinition
    connections: Mapping[str, Connection] | None
    config: Collection[str] | None

    def issues(self) -> Issues:
        for here, text in trigger_expressions.filters(self.definition.trigger):
            yield from self._condition(here, text, EVENT_VARIABLES)
        for here, text in trigger_expressions.keys(self.definition.trigger):
            yield from self._expression(here, text, EVENT_VARIABLES)
        for name, source in self.definition.context.items():
            yield from self._source(("context", name, source.kind), source)
        for index, rule in enumerate(self.definition.rules):
            yield from self._rule(("rules", index), rule)

    def _source(self, here: Path, source: ContextSourceConfig) -> Issues:
        if source.event_ is not None:
            yield from self._expression(here, source.event_, EVENT_SOURCE_VARIABLES)
        elif source.config_ is not None:
            yield from self._known_key(here, source.config_)
        elif sql := source.sql_:
            yield from self._connection((*here, "connection"), sql.connection, "sql")
            for name, text in sql.params.items():
                yield from self._expression((*here, "params", name), text, SOURCE_VARIABLES)
            known = _ALWAYS_BOUND | sql.params.keys()
            for name in bind(sql.query).names:
                if name not in known:
                    hint = did_you_mean(name, known)
                    yield (*here, "query"), f"unknown bind parameter :{name} ({hint})"
        elif http := source.http_:
            yield from self._connection((*here, "connection"), http.connection, "http")
            words = {"url": http.url, "headers": dict(http.headers), "json": http.json_}
            yield from self._template(here, words, SOURCE_VARIABLES)
        elif python := source.python_:
            yield from self._template((*here, "args"), python.args, SOURCE_VARIABLES)

    def _rule(self, here: Path, rule: Rule) -> Issues:
        if rule.for_each is not None:
            yield from self._expression(
                (*here, "for_each"), rule.for_each, RESERVED_NAMES, "a list", ("LIST", "DYN")
            )
        variables = RESERVED_NAMES | ({rule.as_} if rule.as_ else set())
        yield from self._condition((*here, "when"), rule.when, variables)
        for index, task in enumerate(rule.tasks):
            place: Path = (*here, "tasks", index)
            if task.when is not None:
                yield from self._condition((*place, "when"), task.when, variables)
            yield from self._template(place, templated(task), variables)
            if task.http_:
                yield from self._connection(
                    (*place, "http", "connection"), task.http_.connection, "http"
                )

    def _condition(self, here: Path, text: str, variables: frozenset[str]) -> Issues:
        yield from self._expression(here, text, variables, "true or false", ("BOOL", "DYN"))

    def _expression(
        self,
        here: Path,
        text: str,
        variables: frozenset[str],
        must: str = "",
        types: tuple[str, ...] = ("",),
    ) -> Issues:
        try:
            program = checked_expression(text, variables=variables)
        except ExpressionError as error:
            yield here, str(error)
            return
        if not program.result_type.startswith(types):
            yield here, f"must be {must}, is {program.result_type.lower()}"
        for match in _MEMBER.finditer(CEL_STRING.sub("''", text)):
            known = self._members(match[1])
            if known is not None and match[2] not in known:
                yield (
                    here,
                    f"unknown {match[0]} ({did_you_mean(match[2], known) or 'none is known'})",
                )

    def _members(self, of: str) -> Collection[str] | None:
        match of:
            case "context":
                return self.definition.context.keys()
            case "run":
                return _MEMBERS_OF_RUN
            case _:
                return self.config

    def _template(self, here: Path, words: JsonValue, variables: frozenset[str]) -> Issues:
        try:
            placeholders, _ = parse_template(words)
        except ExpressionError as error:
            yield here, str(error)
            return
        for placeholder in placeholders:
            yield from self._expression((*here, *placeholder.path), placeholder.text, variables)

    def _known_key(self, here: Path, key: str) -> Issues:
        if self.config is not None and key not in self.config:
            hint = did_you_mean(key, self.config) or "it is empty"
            yield here, f"the deployment's config has no key {key} ({hint})"

    def _connection(self, here: Path, name: str | None, kind: str) -> Issues:
        if name is None or self.connections is None:
            return
        known = [id_ for id_, item in self.connections.items() if getattr(item, f"{kind}_")]
        if name in known:
            return
        if name in self.connections:
            yield here, f"connection {name} is no {kind} connection"
        else:
            yield here, f"no connection {name} ({did_you_mean(name, known) or 'there is none'})"

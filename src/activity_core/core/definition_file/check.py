"""The definition check: what a well-formed definition still gets wrong, before it is published.

In: a definition, and what its deployment has. Out: every place with a mistake, as a key path in
YAML's spelling and a sentence. Nothing is evaluated: expressions and templates are compiled with
the variables that they will see. Tasks are judged by `check_task`, lifecycles by `check_case`.
"""

from dataclasses import dataclass

from activity_core.core.definition.definition import RESERVED_NAMES, ActivityDefinition, Rule
from activity_core.core.definition.source import ContextSourceConfig
from activity_core.core.definition_file import trigger_expressions
from activity_core.core.definition_file.check_case import case_issues
from activity_core.core.definition_file.check_task import TaskCheck
from activity_core.core.definition_file.check_work import connection_issues, plugin_issues
from activity_core.core.definition_file.expressions import Expressions, Issues
from activity_core.core.definition_file.known import Known
from activity_core.core.expression.message import did_you_mean
from activity_core.core.expression.sql_binds import bind
from activity_core.core.expression.template import Path
from activity_core.core.matching.match_index import EVENT_VARIABLES
from activity_core.core.rules.context import EVENT_SOURCE_VARIABLES
from activity_core.core.rules.late import NOTICE_VARIABLES, TASKS

SOURCE_VARIABLES = RESERVED_NAMES - {"context"}
"""What templates and params of sources see."""

_ALWAYS_BOUND = frozenset({"slot", "gap_start", "gap_end", "event_id", "run_id"})


def check_definition(
    definition: ActivityDefinition, known: Known | None = None
) -> list[tuple[Path, str]]:
    """Everything wrong, in the order of the keys.

    Args:
        definition: a valid model.
        known: what its deployment has, with what is applied together with it; None: not known
            here, so not checked.
    """
    config = known.config if known else None
    expressions = Expressions(definition.context.keys(), config)
    return list(_Check(definition, known, expressions).issues())


@dataclass(frozen=True, slots=True)
class _Check:
    definition: ActivityDefinition
    known: Known | None
    expressions: Expressions

    def issues(self) -> Issues:
        yield from case_issues(self.definition, self.expressions)
        for here, text in trigger_expressions.filters(self.definition.trigger):
            yield from self.expressions.condition(here, text, EVENT_VARIABLES)
        for here, text in trigger_expressions.keys(self.definition.trigger):
            yield from self.expressions.expression(here, text, EVENT_VARIABLES)
        for name, source in self.definition.context.items():
            yield from self._source(("context", name, source.kind), source)
        for index, rule in enumerate(self.definition.rules):
            yield from self._rule(("rules", index), rule)

    def _source(self, here: Path, source: ContextSourceConfig) -> Issues:
        check = self.expressions
        if source.event_ is not None:
            yield from check.expression(here, source.event_, EVENT_SOURCE_VARIABLES)
        elif source.config_ is not None:
            yield from check.known_key(here, source.config_)
        elif sql := source.sql_:
            yield from connection_issues((*here, "connection"), sql.connection, "sql", self.known)
            for name, text in sql.params.items():
                yield from check.expression((*here, "params", name), text, SOURCE_VARIABLES)
            known = _ALWAYS_BOUND | sql.params.keys()
            for name in bind(sql.query).names:
                if name not in known:
                    hint = did_you_mean(name, known)
                    yield (*here, "query"), f"unknown bind parameter :{name} ({hint})"
        elif http := source.http_:
            yield from connection_issues((*here, "connection"), http.connection, "http", self.known)
            words = {"url": http.url, "headers": dict(http.headers), "json": http.json_}
            yield from check.template(here, words, SOURCE_VARIABLES)
        elif python := source.python_:
            plugins = self.known.installation.source_plugins if self.known else None
            yield from plugin_issues((*here, "plugin"), python.plugin, plugins)
            yield from check.template((*here, "args"), python.args, SOURCE_VARIABLES)

    def _rule(self, here: Path, rule: Rule) -> Issues:
        variables = self.definition.variables
        if rule.for_each is not None:
            yield from self.expressions.expression(
                (*here, "for_each"), rule.for_each, variables, "a list", ("LIST", "DYN")
            )
        if rule.as_:
            if rule.as_ in self._taken(rule):
                yield (*here, "as"), f"`{rule.as_}` is a reserved name here"
            variables |= {rule.as_}
        yield from self.expressions.condition((*here, "when"), rule.when, variables)
        check = TaskCheck(self.definition, rule, self.expressions, self.known)
        for index, task in enumerate(rule.tasks):
            yield from check.issues((*here, "tasks", index), task)

    def _taken(self, rule: Rule) -> frozenset[str]:
        """Variables that an item would hide."""
        notifies = any(task.human_ and task.human_.notify for task in rule.tasks)
        return self.definition.variables | {TASKS} | (NOTICE_VARIABLES if notifies else set())

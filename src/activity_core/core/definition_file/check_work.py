"""The check of work: what a task, its compensation or a notification asks of a machine.

Part of the `check` of a definition. In: one piece of work and what the installation has. Out: what
is wrong with it, at its key path.
"""

from collections.abc import Collection
from dataclasses import dataclass

from activity_core.core.definition.work import HttpTask, SqlTask, Work
from activity_core.core.definition_file.expressions import Expressions, Issues
from activity_core.core.definition_file.known import Known
from activity_core.core.expression.message import did_you_mean
from activity_core.core.expression.sql_binds import bind
from activity_core.core.expression.template import Path
from activity_core.core.rules.task_words import callback_variables, templated

_RESPONSE = frozenset({"response"})
_ALWAYS_BOUND = frozenset({"task_id", "run_id"})
"""Bound in every statement of a task."""
_NOT_OF_WORKFLOWS = frozenset({"schedule_to_start", "heartbeat"})
_CONNECTIONS = {"http": "http", "sql": "sql", "mail": "smtp"}


@dataclass(frozen=True, slots=True)
class WorkCheck:
    """`known`: what the installation has; None: not known here, so not checked."""

    expressions: Expressions
    known: Known | None

    def issues(self, here: Path, work: Work, variables: frozenset[str]) -> Issues:
        """Everything wrong with a piece of work whose words see `variables`."""
        words = templated(work)
        yield from self.expressions.template(here, words, variables | callback_variables(work))
        if (kind := _CONNECTIONS.get(work.kind)) is not None:
            place: Path = (*here, work.kind, "connection")
            yield from connection_issues(place, work.connection, kind, self.known)
        if work.http_ is not None:
            yield from self._http((*here, "http"), work.http_)
        elif work.sql_ is not None:
            yield from self._sql((*here, "sql"), work.sql_, variables)
        elif work.python_ is not None and work.queue is None:
            # Workers of another queue have plug-ins of their own.
            plugins = self.known.installation.plugins if self.known else None
            yield from plugin_issues((*here, "python", "plugin"), work.python_.plugin, plugins)
        yield from self._queue(here, work)
        if work.workflow_ is not None:
            for key in sorted(_NOT_OF_WORKFLOWS & work.timeout.model_fields_set):
                yield (
                    (*here, "timeout", key),
                    "Temporal has none for child workflows; `schedule_to_close` bounds them",
                )

    def _http(self, here: Path, http: HttpTask) -> Issues:
        for name, text in (("success", http.success), ("retry_when", http.retry_when)):
            if text is not None:
                yield from self.expressions.condition((*here, name), text, _RESPONSE)
        if http.outputs is not None:
            yield from self.expressions.expression((*here, "outputs"), http.outputs, _RESPONSE)
        if http.callback and self.known and not self.known.installation.callbacks:
            yield (
                (*here, "callback"),
                "nobody can call back: the settings `callback_key` and `public_url` are not set",
            )

    def _sql(self, here: Path, sql: SqlTask, variables: frozenset[str]) -> Issues:
        for name, text in sql.params.items():
            place: Path = (*here, "params", name)
            if name in _ALWAYS_BOUND:
                yield place, f":{name} is bound already"
            yield from self.expressions.expression(place, text, variables)
        if "${" in sql.statement:
            yield (*here, "statement"), "`${…}` is not replaced here: use `params` and `:name`"
        known = _ALWAYS_BOUND | sql.params.keys()
        for name in bind(sql.statement).names:
            if name not in known:
                hint = did_you_mean(name, known)
                yield (*here, "statement"), f"unknown bind parameter :{name} ({hint})"
        found = self.known.connections.get(sql.connection) if self.known else None
        if found is not None and found.sql_ is not None and not found.sql_.write:
            yield (
                (*here, "connection"),
                f"connection {sql.connection} is read-only: it does not say `write: true`",
            )

    def _queue(self, here: Path, work: Work) -> Issues:
        if work.queue is None:
            if work.activity_ or work.workflow_:
                yield (*here, work.kind), "the key `queue` is missing: whose worker has it?"
            return
        queues = self.known.installation.queues if self.known else None
        if queues is not None and work.queue not in queues:
            hint = did_you_mean(work.queue, queues) or "there is none"
            yield (*here, "queue"), f"no task queue {work.queue} ({hint})"


def connection_issues(here: Path, name: str | None, kind: str, known: Known | None) -> Issues:
    """A connection must be there, and of a kind."""
    if name is None or known is None:
        return
    fitting = [id_ for id_, item in known.connections.items() if item.given == kind]
    if name in fitting:
        return
    if name in known.connections:
        yield here, f"connection {name} is no {kind} connection"
    else:
        yield here, f"no connection {name} ({did_you_mean(name, fitting) or 'there is none'})"


def plugin_issues(here: Path, name: str, installed: Collection[str] | None) -> Issues:
    """A plug-in must be installed; None: it is not known what is."""
    if installed is not None and name not in installed:
        hint = did_you_mean(name, installed) or "there is none"
        yield here, f"no plug-in {name} is installed ({hint})"

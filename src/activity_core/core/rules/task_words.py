"""The words of tasks: which parts of a piece of work hold expressions, and what they become.

In: templates, compensations and notifications. Out: structures with placeholders (`parse_words`),
and of the rendered ones inputs and a title that fits its column. Used at decision time for many
items at once (`plan`, `task_rendering`) and later for one (`late`).
"""

from collections.abc import Sequence
from typing import Any

from activity_core.core.definition.human_task import HumanTask
from activity_core.core.definition.task_template import TaskTemplate
from activity_core.core.definition.work import HttpTask, Work
from activity_core.core.expression.condition import without_nul
from activity_core.core.expression.template import Build, Placeholder, as_text, parse_template
from activity_core.core.jsontext import JsonValue, canonical_json
from activity_core.core.rules.human_words import human_inputs, human_words

MAX_TITLE = 500
CALLBACK = {"callback_url": "${callback_url}"}
"""The variable of http tasks with `callback`: it stays in place until a request is made."""


def templated(work: Work) -> dict[str, Any]:
    """The parts of a piece of work that may hold `${…}`, under the names that they have in YAML."""
    if (human := _human(work)) is not None:
        words = {"human": human_words(human)}
    elif http := work.http_:
        words = {"http": _of_http(http)}
    elif mail := work.mail_:
        words = {"mail": {"to": list(mail.to), "subject": mail.subject, "text": mail.text}}
    elif emit := work.emit_:
        words = {"emit": {"subject": emit.subject, "data": emit.data}}
    elif python := work.python_:
        words = {"python": {"args": python.args}}
    elif called := work.activity_ or work.workflow_:
        words = {work.kind: {"args": list(called.args)}}
    else:
        words = {work.kind: {}}
    title = work.title if isinstance(work, TaskTemplate) else None
    return {"title": title, **words} if title else words


def parse_words(work: Work) -> tuple[tuple[Placeholder, ...], Build]:
    """Its expressions, and what makes its words of their results; `params` of sql are expressions.

    Raises:
        ExpressionError: a `${` that is never closed.
    """
    placeholders, build = parse_template(templated(work))
    params = work.sql_.params if work.sql_ else {}
    if not params:
        return placeholders, build
    own = len(placeholders)

    def with_params(results: Sequence[JsonValue]) -> JsonValue:
        words: Any = build(results[:own])
        return {**words, "sql": {"params": dict(zip(params, results[own:], strict=True))}}

    more = (Placeholder(("sql", "params", name), text) for name, text in params.items())
    return (*placeholders, *more), with_params


def callback_variables(work: Work) -> frozenset[str]:
    """What the words of an http task with `callback` see besides all else."""
    has_callback = work.http_ is not None and work.http_.callback is not None
    return frozenset(CALLBACK) if has_callback else frozenset()


def inputs_of(work: Work, words: Any) -> dict[str, JsonValue]:  # noqa: PLR0911 - one per kind
    """What its performer gets, see `TaskSpec`; `words` are its rendered words."""
    part = words[work.kind]
    if (human := _human(work)) is not None:
        return human_inputs(human, part)
    if http := work.http_:
        return _http_inputs(http, part)
    if python := work.python_:
        return {"plugin": python.plugin, "args": part["args"]}
    if called := work.activity_:
        return {"type": called.type, "args": part["args"]}
    if child := work.workflow_:
        return {"type": child.type, "args": part["args"], "parent_close": child.parent_close}
    if sql := work.sql_:
        params = part.get("params", {})
        return {"connection": sql.connection, "statement": sql.statement, "params": params}
    if emit := work.emit_:
        subject = as_text(part["subject"]) or None
        return {"type": emit.type, "subject": subject, "data": part["data"]}
    return {
        "connection": work.connection,
        "to": [as_text(address) for address in part["to"]],
        "subject": as_text(part["subject"]),
        "text": as_text(part["text"]),
    }


def storable(inputs: dict[str, JsonValue]) -> tuple[dict[str, JsonValue], int]:
    """The inputs without U+0000, and how long they are as JSON."""
    body = canonical_json(inputs)
    return (without_nul(inputs) if rb"\u0000" in body else inputs), len(body)


def title_of(words: Any, inputs: dict[str, JsonValue], otherwise: str) -> str:
    """What people see of it in lists: one line that fits its column."""
    title = as_text(words.get("title") or inputs.get("title") or otherwise)
    title = title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1] + "…"
    return title.replace("\x00", "\ufffd")


def _human(work: Work) -> HumanTask | None:
    return work.human_ if isinstance(work, TaskTemplate) else None


def _of_http(http: HttpTask) -> dict[str, Any]:
    return {
        "url": http.url,
        "headers": dict(http.headers),
        "json": http.json_,
        "form": None if http.form is None else dict(http.form),
    }


def _http_inputs(http: HttpTask, part: Any) -> dict[str, JsonValue]:
    form = part["form"]
    return {
        "connection": http.connection,
        "method": http.method,
        "url": as_text(part["url"]),
        "headers": {name: as_text(value) for name, value in part["headers"].items()},
        "json": part["json"],
        "form": None if form is None else {name: as_text(value) for name, value in form.items()},
        "success": http.success,
        "retry_when": http.retry_when,
        "outputs": http.outputs,
        "callback": http.callback.model_dump(mode="json") if http.callback else None,
    }

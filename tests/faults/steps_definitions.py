"""A definition whose runs take every step that there is, and what must become of its tasks.

In every run: remote context, a chain of all kinds of tasks, more groups than a window has, a saga
that fails. In the first one also a saga that cannot be undone, and a task that cannot start.
"""

from collections.abc import Mapping
from pathlib import Path

ID, QUEUE, TYPE = "every-step", "faults-own", "steps.begun"
FIRST_TWO = (0, 1)
MANY = 10
"""Groups of one task each: more than two small windows."""

PATIENT = "retry: {max_attempts: 50, backoff: 100ms..200ms}, timeout: 3s"
ONCE = "retry: {max_attempts: 1}"

TEXT = """
kind: connection
id: effects
sql: {url: "env:ACTIVITY_CORE_DATABASE_URL", write: true}
---
id: every-step
trigger: {event: {type: steps.begun}}
context:
  fact: {http: {connection: world, url: /fact}, PATIENT}
rules:
  - id: chain
    tasks:
      - {id: ask, http: {connection: world, url: "/steps/ask/${event.data.n}"}, PATIENT}
      - id: late
        needs: [ask]
        http: {connection: world, url: "/steps/late/${event.data.n}", json: {said: "${tasks.ask.outputs.body.said}"}}
        PATIENT
      - {id: unwanted, needs: [ask], when: "tasks.ask.outputs.body.said == 0", emit: {type: steps.never}}
      - {id: note, needs: [late, unwanted], python: {plugin: note, args: {file: "FILE"}}, PATIENT}
      - id: store
        needs: [late]
        sql: {connection: effects, statement: "insert into steps_effects values (:task_id)"}
        PATIENT
      - {id: say, needs: [late], emit: {type: steps.said}, PATIENT}
      - {id: charge, needs: [late], activity: {type: charge, args: ["${event.data.n}"]}, queue: faults-own, PATIENT}
      - {id: child, needs: [late], workflow: {type: Child, args: ["${event.data.n}"]}, queue: faults-own, PATIENT}
      - id: wait
        needs: [late]
        http: {connection: world, url: "/steps/wait/${event.data.n}", json: {tell: "${callback_url}"}, callback: {within: 10m}}
        PATIENT
      - id: agree
        needs: [note, store, say, charge, child, wait]
        human:
          title: Agree
          wait: true
          notify: [{on: [created, completed], http: {connection: world, url: "/steps/notify/${event.data.n}/${notice}"}, PATIENT}]
      - {id: inform, needs: [agree], human: {title: "It was ${tasks.agree.outcome}"}}
  - id: many
    for_each: "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
    as: x
    tasks: [{id: each, http: {connection: world, url: "/steps/each/${event.data.n}/${x}"}, PATIENT}]
  - id: saga
    tasks:
      - id: order
        http: {connection: world, url: "/steps/order/${event.data.n}"}
        PATIENT
        compensate: {http: {connection: world, url: "/steps/undo-order/${event.data.n}"}, PATIENT}
      - id: pay
        needs: [order]
        http: {connection: world, url: "/steps/pay/${event.data.n}"}
        PATIENT
        compensate: {http: {connection: world, url: "/steps/undo-pay/${event.data.n}"}, PATIENT}
      - {id: send, needs: [pay], http: {connection: world, url: /steps/refuse}, PATIENT}
      - {id: thank, needs: [send], emit: {type: steps.never}}
  - id: helpless
    when: event.data.n < 2
    tasks:
      - id: take
        http: {connection: world, url: /steps/take}
        PATIENT
        compensate: {http: {connection: world, url: /steps/refuse}, PATIENT}
      - {id: give, needs: [take], http: {connection: world, url: /steps/refuse}, PATIENT}
  - id: blocked
    when: event.data.n < 2
    tasks:
      - {id: first, http: {connection: world, url: /steps/refuse}, on_failure: fail, PATIENT}
      - {id: second, needs: [first], emit: {type: steps.never}}
      - {id: third, needs: [second], join: all_done, emit: {type: steps.cleaned}}
"""  # noqa: E501 - readable as YAML

CHAIN = {
    **dict.fromkeys(
        ("ask", "late", "note", "store", "say", "charge", "child", "wait", "agree"), "completed"
    ),
    "unwanted": "skipped",
    "inform": "ready",
    "agree/notify/0/created-0": "completed",
    "agree/notify/0/completed-1": "completed",
}
SAGA = {
    "order": "compensated",
    "pay": "compensated",
    "send": "failed",
    "thank": "cancelled",
    "order/compensate": "completed",
    "pay/compensate": "completed",
}
FIRST = {
    "helpless": {
        "take": "completed",
        "give": "failed",
        "take/compensate": "failed",
        "take/compensate/help": "ready",
    },
    "blocked": {"first": "failed", "second": "skipped", "third": "completed"},
}
WORLD = {
    **{
        f"/steps/{path}/{{n}}": ("chain", spec)
        for path, spec in {"ask": "ask", "late": "late", "wait": "wait"}.items()
    },
    "/steps/notify/{n}/created": ("chain", "agree/notify/0/created-0"),
    "/steps/notify/{n}/completed": ("chain", "agree/notify/0/completed-1"),
    "/steps/order/{n}": ("saga", "order"),
    "/steps/pay/{n}": ("saga", "pay"),
    "/steps/undo-order/{n}": ("saga", "order/compensate"),
    "/steps/undo-pay/{n}": ("saga", "pay/compensate"),
}
"""Which task asks for which path."""


def text(file: Path) -> str:
    """The definition; its plug-in notes what it does in `file`."""
    return _spelled(TEXT.replace("FILE", str(file)))


def expected(n: int) -> Mapping[tuple[str, str, int], str]:
    """By rule, spec and item, how each task of the run of event `n` must end."""
    rules = {"chain": CHAIN, "saga": SAGA, **(FIRST if n in FIRST_TWO else {})}
    ends = {(rule, spec, 0): end for rule, specs in rules.items() for spec, end in specs.items()}
    return ends | {("many", "each", item): "completed" for item in range(MANY)}


def _spelled(text: str) -> str:
    """Policies as a flow mapping takes them, or as a block does."""
    lines = []
    for line in text.splitlines():
        if line.strip() == "PATIENT":
            indent = line[: line.index("P")]
            lines += [
                indent + each for each in PATIENT.replace(", timeout", "\ntimeout").split("\n")
            ]
        else:
            lines.append(line.replace("PATIENT", PATIENT))
    return "\n".join(lines)

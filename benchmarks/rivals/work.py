"""The work that every rival does: one row for a task, one event about it, both durable.

In: an order, as JSON. Out: a row in PostgreSQL, committed; then a message on a NATS stream,
confirmed. Doing it again changes nothing. Nothing of ours is imported: this runs beside the rivals.
"""

import json
from dataclasses import dataclass
from typing import Any

import nats
from nats.js import JetStreamContext

SUBJECT = "rivals.task.created"
TABLE = """
create table rival_tasks (
    order_id text primary key, title text not null, inputs json not null,
    created_at timestamptz not null default now()
)
"""
RECORD = """
insert into rival_tasks (order_id, title, inputs) values (%(order_id)s, %(title)s, %(inputs)s)
on conflict do nothing
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rival works: URLs of a database of its own, of NATS and of Redis."""

    database: str
    nats: str
    redis: str


def row(order: dict[str, Any]) -> dict[str, str]:
    """Values of `RECORD`."""
    title = f"Check order {order['order_id']}"
    return {"order_id": order["order_id"], "title": title, "inputs": json.dumps(order)}


def event(order: dict[str, Any]) -> bytes:
    """A CloudEvent like ours."""
    id_ = order["order_id"]
    data = {"task_id": id_, "title": f"Check order {id_}", "kind": "human", "status": "ready"}
    head = {"specversion": "1.0", "id": id_, "source": "/rival", "type": SUBJECT, "subject": id_}
    return json.dumps(head | {"datacontenttype": "application/json", "data": data}).encode()


async def stream(url: str) -> JetStreamContext:
    """A connection that publishes for as long as the process lives."""
    return (await nats.connect(url)).jetstream()


async def publish(to: JetStreamContext, order: dict[str, Any]) -> None:
    """Returns once the stream has it."""
    await to.publish(SUBJECT, event(order), headers={"Nats-Msg-Id": order["order_id"]})

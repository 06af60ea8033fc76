"""Celery over Redis: two worker processes, late acknowledgement, as much prefetched as by default.

The program hands out orders; `celery worker` is its child, and imports this module for `app`.
"""

import asyncio
import os
import sys
from dataclasses import asdict
from functools import cache
from typing import Any

import psycopg
from celery import Celery
from nats.js import JetStreamContext

from benchmarks.rivals.orders import requests
from benchmarks.rivals.work import RECORD, Place, publish, row, stream

PROCESSES = 2

app = Celery("rival", broker=os.environ.get("RIVAL_REDIS"))
app.conf.task_ignore_result = True
app.conf.task_acks_late = True
app.conf.task_reject_on_worker_lost = True
app.conf.worker_hijack_root_logger = False


@cache
def _connection() -> psycopg.Connection:
    return psycopg.connect(os.environ["RIVAL_DATABASE"], autocommit=True)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


@cache
def _stream() -> JetStreamContext:
    return _loop().run_until_complete(stream(os.environ["RIVAL_NATS"]))


@app.task(name="check")
def check(order: dict[str, Any]) -> None:
    """One order."""
    _connection().execute(RECORD, row(order))
    _loop().run_until_complete(publish(_stream(), order))


def _environment(at: Place) -> dict[str, str]:
    return {f"RIVAL_{name.upper()}": value for name, value in asdict(at).items()}


async def main(at: Place) -> None:
    """Hand out orders and do them, until there are no more."""
    app.conf.broker_url = at.redis
    command = (
        *(sys.executable, "-m", "celery", "--app", "benchmarks.rivals.celery_rival", "worker"),
        *("--concurrency", str(PROCESSES), "--loglevel", "error", "--without-gossip"),
        *("--without-mingle", "--without-heartbeat"),
    )
    worker = await asyncio.create_subprocess_exec(*command, env=os.environ | _environment(at))
    try:
        while not await asyncio.to_thread(app.control.ping, timeout=0.5):
            pass  # it waits for answers that long by itself
        async for orders in requests():
            with app.producer_or_acquire() as producer:
                for order in orders:
                    check.apply_async([order], producer=producer)
    finally:
        worker.terminate()
        await worker.wait()

"""Derived ids: the same thing always gets the same id, different things never share one.

Every part goes into the hash with its length before it, so (`invoice`, `paid-7`) and
(`invoice-paid`, `7`) stay apart. Used wherever a retry must find the same row or workflow again.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256

from activity_core.core.errors import BadInputError

REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ENDS_WITH_A_SLOT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
SCHEDULE_PREFIX = "activity-schedule-"
_SHARED = "shared-"
_LOOKS_LIKE_A_RETRY = re.compile(r"-r\d+$")


def digest(*parts: str | bytes) -> bytes:
    """SHA-256 over the length-prefixed parts (32 bytes)."""
    state = sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        state.update(len(raw).to_bytes(8, "big"))
        state.update(raw)
    return state.digest()


def _hex(*parts: str) -> str:
    return digest(*parts).hex()[:32]


def event_key(tenant: str, source: str, event_id: str) -> bytes:
    """What identifies an event in the store: 32 bytes over tenant, source and id."""
    return digest("event", tenant, source, event_id)


def occurrence_of_event(source: str, event_id: str) -> str:
    """`e.` + 32 hex: one event."""
    return "e." + _hex("event", source, event_id)


def occurrence_of_dedupe_key(key: str) -> str:
    """`e.` + 32 hex: all events that a definition's `dedupe_key` calls the same."""
    return "e." + _hex("dedupe", key)


def occurrence_of_members(event_keys: Iterable[str]) -> str:
    """`c.` + 32 hex: several events together, in their order, however they were brought."""
    return "c." + _hex("members", *event_keys)


def occurrence_of_slot(slot: datetime) -> str:
    """The nominal time in UTC as Temporal appends it: `2026-11-21T09:00:00Z`."""
    return slot.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def slot_of_occurrence(key: str) -> datetime:
    """The reverse of `occurrence_of_slot`; raises ValueError for any other key."""
    return datetime.strptime(key, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def slot_or_none(key: str) -> datetime | None:
    """The slot that an occurrence key names, if it names one."""
    return slot_of_occurrence(key) if _ENDS_WITH_A_SLOT.match(key) else None


def occurrence_of_request(request_id: str) -> str:
    """`m.` + request id: one manual request.

    Raises:
        BadInputError: other characters than letters, digits, `.`, `_`, `-`; over 64; or an
            ending like `-r2`, which is how an operator's retry is spelled.
    """
    if not REQUEST_ID.fullmatch(request_id) or _LOOKS_LIKE_A_RETRY.search(request_id):
        raise BadInputError(
            f"{request_id!r} is no request id",
            hint="use 1-64 letters, digits, '.', '_' or '-', not ending in -r and digits",
        )
    return "m." + request_id


def occurrence_of_timer(case: str, timer: str, at: datetime) -> str:
    """`t.` + 32 hex: one instant of a timer of a case."""
    return "t." + _hex("timer", case, timer, at.astimezone(UTC).isoformat())


def occurrence_of_rerun(run: str, request_id: str) -> str:
    """`a.` + 32 hex: what a run was for, once again, as a request asked.

    Raises:
        BadInputError: the request id is none, see `occurrence_of_request`.
    """
    return "a." + _hex("rerun", run, occurrence_of_request(request_id))


def input_of_backfill(backfill_id: str, slot: datetime) -> str:
    """`b.` + backfill id + `.` + slot: what its decision is about; the run is the slot's."""
    return f"b.{backfill_id}.{occurrence_of_slot(slot)}"


def input_of_replay(replay_id: str, event: str) -> str:
    """`r.` + replay id + `.` + the event's occurrence key: what its decision is about."""
    return f"r.{replay_id}.{event}"


def backfill_of_input(key: str) -> str | None:
    """The backfill that an input key names, if it is one of `input_of_backfill`."""
    return key[2:].rpartition(".")[0] if key.startswith("b.") else None


def replay_of_input(key: str) -> str | None:
    """The replay that an input key names, if it is one of `input_of_replay`."""
    return key[2:].rpartition(".e.")[0] if key.startswith("r.") else None


def run_id(tenant: str, definition_id: str, occurrence_key: str) -> str:
    """`run-` + 32 hex; without the version, so that republishing never runs a thing twice."""
    return "run-" + _hex("run", tenant, definition_id, occurrence_key)


def case_id(tenant: str, definition_id: str, key: str, number: int) -> str:
    """`case-` + 32 hex: the n-th case of a correlation key, given as canonical JSON text."""
    return "case-" + _hex("case", tenant, definition_id, key, str(number))


def execution_id(members: Iterable[tuple[str, int]]) -> str:
    """32 hex over the (run id, attempt) pairs that one workflow carries out."""
    return _hex("execution", *(part for run, attempt in members for part in (run, str(attempt))))


def task_id(run: str, rule: str, spec_id: str, item: int) -> str:
    """`task-` + 32 hex: a template of a rule, for one item of its loop (0 without a loop)."""
    return "task-" + _hex("task", run, rule, spec_id, str(item))


def task_workflow_id(task: str) -> str:
    """The workflow of a task that no run carries out."""
    return f"activity-task-{task}"


def announcement_id(event_type: str, subject: str, attempt: int = 1) -> str:
    """The id of an outgoing event: stable over retries, so that subscribers can dedupe."""
    return _hex("announcement", event_type, subject, str(attempt))


def workflow_id(definition_id: str, occurrence_key: str, attempt: int = 1) -> str:
    """`activity-{definition_id}-{occurrence_key}`, with `-r{n}` for an operator's n-th retry."""
    retry = f"-r{attempt - 1}" if attempt > 1 else ""
    return f"activity-{definition_id}-{occurrence_key}{retry}"


def case_workflow_id(definition_id: str, key: str, number: int) -> str:
    """`activity-case-{definition_id}-{16 hex of the key}-{number}`."""
    return f"activity-case-{definition_id}-{_hex('key', key)[:16]}-{number}"


def slot_of_tick(workflow: str) -> datetime | None:
    """The nominal time that Temporal appended when a schedule started the workflow, if one did."""
    match = _ENDS_WITH_A_SLOT.search(workflow)
    return match and slot_of_occurrence(match.group())


def attempt_of_workflow(workflow: str) -> int:
    """The attempt that a workflow id is for: 1, or n + 1 when it ends in `-r{n}`."""
    retry = _LOOKS_LIKE_A_RETRY.search(workflow)
    return int(retry.group()[2:]) + 1 if retry else 1


def consumer_name(deployment: str, source: str) -> str:
    """What brokers call us as the consumer of a source: durable consumers, groups.

    With the deployment, so that two installations on one broker both get everything.
    """
    return f"activity-core-{deployment}-{source}"


def batch_workflow_id(execution: str) -> str:
    """The workflow that carries out several runs at once."""
    return f"activity-batch-{execution}"


def schedule_id(definition_id: str) -> str:
    """The Temporal Schedule of a definition whose clock no other has."""
    return f"{SCHEDULE_PREFIX}{definition_id}"


def shared_schedule_id(fingerprint: str) -> str:
    """The Temporal Schedule of all definitions with the same clock."""
    return f"{SCHEDULE_PREFIX}{_SHARED}{fingerprint}"


def tick_workflow_id(schedule: str) -> str:
    """The workflows that a schedule starts; Temporal appends the nominal time."""
    return "activity-tick-" + schedule.removeprefix(SCHEDULE_PREFIX)

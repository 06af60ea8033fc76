"""What the services count, for Prometheus. Depths of queues are read at scrape time instead."""

from collections.abc import Mapping

from prometheus_client import Counter

EVENTS_IN = Counter(
    "activity_core_events_in", "Events at the door, by way in and by answer.", ["via", "answer"]
)
DECISIONS = Counter(
    "activity_core_decisions",
    "Decisions about events, by outcome; what was held counts again when it is final.",
    ["outcome"],
)
REFUSALS = Counter(
    "activity_core_refusals", "Events turned away, by way in and error code.", ["via", "code"]
)
DEAD_LETTERS = Counter(
    "activity_core_dead_letters", "Messages buried, by way in and error code.", ["via", "code"]
)
EXECUTIONS_STARTED = Counter(
    "activity_core_executions_started", "Workflows started for committed runs."
)
RUNS = Counter("activity_core_runs", "Runs recorded or closed, by status.", ["status"])
TASKS_CREATED = Counter("activity_core_tasks_created", "Tasks recorded, by kind.", ["kind"])
EVENTS_OUT = Counter("activity_core_events_out", "Events published, by result.", ["result"])
SLOTS = Counter("activity_core_slots", "Decisions about schedule slots, by outcome.", ["outcome"])
OVERDUE_TICKS = Counter(
    "activity_core_overdue_ticks", "Looks that were asked for because slots were overdue."
)
UNEXPLAINED_SLOTS = Counter(
    "activity_core_unexplained_slots", "Slots without a decision. Any increase is an alarm."
)
SCHEDULE_DRIFT = Counter(
    "activity_core_schedule_drift",
    "Schedules that somebody else changed, by what was done.",
    ["kind"],
)


def count_decisions(counts: Mapping[str, int]) -> None:
    """Count decisions that were written, by outcome."""
    for outcome, count in counts.items():
        DECISIONS.labels(outcome).inc(count)

"""The relay: at least once, in order per key; what fails holds back its own key alone."""

from datetime import timedelta

import pytest

from activity_core.adapters.memory.broker import MemoryBroker
from activity_core.adapters.memory.clock import ManualClock
from activity_core.adapters.memory.outbox import MemoryOutbox, announce
from activity_core.adapters.memory.state import State
from activity_core.core.errors import ConflictError, UnavailableError
from activity_core.core.run.announcement import Announcement
from activity_core.services.relay import LONGEST_WAIT, Relay, wait_after

AWAY = UnavailableError("away")


class Scene:
    def __init__(self) -> None:
        self.state = State()
        self.clock = ManualClock()
        self.broker = MemoryBroker(self.clock)
        self.outbox = MemoryOutbox(self.state)
        self.relay = Relay(self.outbox, self.broker, self.clock)

    async def write(self, *names: str) -> None:
        """`a1` is the first event of run `a`."""
        rows = [Announcement(name, name[0], "activity-core.x.v1", "s", b"{}") for name in names]
        async with self.state.transaction() as tables:
            announce(self.state, tables, rows, self.clock.now())

    @property
    def out(self) -> list[str]:
        return [event.event_id for event in self.broker.events]


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_everything_leaves_in_order(scene: Scene):
    await scene.write("a1", "b1", "a2", "b2", "a3")
    assert await scene.relay.step() is True
    assert [name for name in scene.out if name[0] == "a"] == ["a1", "a2", "a3"]
    assert [name for name in scene.out if name[0] == "b"] == ["b1", "b2"]
    assert await scene.outbox.depth() == 0
    assert {event.key for event in scene.broker.events} == {"a", "b"}
    assert all(event.key == event.event_id[0] for event in scene.broker.events)
    assert await scene.relay.step() is False


async def test_a_failure_holds_back_its_key_and_no_other(scene: Scene):
    await scene.write("a1", "a2", "b1")
    scene.broker.failures.before(AWAY)  # meets a1, the first
    assert await scene.relay.step() is True
    assert scene.out == ["b1"]
    await scene.write("a3")
    assert await scene.relay.step() is False  # a1 is in back-off: nothing may overtake it
    [stuck] = await scene.outbox.stuck(10)
    assert (stuck.event_id, stuck.attempts, stuck.last_error) == ("a1", 1, "away")
    scene.clock.advance(wait_after(0))
    await scene.relay.step()
    assert scene.out == ["b1", "a1", "a2", "a3"]
    assert await scene.outbox.stuck(10) == []


async def test_a_confirmation_that_was_lost_publishes_once_more_under_the_same_id(scene: Scene):
    await scene.write("a1", "a2")
    scene.broker.failures.after(AWAY)
    await scene.relay.step()
    assert scene.out == ["a1"]
    scene.clock.advance(wait_after(0))
    await scene.relay.step()
    assert scene.out == ["a1", "a2"]


async def test_every_error_of_ours_is_a_setback(scene: Scene):
    """A refusal may be for good, but giving up would lose it: it stays where it can be seen."""
    await scene.write("a1")
    scene.broker.failures.before(ConflictError("not like this"))
    await scene.relay.step()
    assert len(await scene.outbox.stuck(10)) == 1


async def test_a_bug_changes_nothing(scene: Scene):
    await scene.write("a1")
    scene.broker.failures.before(ValueError("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        await scene.relay.step()
    assert await scene.outbox.stuck(10) == []
    await scene.relay.step()
    assert scene.out == ["a1"]


def test_waits_grow_to_a_bound():
    waits = [wait_after(attempts) for attempts in range(12)]
    assert waits[:3] == [timedelta(seconds=0.5), timedelta(seconds=1), timedelta(seconds=2)]
    assert waits == sorted(waits)
    assert waits[-1] == wait_after(10**6) == LONGEST_WAIT

"""Rollouts: a candidate version for a part of what happens, before it is in force for all.

Asked wherever a run is made (`services.flow`, `slot_settler`, `manual_trigger`): which version does
it pin? Pure, by a hash: the same key gets the same version wherever and however often one asks, and
whoever is in at 10 % still is at 50 %.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from activity_core.core import ids
from activity_core.core.flow.group import Group

KEY = "rollout"
"""Under this name a member of a group has what the rollout's key gave, as canonical JSON text."""

_PARTS = 10_000
"""Percentages have two digits after the point."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A candidate and who gets it.

    Attributes:
        version: the candidate's; higher than that in force.
        digest: of its document, hexadecimal.
        percent: of the keys.
        key: CEL over `event`; None: each occurrence counts by itself.
        stop_at: the share of failed runs above which it stops by itself.
        min_runs: so many of its runs must be over before that is judged.
        since: when it began.
        stopped: why nobody gets it any more; empty while it goes on.
    """

    version: int
    digest: str
    percent: float
    since: datetime
    key: str | None = None
    stop_at: float = 0.2
    min_runs: int = 20
    stopped: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether new runs may get the candidate."""
        return not self.stopped

    def verdict(self, over: int, failed: int) -> str:
        """Why it has to stop, of so many runs that are over and failed; empty: it may go on."""
        if over < self.min_runs or failed <= self.stop_at * over:
            return ""
        share = f"{failed / over:.0%} of them, more than {self.stop_at:.0%}"
        return f"{failed} of {over} runs of version {self.version} failed: {share}"


def version_for(rollout: Rollout | None, definition_id: str, stable: int, key: str | None) -> int:
    """The version that a run pins: the candidate's, or `stable`, which is in force.

    `key` is the occurrence key, or what the rollout's key gave; None: it gave nothing.
    """
    if rollout is None or rollout.stopped or key is None:
        return stable
    drawn = ids.digest("rollout", definition_id, str(rollout.version), key)
    part = int.from_bytes(drawn[:8]) % _PARTS
    return rollout.version if part < rollout.percent * _PARTS / 100 else stable


def pinned(rollout: Rollout | None, definition_id: str, group: Group) -> Group:
    """A group whose run starts now, with the version that the run pins."""
    if rollout is None or rollout.stopped:
        return group
    leader = group.leader
    key = group.occurrence_key if rollout.key is None else leader.keys.get(KEY)
    version = version_for(rollout, definition_id, leader.version, key)
    if version == leader.version:
        return group
    members = list(group.members)
    members[group.lead] = replace(leader, version=version)
    return replace(group, members=tuple(members))

"""Traces: what explains an outcome beyond its reason, kept with the decision and shown as it is.

Most decisions need none: an event that matched and fired at once has said it all.
"""

import json

from activity_core.core.flow.group import Group, Member
from activity_core.core.jsontext import JsonValue


def trace_of(member: Member, group: Group) -> dict[str, JsonValue] | None:
    """What flow control knew of a member of a group; None if there is nothing to say.

    `parts`: which parts of a composite it may be; `keys`: by stage, what its `key` gave; `group`:
    how many events are decided about together, if it is not alone.
    """
    trace: dict[str, JsonValue] = {}
    if member.parts:
        trace["parts"] = list(member.parts)
    if member.keys:
        trace["keys"] = {stage: json.loads(text) for stage, text in member.keys.items()}
    if len(group.members) > 1:
        trace["group"] = len(group.members)
    return trace or None

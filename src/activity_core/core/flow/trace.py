"""Traces: what explains an outcome beyond its reason, kept with the decision and shown as it is.

Most decisions need none: an event that matched and fired at once has said it all.
"""

import json

from activity_core.core.flow.group import Stage
from activity_core.core.flow.verdict import Verdict
from activity_core.core.jsontext import JsonValue


def trace_of(verdict: Verdict) -> dict[str, JsonValue] | None:
    """What flow control knew of an event; None if there is nothing to say.

    `parts`: which parts of a composite it may be; `keys`: by stage, what its `key` gave;
    `together`: how many events were decided about at once, if it was not alone.
    """
    member, trace = verdict.member, dict[str, JsonValue]()
    if member.parts:
        trace["parts"] = list(member.parts)
    # What a `dedupe_key` gave is the occurrence key already.
    keys = {stage: text for stage, text in member.keys.items() if stage != Stage.SEEN}
    if keys:
        trace["keys"] = {str(stage): json.loads(text) for stage, text in keys.items()}
    if verdict.together > 1:
        trace["together"] = verdict.together
    return trace or None

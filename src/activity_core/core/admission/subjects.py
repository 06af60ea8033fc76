"""Subjects of NATS, as its servers match them: `*` is one token, a final `>` is one or more.

Asked by `services.letter_reader` and, when sources are applied, about claims that overlap.
"""

from collections.abc import Sequence
from itertools import zip_longest


def takes_subject(patterns: Sequence[str], subject: str) -> bool:
    """Whether one of the patterns takes a subject; without patterns, every subject is taken."""
    return not patterns or any(subjects_overlap(pattern, subject) for pattern in patterns)


def subjects_overlap(one: str, other: str) -> bool:
    """Whether there is a subject that both patterns take (a subject is a pattern, too)."""
    for mine, theirs in zip_longest(one.split("."), other.split(".")):
        if mine is None or theirs is None:
            return False
        if ">" in (mine, theirs):
            return True
        if mine != theirs and "*" not in (mine, theirs):
            return False
    return True

"""Names of advisory locks: for what must be one at a time and has no row of its own to lock."""

from activity_core.core import ids


def lock_name(*parts: str) -> int:
    """64 bits of a hash: two things that share a name just wait for each other."""
    return int.from_bytes(ids.digest(*parts)[:8], signed=True)

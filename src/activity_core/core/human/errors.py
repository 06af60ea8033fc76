"""What goes wrong between people who work on the same tasks."""

from activity_core.core.errors import ConflictError


class FourEyesError(ConflictError):
    """Whoever did the one task may not do the other."""

    code = "four_eyes"


class StaleError(ConflictError):
    """The task is not what the caller last saw: somebody, or time, was faster."""

    code = "stale"

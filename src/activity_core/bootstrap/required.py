"""Settings that a process cannot do without."""

from activity_core.core.errors import ConfigurationError


def required(value: str | None, variable: str, example: str) -> str:
    """The value of a setting that this process cannot do without.

    Raises:
        ConfigurationError: it is not set.
    """
    if not value:
        raise ConfigurationError(
            f"{variable} is not set",
            hint=f"set it like {example}, or use `activity-core dev`, which brings its own servers",
        )
    return value

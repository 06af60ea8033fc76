"""Secrets by reference: `env:NAME` or `file:/path`, read at the moment of use, never kept.

Used wherever a connection or a setting names a secret, and by `kept_secrets`; no error ever holds
the value.
"""

import os
from pathlib import Path

from activity_core.core.errors import ConfigurationError


def resolve_secret(reference: str) -> str:
    """The secret behind `env:NAME` or `file:/path`, without trailing newlines.

    Raises:
        ConfigurationError: another kind of reference, or nothing there.
    """
    kind, _, name = reference.partition(":")
    if kind == "env":
        value = os.environ.get(name, "")
    elif kind == "file":
        value = _read(Path(name))
    elif kind == "vault":
        raise ConfigurationError(
            "only the `verify:` of a source takes secrets from a vault",
            subject=reference,
            hint="write env:NAME or file:/path; a vault's own tools can write the file",
        )
    else:
        raise ConfigurationError(
            "a secret is named by reference", subject=name, hint="write env:NAME or file:/path"
        )
    if not value:
        raise ConfigurationError(f"the secret {reference} is missing or empty")
    return value


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigurationError(
            f"the secret file:{path} cannot be read: {error.strerror}"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the secret file:{path} is not UTF-8 text") from None

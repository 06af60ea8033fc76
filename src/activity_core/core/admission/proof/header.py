"""What is read from the headers of a message that wants to be believed, strictly.

In: a message, and what its source asks for. Out: the text, or UnverifiedError. A header that
came twice, or in any other spelling than its sender's, is none.
"""

import re
from datetime import datetime, timedelta

from activity_core.core.errors import UnverifiedError
from activity_core.core.event.message import Message

LONGEST = 8_192
"""Characters; a token with many claims has 2,000."""
_UNIX_SECONDS = re.compile(r"[1-9][0-9]{0,11}")
_BEARER = re.compile(r"(?i:bearer) ([!-~]+)")


def header(message: Message, *names: str) -> str:
    """The value of a header that goes by any of these lower-case names.

    Raises:
        UnverifiedError: missing, empty, too long, not printable ASCII, or two that differ.
    """
    found = {message.headers[name] for name in names if name in message.headers}
    if len(found) != 1:
        raise UnverifiedError(f"{'two' if found else 'no'} {names[0]}")
    value = found.pop()
    if not (0 < len(value) <= LONGEST and value.isascii() and value.isprintable()):
        raise UnverifiedError(f"{names[0]} is empty, too long, or not printable ASCII")
    return value


def bearer(message: Message) -> str:
    """The token of `Authorization: Bearer …`.

    Raises:
        UnverifiedError: there is none.
    """
    match = _BEARER.fullmatch(header(message, "authorization"))
    if match is None:
        raise UnverifiedError("authorization is no bearer token")
    return match[1]


def within(seconds: str, tolerance: timedelta, at: datetime) -> str:
    """Unix seconds as they were signed, if they are near enough to `at`.

    Raises:
        UnverifiedError: not written plainly, or outside the replay window.
    """
    if not _UNIX_SECONDS.fullmatch(seconds):
        raise UnverifiedError("the signed time is not in Unix seconds")
    off = at.timestamp() - int(seconds)
    if abs(off) > tolerance.total_seconds():
        raise UnverifiedError(
            f"the signed time is {abs(off):.0f} s {'old' if off > 0 else 'ahead'}"
        )
    return seconds

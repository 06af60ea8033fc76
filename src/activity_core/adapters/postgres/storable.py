"""Values on their way into columns that cannot hold everything."""

import json

from activity_core.core.jsontext import JsonValue


def prose(text: str) -> str:
    """Text for people, changed where PostgreSQL could not keep it (NUL, half a surrogate pair).

    For what must be written down at all events (reasons, failures, titles), and for what somebody
    asks for: it is not there, which is an answer.
    """
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def json_text(value: JsonValue) -> str:
    """JSON for a `json` column: ASCII, so that whatever was parsed once can be stored."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)

"""Media types, as `Content-Type` says them; asked wherever there is a body to read."""

import re

_JSON = re.compile(r"(application|text)/json|[^/]+/[^/]+\+json")


def media_type_of(content_type: str) -> str:
    """Without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def is_json(media_type: str) -> bool:
    """Whether a media type (`media_type_of`) is JSON, by itself or by its suffix."""
    return _JSON.fullmatch(media_type) is not None

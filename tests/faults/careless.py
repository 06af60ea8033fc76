"""A part of an installation without what protects it: started by a test, to be caught.

In: names of flaws with commas between them, then a command of `activity-core`. It runs that
command after the product was made careless in its own process; nothing else is touched.
"""

import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from activity_core.cli.main import main
from activity_core.core import ids
from activity_core.core.flow.group import Member
from activity_core.services import listeners


def forget_events() -> None:
    """No two deliveries are the same: the key of an event is random."""
    ids.event_key = lambda *_: secrets.token_bytes(32)


def invent_occurrences() -> None:
    """No two occurrences are the same: the keys that the router gives them are random."""
    usual = listeners._member

    def invented(*known: Any) -> Member:
        return replace(usual(*known), occurrence_key=f"e.{secrets.token_hex(16)}")

    vars(listeners)["_member"] = invented


def forget_dedupe_keys() -> None:
    """What a definition calls the same is not."""
    ids.occurrence_of_dedupe_key = lambda key: f"e.{secrets.token_hex(16)}"


FLAWS: Mapping[str, Callable[[], None]] = {
    flaw.__name__: flaw for flaw in (forget_events, invent_occurrences, forget_dedupe_keys)
}

if __name__ == "__main__":
    names, *command = sys.argv[1:]
    for name in names.split(","):
        FLAWS[name]()
    sys.argv = ["activity-core", *command]
    main()

"""How commands end: 0 done, 1 it failed, 2 wrong usage, 3 no API answers.

Every error of ours becomes one readable line on standard error (for definitions, one per issue)
and its exit code; a traceback is for what nobody expected.
"""

from typing import Any

import typer
from typer.core import TyperGroup

from activity_core.cli.client import RefusedError, UnreachableError
from activity_core.cli.output import note
from activity_core.core.errors import ActivityCoreError, InvalidDefinitionError

FAILED = 1
UNREACHABLE = 3


class Commands(TyperGroup):
    """The root of all commands: what they raise ends here."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; end with its exit code."""
        try:
            return super().invoke(ctx)
        except ActivityCoreError as error:
            for line in lines_of(error):
                note(line)
            code = UNREACHABLE if isinstance(error, UnreachableError) else FAILED
            raise typer.Exit(code) from None


def lines_of(error: ActivityCoreError) -> list[str]:
    """What to tell a person about an error."""
    if isinstance(error, (InvalidDefinitionError, RefusedError)) and error.issues:
        count = len(error.issues)
        return [
            *map(str, error.issues),
            f"error: {count} issue{'s' * (count > 1)}, nothing applied",
        ]
    return [f"error: {error}"]

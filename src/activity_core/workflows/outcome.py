"""What Temporal's own pages can filter workflows by: search attributes, and the last one of them.

The engine starts a workflow with all but the outcome, which the workflow adds when it is over and
not simply completed: Temporal says that itself, and one more command costs a tenth of a short run.
Only where it was started with the others: then the namespace knows them, and the histories of
workflows from before have no such command.
"""

from collections.abc import Mapping

from temporalio import workflow
from temporalio.common import SearchAttributeKey

DEFINITION = SearchAttributeKey.for_keyword_list("ActivityDefinition")
VERSION = SearchAttributeKey.for_keyword_list("ActivityVersion")
OCCURRENCE = SearchAttributeKey.for_keyword_list("ActivityOccurrence")
OWNER = SearchAttributeKey.for_keyword("ActivityOwner")
OUTCOME = SearchAttributeKey.for_keyword("ActivityOutcome")

_WORST_FIRST = ("failed", "cancelled", "compensated")
_UNREMARKABLE = "completed"


def mark_outcome(counts: Mapping[str, int]) -> None:
    """Say what became of the runs of this workflow: of several, the worst."""
    worst = next((status for status in _WORST_FIRST if counts.get(status)), None)
    if worst is not None:
        mark(worst)


def mark(outcome: str) -> None:
    """Say what became of what this workflow is for, unless it is simply completed."""
    if outcome == _UNREMARKABLE:
        return
    if workflow.info().typed_search_attributes.get(DEFINITION) is not None:
        workflow.upsert_search_attributes([OUTCOME.value_set(outcome)])

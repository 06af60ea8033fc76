"""The expressions of a definition: each is compiled with the variables that it will see.

In: texts with their key paths in YAML's spelling, from the checks. Out: what is wrong with them.
Nothing is evaluated.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from activity_core.core.errors import ExpressionError
from activity_core.core.expression.checked import checked_expression
from activity_core.core.expression.members import members_of
from activity_core.core.expression.message import did_you_mean
from activity_core.core.expression.template import CEL_STRING, Path, parse_template
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.late import TASKS

Issues = Iterator[tuple[Path, str]]

_MEMBERS_OF_RUN = frozenset({"id", "definition_id"})
_MEMBER = re.compile(r"(?<![\w.\]])(context|config|run)\.([A-Za-z_]\w*)")
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Expressions:
    """What the expressions of one place may name.

    Attributes:
        context: names of the sources.
        config: keys of the deployment's map; None: not known here, so not checked.
        visible: the templates that `tasks` has there.
        siblings: all templates of the rule.
    """

    context: Collection[str]
    config: Collection[str] | None
    visible: Collection[str] = ()
    siblings: Collection[str] = ()

    def condition(self, here: Path, text: str, variables: frozenset[str]) -> Issues:
        """One that must be true or false."""
        yield from self.expression(here, text, variables, "true or false", ("BOOL", "DYN"))

    def expression(
        self,
        here: Path,
        text: str,
        variables: frozenset[str],
        must: str = "",
        types: tuple[str, ...] = ("",),
    ) -> Issues:
        """Any; its result must be of one of `types` (CEL's names), said in words by `must`."""
        try:
            program = checked_expression(text, variables=variables)
        except ExpressionError as error:
            yield here, str(error)
            return
        if not program.result_type.startswith(types):
            yield here, f"must be {must}, is {program.result_type.lower()}"
        for match in _MEMBER.finditer(CEL_STRING.sub("''", text)):
            known = self._members(match[1])
            if known is not None and match[2] not in known:
                yield (
                    here,
                    f"unknown {match[0]} ({did_you_mean(match[2], known) or 'none is known'})",
                )
        if TASKS in variables:
            for member in dict.fromkeys(members_of(text, TASKS)):
                if member is not None and member not in self.visible:
                    yield here, self._unseen(member)

    def template(self, here: Path, words: JsonValue, variables: frozenset[str]) -> Issues:
        """All expressions inside of a structure."""
        try:
            placeholders, _ = parse_template(words)
        except ExpressionError as error:
            yield here, str(error)
            return
        for placeholder in placeholders:
            yield from self.expression((*here, *placeholder.path), placeholder.text, variables)

    def known_key(self, here: Path, key: str) -> Issues:
        """A key of the deployment's map that is named without an expression."""
        if self.config is not None and key not in self.config:
            hint = did_you_mean(key, self.config) or "it is empty"
            yield here, f"the deployment's config has no key {key} ({hint})"

    def _members(self, of: str) -> Collection[str] | None:
        match of:
            case "context":
                return self.context
            case "run":
                return _MEMBERS_OF_RUN
            case _:
                return self.config

    def _unseen(self, member: str) -> str:
        if member in self.siblings:
            return f"{_spelled(member)} is not among what this task needs: add it to `needs`"
        close = did_you_mean(member, self.visible) or "it needs no task"
        found = close.removeprefix("did you mean ").removesuffix("?")
        if found in self.visible:
            close = f"did you mean {_spelled(found)}?"
        return f"unknown {_spelled(member)} ({close})"


def _spelled(task_id: str) -> str:
    """As CEL spells it: a hyphen would be a minus."""
    return f"tasks.{task_id}" if _NAME.fullmatch(task_id) else f"tasks['{task_id}']"

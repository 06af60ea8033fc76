"""Definition files on disk: read, checked as far as that goes without a server, made one set.

In: a file or a directory. Out: a `Bundle` with the forms that tasks name read in, and its JSON
for `PUT /v1/definitions`. Forms must lie in the directory of the file that names them.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.model import Versioned
from activity_core.core.definition_file.bundle import MAX_ISSUES, Bundle, Part, merge
from activity_core.core.definition_file.parse import MAX_BYTES, ReadForm, parse_definitions
from activity_core.core.definition_file.review import passed
from activity_core.core.errors import InvalidDefinitionError, Issue

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
FORM_SUFFIX = ".schema.json"
MAX_FILES = 10_000


def read(path: Path) -> tuple[list[Path], Bundle]:
    """The files, and what all of them define together.

    Raises:
        InvalidDefinitionError: with the issues of every file.
    """
    files = list(_files(path))
    issues: list[Issue] = []
    bundles: list[Bundle] = []
    for file in files:
        try:
            bundles.append(
                parse_definitions(_text(file), file=str(file), read_form=_forms_of(file))
            )
        except InvalidDefinitionError as error:
            issues.extend(error.issues)
    if not files:
        issues.append(Issue(str(path), 1, 1, "", "there is no file with definitions in it"))
    if issues:
        raise InvalidDefinitionError(issues[:MAX_ISSUES])
    return files, merge(bundles)


def check(bundle: Bundle, now: datetime) -> Sequence[Issue]:
    """Compile every expression, look at everything; what is only unwise comes back.

    Which connections, calendars, sources and config there are beside the bundle's, the server
    knows.

    Raises:
        InvalidDefinitionError: with every issue found.
    """
    return passed(bundle, None, now)


def documents(bundle: Bundle) -> list[dict[str, Any]]:
    """The set as JSON, defaults left out."""
    return [_document(part) for part in bundle.parts]


def located(bundle: Bundle, issues: Sequence[Issue]) -> list[Issue]:
    """What the server says of `documents(bundle)`, at its place in the files."""
    return [_located(bundle, issue) for issue in issues]


def _located(bundle: Bundle, issue: Issue) -> Issue:
    document = re.match(r"\[(\d+)\]", issue.path)
    if document is None or int(document[1]) >= len(bundle.parts):
        return issue
    steps = re.findall(r"\[(\d+)\]|([^.\[\]]+)", issue.path[document.end() :])
    path = [key or int(index) for index, key in steps]
    return bundle.issue(bundle.parts[int(document[1])], path, issue.message)


def _document(part: Part) -> dict[str, Any]:
    if isinstance(part, ActivityDefinition):
        return part.document()
    if isinstance(part, Versioned):
        return {"kind": part.kind, **part.document()}
    plain = part.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {"kind": part.kind, **plain}


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    found = sorted(path.rglob("*"))
    for file in found[:MAX_FILES]:
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        is_form = file.name.endswith(FORM_SUFFIX)
        if file.suffix in SUFFIXES and not hidden and not is_form and file.is_file():
            yield file


def _text(file: Path) -> str:
    try:
        return _bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(file, f"not UTF-8 at byte {error.start}") from None
    except (OSError, ValueError) as error:
        raise _unreadable(file, str(error)) from None


def _bytes(file: Path) -> bytes:
    """At most `MAX_BYTES`: a definition may name any file, and a device never ends."""
    if not file.is_file():
        raise ValueError("it is no regular file")
    with file.open("rb") as stream:
        raw = stream.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    return raw


def _forms_of(file: Path) -> ReadForm:
    directory = file.parent.resolve()

    def read_form(name: str) -> bytes:
        form = (directory / name).resolve()
        if not form.is_relative_to(directory):
            raise ValueError(f"outside of the definition file's directory, {file.parent}")
        return _bytes(form)

    return read_form


def _unreadable(file: Path, message: str) -> InvalidDefinitionError:
    return InvalidDefinitionError([Issue(str(file), 1, 1, "", message)])

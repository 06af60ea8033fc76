"""Definition files are read whole or refused with every issue at its place."""

# ruff: noqa: E501 - tables of texts and of what is said about them

import json
from collections.abc import Callable
from datetime import date, timedelta
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.definition_texts import (
    CALENDAR,
    CONNECTIONS,
    CRON,
    DESIGN_EVENT,
    EVENT,
    FORM,
    MANUAL,
)

from activity_core.cli import definition_files
from activity_core.core.definition.flow_control import BatchConfig
from activity_core.core.definition.human_task import Deadline
from activity_core.core.definition_file.parse import (
    MAX_BYTES,
    MAX_ISSUES,
    Bundle,
    merge,
    parse_definitions,
)
from activity_core.core.definition_file.yaml_tree import MAX_DEPTH, read_yaml
from activity_core.core.errors import InvalidDefinitionError
from activity_core.core.jsontext import parse_json

SMALL = """\
id: a
trigger:
  manual:
rules:
- id: r
  tasks:
  - {id: t, human: {title: x}}
"""


def read_form(name: str) -> bytes:
    assert name == "call-outcome.schema.json"
    return FORM


def read(text: str, read_form: Callable[[str], bytes] | None = None) -> Bundle:
    return parse_definitions(text, file="f.yaml", read_form=read_form)


def issues(text: str, read_form: Callable[[str], bytes] | None = None) -> list[str]:
    with pytest.raises(InvalidDefinitionError) as error:
        read(text, read_form)
    return [str(issue).removeprefix("f.yaml:") for issue in error.value.issues]


def place(text: str, word: str) -> str:
    """`line:column:` of the only occurrence of a word."""
    assert text.count(word) == 1
    before = text[: text.index(word)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}:"


# -- the documentation's examples -----------------------------------------------------------------


def test_without_files_its_form_is_refused() -> None:
    (form,) = issues(CRON)
    assert form.startswith(
        f"{place(CRON, 'call-outcome')} rules[0].tasks[1].human.form: `form` names a file"
    )


def test_the_cron_example_parses() -> None:
    (definition,) = read(CRON, read_form).definitions
    human = definition.rules[0].tasks[1].human_
    assert human is not None
    assert human.form == json.loads(FORM)
    assert human.remind == (Deadline(after=timedelta(days=1)),)
    assert human.escalate[0].to.all_groups == ("billing-leads",)
    assert definition.connections == {"billing"}


def test_the_event_example_parses() -> None:
    (definition,) = read(DESIGN_EVENT).definitions
    event = definition.trigger.event
    assert event is not None
    assert event.batch == BatchConfig(
        max_size=100, max_wait=timedelta(seconds=2), key="event.subject"
    )
    assert read(EVENT).definitions[0].id == "big-orders"


def test_several_documents_of_all_kinds() -> None:
    bundle = read(f"{MANUAL}---\n{CONNECTIONS}---\n{CALENDAR}---\n")
    assert [d.id for d in bundle.definitions] == ["by-hand"]
    assert [c.id for c in bundle.connections] == ["billing", "weather"]
    assert [c.id for c in bundle.calendars] == ["holidays"]
    assert bundle.calendars[0].names == {
        date(2026, 12, 24): "",
        date(2026, 12, 25): "Christmas Day",
    }


def test_a_calendar_is_written_as_it_was_read() -> None:
    [calendar] = read(CALENDAR).calendars
    [document] = definition_files.documents(read(CALENDAR))
    assert document["days"] == ["2026-12-24", {"day": "2026-12-25", "name": "Christmas Day"}]
    assert read(json.dumps(document)).calendars == (calendar,)


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_json_is_accepted(indent: int | str | None) -> None:
    yaml = read(MANUAL + "---\n" + CONNECTIONS)
    documents = [node.value for node in read_yaml(MANUAL + "---\n" + CONNECTIONS, file="")]
    assert read(json.dumps(documents, indent=indent)) == yaml
    assert read(json.dumps(documents[0], indent=indent)).definitions == yaml.definitions


def test_issues_in_json_have_places_too() -> None:
    text = (
        '[\n\t{"id": "a",\n\t "trigger":\t{"manaul": {}}, "rules": [], "title": "\\ud83d\\ude00"}]'
    )
    assert issues(text) == [
        "3:15: [0].trigger.manaul: unknown key `manaul`; did you mean `manual`?",
        "3:39: [0].rules: expected at least 1 of them, found an empty list",
    ]


# -- what is wrong, in plain words ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("manual:", "manaul: {}", "3:3: trigger.manaul: unknown key `manaul`; did you mean `manual`?"),
        ("id: r", "id: R", "5:7: rules[0].id: expected at most 64 lower-case letters, digits and hyphens, found `R`"),
        ("title: x", "title: 12", "7:28: rules[0].tasks[0].human.title: expected text (put it in quotes), found `12`"),
        ("title: x", "title: no", None),
        ("title: x", "titel: x", "7:20: rules[0].tasks[0].human.title: the key is missing"),
        ("title: x", "title: x, wait: yes", "7:37: rules[0].tasks[0].human.wait: expected true or false, found `yes`"),
        ("title: x", "title: x, due: 5", "7:36: rules[0].tasks[0].human.due: 5 is not a duration; write 10s, 5m, 24h, 7d, P2D or PT24H"),
        ("human: {title: x}", "http: {url: /, method: GTE}", "7:36: rules[0].tasks[0].http.method: expected 'GET', 'POST', 'PUT', 'PATCH' or 'DELETE', found `GTE`"),
        ("human: {title: x}", "human: {title: x}, http: {url: /}", "7:5: rules[0].tasks[0]: exactly one of http, python, activity, workflow, sql, emit, mail, human must be given, found http, human"),
        ("human: {title: x}", "http_: {url: /}", "7:13: rules[0].tasks[0].http_: unknown key `http_`; did you mean `http`?"),
        ("{id: t, human: {title: x}}", "t", "7:5: rules[0].tasks[0]: expected keys with values, found `t`"),
        ("id: t,", "id: t, retry: {max_attempts: 2.5},", "7:35: rules[0].tasks[0].retry.max_attempts: expected a whole number, found `2.5`"),
        ("id: t,", "id: t, retry: {backoff: 5m..2s},", "7:30: rules[0].tasks[0].retry.backoff: the backoff must grow, like 2s..5m"),
        ("id: t,", "id: t, needs: [u],", "7:3: rules[0].tasks: task `t` needs `u`, which is no task of this rule"),
        ("manual:", "cron: {expression: 61 * * * *}", "3:22: trigger.cron.expression: minute `61`: `61` is not from 0 to 59"),
        ("manual:", "cron: {expressions: [0 0 * * *, 0 0 30 2 *]}", "3:35: trigger.cron.expressions[1]: day-of-month and month: there is no such date in any year"),
        ("manual:", "cron: {expression: '@daily', timezone: Mars/Base}", "3:42: trigger.cron.timezone: `Mars/Base` is not a time zone of the IANA database"),
        ("manual:", "cron: {expression: 0 0 31 2 *}", "3:22: trigger.cron.expression: day-of-month and month: there is no such date in any year"),
        ("manual:", "cron: {expression: '@daily', from: 2026-03-01, until: 2026-02-01}", "3:57: trigger.cron.until: `from` must not be later than `until`"),
        ("manual:", "interval: {every: 10s, jitter: 20s}", "3:34: trigger.interval.jitter: `jitter` must be shorter than `every`"),
        ("manual:", "cron: {expression: '@daily', exclude: [2026-02-30]}", "3:42: trigger.cron.exclude[0]: day is out of range for month"),
        ("manual:", "cron: {expression: '@daily', exclude: [Feiertage]}", "3:42: trigger.cron.exclude[0]: write a day like 2026-12-24, or the id of a calendar"),
        ("manual:", "calendar: {days: [2026-05-01], at: ['9:00']}", "3:39: trigger.calendar.at[0]: write a time like 09:00"),
        ("manual:", "cron: {expression: '@daily', dst: {gap: nxt}}", "3:43: trigger.cron.dst.gap: expected 'skip' or 'next', found `nxt`"),
        ("manual:", "manual:\n  misfire: {max_runs: 3}", "4:23: trigger.misfire.max_runs: `max_runs` only belongs to `policy: catch_up`"),
        ("manual:", "manual:\n  overlap: skp", "4:12: trigger.overlap: expected "),
        ("manual:", "manual: {input: {type: objec}}", '3:19: trigger.manual.input: not a JSON Schema (2020-12): type: "objec" is not'),
        ("manual:", "event: {type: a, bacth: {max_wait: 2s}}", "3:20: trigger.event.bacth: unknown key `bacth`; did you mean `batch`?"),
        ("manual:", "event: {type: a, batch: {max_wait: 2s, keys: event.id}}", "3:42: trigger.event.batch.keys: unknown key `keys`; did you mean `key`?"),
        ("manual:", "event: {type: a, batch: {max_size: 100}}", "3:27: trigger.event.batch.max_wait: the key is missing"),
        ("manual:", "event: {type: a, batch: {max_size: 1, max_wait: 2s}}", "3:38: trigger.event.batch.max_size: expected at least 2, found `1`"),
        ("manual:", "event: {type: a, batch: {max_wait: 32d}}", "3:38: trigger.event.batch.max_wait: must be from 1ms to 31d"),
        ("manual:", "event: {type: a, batch: {max_wait: 1s}, debounce: {quiet: 1s}}", "3:10: trigger.event: give either `batch` or `debounce`, not both"),
        ("manual:", "event: {type: a, debounce: {quiet: 2s, max_wait: 1s}}", "3:30: trigger.event.debounce: `max_wait` must not be shorter than `quiet`"),
        ("manual:", "event: {type: a, throttle: {limit: 0, per: 1s}}", "3:38: trigger.event.throttle.limit: expected at least 1, found `0`"),
        ("manual:", "event: {type: a, concurrency: {when_full: cancel}}", "3:45: trigger.event.concurrency.when_full: expected 'queue', 'drop' or 'cancel_oldest', found `cancel`"),
        ("manual:", "event: {type: a, priority: 6}", "3:30: trigger.event.priority: expected at most 5, found `6`"),
        ("manual:", "event: {type: a, on_error: true}", "3:30: trigger.event.on_error: expected 'false', 'failed' or 'dead_letter', found `true`"),
        ("manual:", "event: {type: a, correlation: x}", "3:20: trigger.event.correlation: unknown key `correlation`; known are type, types,"),
        ("manual:", "event: {type: a}\n  composite: {count: {type: a, at_least: 2}, within: 1s}", "3:3: trigger: give either `event` or `composite`: make two definitions of them"),
        ("manual:", "composite: {within: 1s}", "3:14: trigger.composite: exactly one of all_of, any_of, sequence, count, absent must be given, found none"),
        ("manual:", "composite: {count: {type: a, at_least: 2}}", "3:14: trigger.composite.within: the key is missing"),
        ("manual:", "composite: {count: {type: a}, within: 1s}", "3:22: trigger.composite.count.at_least: the key is missing"),
        ("manual:", "composite: {all_off: [], within: 1s}", "3:15: trigger.composite.all_off: unknown key `all_off`; did you mean `all_of`?"),
        ("manual:", "composite: {all_of: [{type: a}], within: 1s}", "3:23: trigger.composite.all_of: expected at least 2 of them, found a list"),
        ("manual:", "composite: {all_of: [{type: a}, 7], within: 1s}", "3:35: trigger.composite.all_of[1]: expected keys with values, found `7`"),
        ("manual:", "composite: {all_of: [{type: a}, {typ: b}], within: 1s}", "3:36: trigger.composite.all_of[1].typ: unknown key `typ`; did you mean `type`?"),
        ("manual:", "composite: {all_of: [{type: a}, {}], within: 1s}", "3:35: trigger.composite.all_of[1]: give either `type` or a non-empty list `types`"),
        ("manual:", "composite: {sequence: [{type: a, name: b}, {type: b}], within: 1s}", "3:14: trigger.composite: two parts are called `b`"),
        ("manual:", "composite: {any_of: [{type: a}, {type: b}], at_least: 2, within: 1s}", "3:57: trigger.composite.at_least: `at_least` belongs to `any_of`, and is less than the number of its parts"),
        ("manual:", "composite: {absent: {type: a, aftr: {type: b}}, within: 1s}", "3:33: trigger.composite.absent.aftr: unknown key `aftr`; did you mean `after`?"),
        ("manual:", "composite: {absent: {type: a, after: {type: b}}, within: 32d}", "3:60: trigger.composite.within: must be from 1ms to 31d"),
        ("id: a\n", "id: a\nkind: definitoin\n", "2:7: kind: unknown kind `definitoin`; did you mean `definition`?"),
        ("id: a\n", "id: a\nkind: 7\n", "2:7: kind: unknown kind `7`"),
        ("id: a\n", "id: a\nkind: sorce\n", "2:7: kind: unknown kind `sorce`; did you mean `source`?"),
        ("id: a\n", "id: a\nid: b\n", "2:1: id: the key is there already, in line 1"),
        ("id: a\n", "id: a\nlifecycle: ongong\n", "2:12: lifecycle: expected 'run' or 'ongoing', found `ongong`"),
        ("id: a\n", "id: a\ncontext: {Bad: {static: 1}}\n", "2:11: context.Bad: expected at most 63 lower-case letters, digits and underscores, found `Bad`"),
        ("id: a\n", "id: a\n12: b\n", "2:1: keys must be text; put it in quotes"),
        ("id: a\n", "id: a\n? [x]\n: b\n", "2:3: keys must be text"),
        ("id: a\n", "id: a\n<<: {x: 1}\n", "2:1: merge keys (`<<`) are not part of YAML 1.2"),
        ("id: a\n", "id: !!python/name:os.system a\n", "1:5: id: tags like `tag:yaml.org,2002:python/name:os.system` are not"),
        ("id: a\n", "id: *b\n", "1:5: id: there is no anchor `&b` before this"),
        ("id: a\n", "id: &a [*a]\n", "1:9: id[0]: there is no anchor `&a`"),
        ("id: a\n", 'id: "a\\0"\n', "1:5: id: the character NUL is not allowed"),
        ("id: a\n", "id: a\x07\n", "1:6: the character U+0007 is not allowed"),
        ("id: a\n", "id: \ud83d\n", "1:5: the character U+D83D is not allowed"),
        ("id: a\n", 'id: "\\ud83d"\n', "1:8: not YAML: found invalid Unicode character escape code"),
        ("id: a\n", "id: .nan\n", "1:5: id: `.nan` is not a finite number"),
        ("id: a\n", "id: -.inf\n", "1:5: id: `-.inf` is not a finite number"),
        ("id: a\n", "id: 1e999\n", "1:5: id: `1e999` is too large for a number"),
        ("id: a\n", "id: {a\n", "2:8: not YAML: did not find expected ',' or '}'"),
        ("id: a\n", "\tid: a\n", "1:1: not YAML: found character that cannot start any token"),
    ],
)  # fmt: skip
def test_one_mistake(old: str, new: str, expected: str | None) -> None:
    text = SMALL.replace(old, new, 1)
    assert text != SMALL
    if expected is None:
        read(text)
    else:
        assert issues(text)[0].startswith(expected)


def test_all_mistakes_are_found_in_all_documents() -> None:
    text = (
        SMALL.replace("id: a", "id: A").replace("title: x", "titel: x")
        + "---\nkind: nope\n---\n7\n"
    )
    assert [issue.split(":")[0] for issue in issues(text)] == ["1", "7", "7", "9", "11"]


def test_issues_are_bounded() -> None:
    assert len(issues("\n".join(f"key{n}: 1" for n in range(3_000)))) == MAX_ISSUES


def test_a_secret_in_place_of_its_reference_is_not_shown() -> None:
    (issue,) = issues("kind: connection\nid: b\nsql: {url: 'postgres://me:hunter2@db'}\n")
    assert issue == "3:12: sql.url: expected env:NAME or file:/path, never the secret itself"


def test_nothing() -> None:
    for text in ("", "---\n", "# only a comment\n", "[]"):
        assert issues(text) == ["1:1: there is nothing in it"]


def test_a_scalar_is_no_document() -> None:
    assert issues("hello") == ["1:1: expected keys with values, found `hello`"]


# -- forms ----------------------------------------------------------------------------------------


def missing(name: str) -> bytes:
    raise FileNotFoundError(2, "No such file or directory", name)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (missing, "cannot use the form `call-outcome.schema.json`: [Errno 2] No such file"),
        (lambda _: b"{", "cannot use the form `call-outcome.schema.json`: not JSON"),
        (lambda _: b"\xff", "cannot use the form `call-outcome.schema.json`: not UTF-8"),
        (lambda _: b"[]", "expected keys with values, found an empty list"),
        (lambda _: b'{"type": "objec"}', "not a JSON Schema (2020-12): type:"),
        (lambda _: b'{"$ref": "https://example.com/s"}', "not a JSON Schema (2020-12): Resource"),
    ],
)
def test_a_form_that_cannot_be_used(content: Callable[[str], bytes], reason: str) -> None:
    (issue,) = issues(CRON, content)
    path = "rules[0].tasks[1].human.form"
    assert issue.startswith(f"{place(CRON, 'call-outcome')} {path}: {reason}")


# -- YAML 1.2 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("on", "on"), ("yes", "yes"), ("No", "No"), ("y", "y"), ("true", True), ("False", False),
        ("12:30", "12:30"), ("2026-11-21", "2026-11-21"), ("1_000", "1_000"), ("0777", 777),
        ("0o17", 15), ("0x1F", 31), ("-7", -7), ("+7", 7), ("1.", 1.0), (".5", 0.5), ("1e3", 1000.0),
        ("9223372036854775807", 2**63 - 1), ("9223372036854775808", 2.0**63), ("0xFFFFFFFFFFFFFFFF", 2.0**64),
        ("~", None), ("", None), ("null", None), ("'null'", "null"), ("'1'", "1"),
        ('"\\u00e9"', "é"), ("1.2.3", "1.2.3"), ("inf", "inf"), ("=", "="),
    ],
)  # fmt: skip
def test_core_schema(text: str, meant: object) -> None:
    (node,) = read_yaml(f"a: {text}", file="")
    value = node.value
    assert isinstance(value, dict)
    assert value["a"] == meant
    assert type(value["a"]) is type(meant)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="￾￿\u2028\u2029")),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=8).filter(lambda k: k != "<<"), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(value=json_values, indent=st.sampled_from([None, 1, "\t"]), ascii_only=st.booleans())
def test_json_values_come_through(
    value: object, *, indent: int | str | None, ascii_only: bool
) -> None:
    (node,) = read_yaml(SMALL, file="")
    assert isinstance(node.value, dict)
    document = node.value | {"context": {"a": {"static": [value, "\U0001f600\\ud83d"]}}}
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    meant = parse_json(text.encode())
    assert isinstance(meant, dict)
    (definition,) = read(text).definitions
    assert {"a": {"static": definition.context["a"].static_}} == meant["context"]


# -- hostile input --------------------------------------------------------------------------------

LAUGHS = "a: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"b{n}: &a{n + 1} [{','.join([f'*a{n}'] * 10)}]\n" for n in range(9)
)


CHAIN = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 100))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(LAUGHS, "more than 100000 values, aliases counted", id="laughs"),
        pytest.param(CHAIN, "nested deeper than 64 levels", id="alias-chain"),
        pytest.param("[" * 500_000, "nested deeper than 64 levels", id="lists"),
        pytest.param("- " * 500_000, "nested deeper than 64 levels", id="block-lists"),
        pytest.param("? " * 500_000, "nested deeper than 64 levels", id="keys"),
        pytest.param('{"a":' * 100_000, "nested deeper than 64 levels", id="objects"),
        pytest.param("x" * (MAX_BYTES + 1), "larger than 1048576 bytes", id="ascii"),
        pytest.param("é" * (MAX_BYTES // 2 + 1), "larger than 1048576 bytes", id="utf-8"),
        pytest.param(f"? {'k' * 100_000}\n: 1", "unknown key `kkk", id="long-key"),
        pytest.param(f"kind: {'k' * 100_000}", "unknown kind `kkk", id="long-kind"),
        pytest.param("\n".join(f"k{n}: 1" for n in range(49_000)), "unknown key", id="many-keys"),
    ],
)
def test_hostile_input_is_refused_quickly(text: str, reason: str) -> None:
    started = process_time()
    found = issues(text)
    assert process_time() - started < 5
    assert any(reason in issue for issue in found)
    assert all(len(issue) < 400 for issue in found)


def test_depth_up_to_the_bound_is_fine() -> None:
    (node,) = read_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH, file="")
    assert node.height == MAX_DEPTH


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#,?\n \t01~", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(InvalidDefinitionError):
        parse_definitions(text, file="f")


# -- bundles --------------------------------------------------------------------------------------


def test_an_id_twice_in_one_file() -> None:
    assert issues(f"{SMALL}---\n{SMALL}") == ["9:5: id: definition `a` is there already, f.yaml:1"]


def test_an_id_twice_in_two_files() -> None:
    bundles = [parse_definitions(SMALL, file=name) for name in ("one.yaml", "two.yaml")]
    with pytest.raises(InvalidDefinitionError) as error:
        merge(bundles)
    assert str(error.value) == "two.yaml:1:5: id: definition `a` is there already, one.yaml:1"


def test_merging_keeps_everything() -> None:
    merged = merge([read(SMALL), read(CALENDAR), read(CONNECTIONS), Bundle()])
    assert [part.id for part in merged.parts] == ["billing", "weather", "holidays", "a"]


def test_a_bundle_tells_the_place_of_later_findings() -> None:
    text = f"{SMALL}---\n{EVENT}"
    bundle = merge([parse_definitions(text, file="f.yaml")])
    issue = bundle.issue(bundle.definitions[1], ["trigger", "event", "filter"], "no such field")
    expected = (
        f"f.yaml:{place(text, chr(39) + 'event.data.amount')} trigger.event.filter: no such field"
    )
    assert str(issue) == expected


def test_parts_of_no_file_have_no_place() -> None:
    bundle = Bundle(read(SMALL).definitions)
    issue = bundle.issue(bundle.definitions[0], ["rules", 0], "wrong")
    assert str(issue) == "definition a:1:1: rules[0]: wrong"

"""Strict JSON: the outside vectors, the limits, and what must survive a round trip."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.errors import MalformedJsonError
from activity_core.core.jsontext import JsonValue, canonical_json, parse_json

VECTORS = Path(__file__).parents[3] / "shared" / "vectors"
SUITE = VECTORS / "jsontestsuite" / "test_parsing"
# Stricter than the suite on purpose: readers do not agree on which of the two counts.
REFUSED_THOUGH_VALID = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def int64_or_float(text: str) -> int | float:
    return number if -(2**63) <= (number := int(text)) < 2**63 else float(text)


def require(path: Path) -> Path:
    if not path.exists():
        pytest.skip("the outside vectors are not beside this checkout")
    return path


def suite(prefix: str) -> list[Path]:
    return sorted(require(SUITE).glob(f"{prefix}_*.json"))


def test_suite_what_is_json_is_accepted() -> None:
    for path in suite("y"):
        if path.name in REFUSED_THOUGH_VALID:
            with pytest.raises(MalformedJsonError, match="occurs twice"):
                parse_json(path.read_bytes())
        else:
            assert parse_json(path.read_bytes()) == json.loads(path.read_bytes()), path.name


def test_suite_what_is_not_json_is_refused() -> None:
    accepted = []
    for path in suite("n"):
        try:
            parse_json(path.read_bytes())
        except MalformedJsonError:
            continue
        accepted.append(path.name)
    assert accepted == []


def test_suite_what_is_undecided_never_crashes_and_can_be_written_again() -> None:
    for path in suite("i"):
        try:
            value = parse_json(path.read_bytes())
        except MalformedJsonError:
            continue
        assert parse_json(canonical_json(value)) == value, path.name


def test_naughty_strings_survive() -> None:
    naughty = json.loads(require(VECTORS / "blns.json").read_bytes())
    assert parse_json(canonical_json(naughty)) == naughty
    assert parse_json(json.dumps(naughty, ensure_ascii=False).encode()) == naughty


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"a":1,"b":{"k":1,"k":1}}', 'key "k" occurs twice'),
        (b'{"a":1,"\\u0061":2}', 'key "a" occurs twice'),
        (b"[NaN]", "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"[1e400]", 'number "1e400" is too large'),
        (b"9" * 5000, "is too large for a double"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\uDC00":1}', "surrogate"),
        (b'["\\\\\\ud800x"]', "surrogate"),
        (b"\xef\xbb\xbf{}", "line 1 column 1"),
        (b"\xff\xfe[\x00]\x00", "not UTF-8 at byte 0"),
        (b'["\xed\xa0\x80"]', "not UTF-8 at byte 2"),
        (b'{\n  "a": tru}', "line 2 column 8"),
        (b"", "line 1 column 1"),
        (b"[" * 100_000, "deeper than 64"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "deeper than 64"),
        (b'"' + b'\\"' * 200_000 + b"[" * 65, "deeper than 64|not JSON"),
    ],
)
def test_refused(raw: bytes, message: str) -> None:
    with pytest.raises(MalformedJsonError, match=message):
        parse_json(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'"\\u0000"', "\0"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\\\ud800"', "\\ud800"),
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"1e-400", 0.0),
        (b"-0", 0),
    ],
)
def test_accepted(raw: bytes, value: object) -> None:
    assert parse_json(raw) == value


@pytest.mark.parametrize("raw", [b"9223372036854775808", b"-9223372036854775809", b"1" + b"0" * 99])
def test_integers_outside_int64_become_floats(raw: bytes) -> None:
    value = parse_json(raw)
    assert isinstance(value, float)
    assert value == float(raw)


@pytest.mark.parametrize("escape", [b"", rb"\"\\"])
def test_brackets_in_strings_neither_count_nor_hide_others(escape: bytes) -> None:
    flat = b'["' + escape + b'","[[[{{","]",7]'
    assert parse_json(flat, max_depth=1)
    hidden = b'[{"]":' * 3 + b'"' + escape + b'"' + b',"[":1}]' * 3
    assert parse_json(hidden, max_depth=6)
    with pytest.raises(MalformedJsonError, match="deeper than 5 levels"):
        parse_json(hidden, max_depth=5)


@pytest.mark.parametrize("depth", [1, 3, 64])
def test_depth_is_counted_exactly(depth: int) -> None:
    wide = b"[" + b",".join([b'{"[[[":"]{\\"{"}'] * 100) + b"]"
    assert parse_json(wide, max_depth=2)
    nested = b'[{"a":' * depth + b"[]" + b"}]" * depth
    assert parse_json(nested, max_depth=2 * depth + 1)
    with pytest.raises(MalformedJsonError, match=f"deeper than {2 * depth} levels"):
        parse_json(nested, max_depth=2 * depth)


def test_hostile_texts_take_linear_time() -> None:
    half = 1 << 18
    texts = [b"[" * 2 * half, b'[{"' + b'\\"' * half, b'["a' * half, b"[]," * half, b"[{" * half]
    start = time.process_time()
    for text in texts:
        with pytest.raises(MalformedJsonError):
            parse_json(text + b"[" * 65)
    assert time.process_time() - start < 5  # a quadratic scan takes minutes


@given(json_values)
def test_round_trip(value: JsonValue) -> None:
    assert parse_json(canonical_json(value)) == value


@given(json_values)
def test_other_writers_give_the_same_canonical_text(value: JsonValue) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1).encode()
    assert canonical_json(parse_json(text)) == canonical_json(value)


@given(st.dictionaries(st.text(), json_values, min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, JsonValue]) -> None:
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


@given(st.binary() | st.text('[]{}",:\\u0d8DcC1e.-9 tn').map(str.encode))
def test_any_bytes_give_a_value_or_the_documented_error(raw: bytes) -> None:
    try:
        value = parse_json(raw, max_depth=3)
    except MalformedJsonError:
        return
    assert json.loads(raw, parse_int=int64_or_float) == value


def test_canonical_json_is_compact_sorted_ascii() -> None:
    assert canonical_json({"b": [1, 1.0], "a": "é"}) == b'{"a":"\\u00e9","b":[1,1.0]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))

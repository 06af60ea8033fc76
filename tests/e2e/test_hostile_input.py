"""Texts that broke others, everywhere where we take text: read back as they came, or refused.

The real server over the real store; nothing may be answered by a 5xx. Outside vectors: all of
JSONTestSuite, and the big list of naughty strings.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest
from tests.api import BATCH, STRUCTURED, YAML, Json, together
from tests.e2e.conftest import Stack

VECTORS = Path(__file__).parents[3] / "shared" / "vectors"
# Stricter than the suite on purpose: readers do not agree on which of the two counts.
REFUSED_THOUGH_VALID = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}
NOTHING = "n_structure_no_data.json"  # which is how an event without data travels
DEFINITION = """
id: naughty
trigger: {event: {type: naughty.never}}
rules: [{id: all, tasks: [{id: look, human: {title: Look}}]}]
---
kind: source
id: naughty
webhook: {verify: {bearer: {secrets: ["env:OUTSIDE_TOKEN"]}}}
"""
ATTRIBUTES = ("id", "source", "type", "subject", "datacontenttype", "dataschema", "time", "note")
ODD = frozenset('\0\r\n%"')
"""What no client sends raw in a header, or what means something else there."""
Sql = psycopg.AsyncConnection[dict[str, Any]]


def require(path: Path) -> Path:
    if not path.exists():
        pytest.skip("the outside vectors are not beside this checkout")
    return path


def suite() -> dict[str, bytes]:
    """JSONTestSuite: bytes by file name, which says what they are."""
    folder = require(VECTORS / "jsontestsuite" / "test_parsing")
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.json"))}


@pytest.fixture(scope="module")
def naughty() -> Sequence[str]:
    """Each once."""
    return list(dict.fromkeys(json.loads(require(VECTORS / "blns.json").read_bytes())))


@pytest.fixture(scope="module", autouse=True)
async def _definition(stack: Stack) -> None:
    await stack.api.apply(DEFINITION)


@pytest.fixture(autouse=True)
async def _still_well(stack: Stack) -> AsyncIterator[None]:
    yield
    assert "request_failed" not in stack.program.output, stack.program.last_words
    await stack.api.until_ready(within=5)


async def stored(sql: Sql, source: str) -> dict[str, Json]:
    """Envelopes by id, from the store itself."""
    query = b"select event_id, body from events where source = %s"
    rows = await (await sql.execute(query, [source])).fetchall()
    return {row["event_id"]: json.loads(row["body"]) for row in rows}


async def read_back(stack: Stack, source: str, id_: str) -> Json:
    """The envelope, as the API shows it."""
    shown = await stack.api.get(f"/v1/events/{quote(id_, safe='')}", source=source)
    envelope: Json = shown["envelope"]
    return envelope


def batches(events: Sequence[Json]) -> Iterator[Sequence[Json]]:
    yield from (events[start : start + 500] for start in range(0, len(events), 500))


def headers(values: dict[str, bytes]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value) for name, value in values.items()]


def judged(name: str, status: int) -> bool:
    """Whether a file of the suite was answered as its name says."""
    if name in REFUSED_THOUGH_VALID:
        return status == 400
    if name == NOTHING or name.startswith("y_"):
        return status == 202
    return status == 400 if name.startswith("n_") else status in (202, 400)


def as_we_read(raw: bytes) -> Any:
    """With other integers than those of 64 bits as floats, as documented."""

    def number(text: str) -> int | float:
        return exact if -(2**63) <= (exact := int(text)) < 2**63 else float(text)

    return json.loads(raw, parse_int=number) if raw else None


async def test_each_file_of_the_suite_as_the_data_of_an_event(stack: Stack, sql: Sql) -> None:
    """In binary mode: the body is the very file."""
    sent = {"ce-specversion": b"1.0", "ce-type": b"json.suite", "ce-source": b"/suite"}
    files = suite()
    answers = await together(
        stack.api.http.post(
            "/v1/events",
            content=raw,
            headers=headers(sent | {"content-type": b"application/json", "ce-id": name.encode()}),
        )
        for name, raw in files.items()
    )
    accepted = {}
    for (name, raw), answer in zip(files.items(), answers, strict=True):
        assert judged(name, answer.status_code), f"{name}: {answer.text}"
        if answer.is_success:
            accepted[name] = as_we_read(raw)
    kept = await stored(sql, "/suite")
    assert {id_: event.get("data") for id_, event in kept.items()} == accepted
    for name in list(accepted)[::10]:
        assert (await read_back(stack, "/suite", name)).get("data") == accepted[name], name


async def test_each_file_of_the_suite_within_an_event(stack: Stack) -> None:
    head = b'{"specversion":"1.0","source":"/suite/whole","type":"json.suite","id":'
    files = suite()
    answers = await together(
        stack.api.http.post(
            "/v1/events",
            content=head + json.dumps(name).encode() + b',"data":' + raw + b"}",
            headers=STRUCTURED,
        )
        for name, raw in files.items()
    )
    for name, answer in zip(files, answers, strict=True):
        assert judged(name, answer.status_code) or name == NOTHING, f"{name}: {answer.text}"


async def test_naughty_data_is_kept_as_it_came(
    stack: Stack, sql: Sql, naughty: Sequence[str]
) -> None:
    events: list[Json] = [
        {
            "specversion": "1.0",
            "id": str(place),
            "source": "/naughty/data",
            "type": "naughty.data",
            "data": {"value": text, text: [text]},
        }
        for place, text in enumerate(naughty)
    ]
    for batch in batches(events):
        answer = await stack.api.http.post("/v1/events", json=batch, headers=BATCH)
        assert answer.status_code == 202
        assert {item["status"] for item in answer.json()["items"]} == {"accepted"}
    kept = await stored(sql, "/naughty/data")
    assert [kept[event["id"]]["data"] for event in events] == [event["data"] for event in events]
    for event in events[::25]:
        assert (await read_back(stack, "/naughty/data", event["id"]))["data"] == event["data"]


async def test_naughty_attributes_are_kept_as_they_came_or_refused(
    stack: Stack, sql: Sql, naughty: Sequence[str]
) -> None:
    good = {"specversion": "1.0", "source": "/naughty/attributes", "type": "naughty.attribute"}
    events = [
        good | {"id": f"{attribute} {place}"} | {attribute: text}
        for attribute in ATTRIBUTES
        for place, text in enumerate(naughty)
    ]
    accepted = []
    for batch in batches(events):
        answer = await stack.api.http.post("/v1/events", json=batch, headers=BATCH)
        assert answer.status_code in (202, 400), answer.text
        for event, item in zip(batch, answer.json()["items"], strict=True):
            assert item["status"] in ("accepted", "invalid"), (event, item)
            if item["status"] == "accepted":
                assert (item["source"], item["id"]) == (event["source"], event["id"])
                accepted.append(event)
    kinds = Counter(event["id"].split(" ")[0] for event in accepted)
    assert kinds["subject"] > 400
    assert kinds["note"] > 400
    for source in {event["source"] for event in accepted}:
        kept = await stored(sql, source)
        for event in accepted:
            if event["source"] == source:
                assert kept[event["id"]] == event
    for event in accepted[::40]:
        assert await read_back(stack, event["source"], event["id"]) == event


async def test_naughty_headers_are_understood_or_refused(
    stack: Stack, sql: Sql, naughty: Sequence[str]
) -> None:
    """Percent-encoded as the binding wants it, and as raw UTF-8, which some SDKs send."""
    sent = {
        f"encoded{place}": (text, quote(text, safe="").encode())
        for place, text in enumerate(naughty)
    } | {
        f"raw{place}": (text, text.encode())
        for place, text in enumerate(naughty)
        if place % 3 == 0 and text.strip() == text and text and not set(text) & ODD
    }
    common = {"ce-specversion": b"1.0", "ce-type": b"naughty", "ce-source": b"/naughty/headers"}
    answers = await together(
        stack.api.http.post(
            "/v1/events",
            headers=headers(
                common | {"ce-id": id_.encode(), "ce-subject": value, "ce-note": value}
            ),
        )
        for id_, (_, value) in sent.items()
    )
    expected = {}
    for (id_, (text, _)), answer in zip(sent.items(), answers, strict=True):
        assert answer.status_code in (202, 400), (id_, text, answer.text)
        if answer.is_success:
            expected[id_] = (text, text)
    kept = await stored(sql, "/naughty/headers")
    assert {id_: (event["subject"], event["note"]) for id_, event in kept.items()} == expected
    assert len(expected) > 550


async def test_naughty_words_in_every_question(stack: Stack, naughty: Sequence[str]) -> None:
    paths = [
        *("/v1/events/{}", "/v1/runs/{}", "/v1/definitions/{}", "/v1/sources/{}"),
        *("/v1/events?source={}&type={}", "/v1/refusals?sender={}", "/v1/runs?cursor={}"),
        *("/console/events/explain?id={}", "/v1/dead-letters?code={}&cursor={}"),
    ]
    asked = [
        paths[place % len(paths)].replace("{}", quote(text, safe=""))
        for place, text in enumerate(naughty)
    ]
    for path, answer in zip(asked, await together(map(stack.api.http.get, asked)), strict=True):
        expected = {200, 400, 404, 405, 307 if path.endswith("%2F") else 404}
        assert answer.status_code in expected, (path, answer.text)


async def test_naughty_reasons_are_kept_as_they_came(stack: Stack, naughty: Sequence[str]) -> None:
    for noun in ("definitions", "sources"):
        for text in naughty[::10]:
            for verb in ("pause", "resume"):
                changed = await stack.api.post(f"/v1/{noun}/naughty/{verb}", {"reason": text})
                assert changed["reason"] == text
        assert (await stack.api.get(f"/v1/{noun}/naughty"))["reason"] == text


async def test_naughty_names_of_sources_are_nobodys(stack: Stack, naughty: Sequence[str]) -> None:
    hooks = [f"/v1/hooks/{quote(text, safe='')}" for text in naughty]
    for path, answer in zip(hooks, await together(map(stack.api.http.post, hooks)), strict=True):
        expected = {404, 307 if path.endswith("%2F") else 404}
        assert answer.status_code in expected, (path, answer.text)
    for text in naughty[::5]:
        named = json.dumps({"kind": "source", "id": text, "api": {"keys": 7}})
        answer = await stack.api.http.put("/v1/definitions", content=named, headers=YAML)
        assert answer.status_code == 422, (text, answer.text)


async def test_a_terminal_and_a_page_are_not_driven_by_data(stack: Stack) -> None:
    text = (
        "\x1b]0;owned\x07\x1b[2J \u202e\u0000 [red]x[/red] <script>alert(1)</script> {{7*7}} \u009b"
    )
    event = {"specversion": "1.0", "source": "/naughty/cli", "type": "naughty.cli", "id": "<b>[b]"}
    whole = event | {"subject": "<script>[/]", "data": {text: text}}
    await stack.api.send(whole)
    assert (await stack.said("events", "show", "<b>[b]"))["envelope"] == whole
    for arguments in (("show", "<b>[b]"), ("list", "--source", "/naughty/cli")):
        done = await stack.cli("events", *arguments)
        assert done.code == 0, done.err
        assert "<b>[b]" in done.out
        assert not set(done.out) & set("\x1b\x07\0\u009b\u202e")
    page = await stack.api.http.get(
        "/console/events/explain", params={"id": "<b>[b]", "source": "/naughty/cli"}
    )
    for place in (page, await stack.api.http.get("/console/events")):
        assert place.status_code == httpx.codes.OK, place.text
        assert "<script>alert" not in place.text
        assert "<script>[" not in place.text
        assert "<b>[b]" not in place.text
        assert "&lt;b&gt;[b]" in place.text

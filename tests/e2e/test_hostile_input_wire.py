"""Bytes at the port of the real server: what is no request, and requests that are too much.

Whatever comes, the answer is a 4xx or the end of the connection, nothing is stored of it, and the
next request is served.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from tests.api import BATCH, STRUCTURED, Json
from tests.e2e.conftest import Stack

from activity_core.api.request_head import MOST_HEAD_BYTES

EVENT: Json = {"specversion": "1.0", "source": "/wire", "type": "wire.test", "id": "1"}
BINARY = [f"ce-{name}: {value}" for name, value in EVENT.items()]
Sql = psycopg.AsyncConnection[dict[str, Any]]


@pytest.fixture(autouse=True)
async def _nothing_of_it_is_stored(stack: Stack, sql: Sql) -> AsyncIterator[None]:
    yield
    query = b"select event_id from events where source = '/wire'"
    assert await (await sql.execute(query)).fetchall() == []
    assert "request_failed" not in stack.program.output, stack.program.last_words
    await stack.api.until_ready(within=5)


async def talk(stack: Stack, raw: bytes, *, pieces: int = 1 << 14) -> bytes:
    """What the server answers until it closes, or has answered one request whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.api.http.base_url.port)
    try:
        async with asyncio.timeout(30):
            try:
                for start in range(0, len(raw), pieces):
                    writer.write(raw[start : start + pieces])
                    await writer.drain()
                return await _answer(reader)
            except ConnectionError:
                return b""
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.read(1 << 16)
    if b"connection: close" not in head.lower():
        return head
    return head + await reader.read()


def request(*headers: str, line: str = "POST /v1/events HTTP/1.1", body: bytes = b"") -> bytes:
    return "\r\n".join((line, "host: 127.0.0.1", *headers, "", "")).encode("latin-1") + body


def status(answer: bytes) -> int:
    """0: the connection was closed without a word."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(64),
        b"\xff" * 2_000,
        b"\r\n" * 50 + b"?",
        request(line="POST /v1/events HTTP/9.9"),
        request(line="POST /v1/ev\x00ents HTTP/1.1"),
        request(line="POST /v1/ev\xffents HTTP/1.1"),
        request(line="HACK /v1/events HTTP/1.1"),
        request(line="POST  HTTP/1.1"),
        request("na me: x"),
        request("name : x"),
        request("x: a\x00b"),
        request("x: a\x0bb\x7f"),
        request(": nameless"),
        request("content-length: -1"),
        request("content-length: 1e3"),
        request("content-length: 99999999999999999999999"),
        request("content-length: 3", "content-length: 4", body=b"abcd"),
        request("content-length: 3", "transfer-encoding: chunked", body=b"0\r\n\r\n"),
        request("transfer-encoding: chunked, identity", body=b"0\r\n\r\n"),
        request("transfer-encoding: chunked", body=b"zz\r\n\r\n"),
        request("transfer-encoding: chunked", body=b"ffffffffffffffffff\r\n"),
        request("transfer-encoding: chunked", body=b"-1\r\n\r\n"),
    ],
)
async def test_what_is_no_request(stack: Stack, raw: bytes) -> None:
    assert status(await talk(stack, raw)) == 400


@pytest.mark.parametrize(
    "raw",
    [
        request(line="POST http://elsewhere.example/v1/events HTTP/1.1"),
        request(line="POST //v1/events HTTP/1.1"),
        request(line="POST /v1/%2e%2e/v1/events HTTP/1.1"),
        request(line="GET /v1/events/%00 HTTP/1.1"),
        request(line="GET /v1/events/%ff%fe HTTP/1.1"),
        request(line="GET /v1/runs?limit=%ff&limit=2 HTTP/1.1"),
        request(line="GET /console/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd HTTP/1.1"),
        request(line="OPTIONS * HTTP/1.1"),
        request(line="CONNECT elsewhere.example:443 HTTP/1.1"),
        request(line="TRACE /v1/events HTTP/1.1"),
        request("connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13"),
        request("connection: upgrade", "upgrade: h2c", "http2-settings: AA", "content-length: 0"),
        request("content-length: 0", *BINARY, "ce-id: 2"),
        request("content-length: 0", *BINARY, "ce-subject: %ff%fe"),
        request("content-length: 0", *BINARY, "ce-time: 2026-13-45T99:99:99Z"),
        request("content-length: 0", *BINARY, "ce-time: 0000-01-01T00:00:00Z"),
        request("content-length: 0", *BINARY, "ce-data: 1"),
        request("content-length: 0", *BINARY, "ce-note: " + "%F0%9F%98%80" * 1_025),
        request("content-length: 2", *BINARY, "content-encoding: gzip", body=b"{}"),
    ],
)
async def test_requests_that_lead_nowhere(stack: Stack, raw: bytes) -> None:
    assert 400 <= status(await talk(stack, raw)) < 500


@pytest.mark.parametrize("pieces", [1 << 12, 1 << 20])
@pytest.mark.parametrize(
    "raw",
    [
        request("x: " + "a" * MOST_HEAD_BYTES),
        request("x" * MOST_HEAD_BYTES + ": a"),
        request(*(f"x{number}: a" for number in range(20_000))),
        request(line="GET /v1/events?source=" + "a" * MOST_HEAD_BYTES + " HTTP/1.1"),
        request("x: " + "a" * (4 << 20))[:-4],  # it never ends
        request(*["x: a"] * (1 << 20))[:-4],
        b"GET /" + b"a" * (4 << 20),
    ],
)
async def test_a_head_that_is_too_long(stack: Stack, raw: bytes, pieces: int) -> None:
    assert status(await talk(stack, raw, pieces=pieces)) in (0, 400)


async def test_a_long_head_is_read(stack: Stack) -> None:
    longest = ["ce-note: " + "%F0%9F%98%80" * 1_024, *(f"x{n}: {n}" for n in range(1_000))]
    answer = await talk(stack, request("connection: close", "ce-id: 1", *longest))
    assert b"ce-specversion is missing" in answer
    assert status(answer) == 400


async def test_trailers_are_no_headers(stack: Stack) -> None:
    """Whoever stands before us may have looked only at the headers."""
    chunked = request("connection: close", "transfer-encoding: chunked", *BINARY[1:], body=b"0\r\n")
    answer = await talk(stack, chunked + b"ce-specversion: 1.0\r\n\r\n")
    assert b"ce-specversion is missing" in answer
    assert status(answer) == 400
    endless = chunked + b"x: a\r\n" * MOST_HEAD_BYTES
    assert status(await talk(stack, endless)) in (0, 400)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"[" * 65 + b"]" * 65, "json_malformed"),
        (b"[" * 500_000, "json_malformed"),
        (b'{"a":' * 150_000, "json_malformed"),
        (b"1e999", "json_malformed"),
        (b"-" + b"9" * 400, "json_malformed"),
        (b"9" * 100_000, "json_malformed"),
        (b'{"a":1,"b":{"\\u0061":1,"a":2}}', "json_malformed"),
        (b"NaN", "json_malformed"),
        (b'"\\ud800"', "json_malformed"),
        (b'"\xed\xa0\x80"', "json_malformed"),
        (b'"\xc0\x80"', "json_malformed"),
        (b'"\xff"', "json_malformed"),
        (b'"' + b"a" * (1 << 20) + b'"', "payload_too_large"),
    ],
)
async def test_data_beyond_our_limits(stack: Stack, data: bytes, code: str) -> None:
    whole = json.dumps(EVENT).encode()[:-1] + b',"data":' + data + b"}"
    answer = await stack.api.http.post("/v1/events", content=whole, headers=STRUCTURED)
    assert (answer.status_code, answer.json()["code"]) == (413 if "large" in code else 400, code)
    assert len(answer.content) < 1_000


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        (b"[" + b",".join([b"{}"] * 1_001) + b"]", 413),
        (b"[" + b",".join([b"{}"] * 300_000) + b"]", 413),
        (b"[" + b",".join([b"[]"] * 1_000) + b"]", 400),
        (b"{}", 400),
        (b"[" + b'{"' + b"a" * 1_000_000 + b'":1}' + b"]", 400),
        (json.dumps([{f"x{n}": 1 for n in range(50_000)}]).encode(), 400),
    ],
)
async def test_batches_beyond_our_limits(stack: Stack, batch: bytes, expected: int) -> None:
    answer = await stack.api.http.post("/v1/events", content=batch, headers=BATCH)
    assert answer.status_code == expected, answer.text[:300]
    assert len(answer.content) < 500_000

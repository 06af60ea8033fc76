"""Forgery over live HTTP: a signed request is believed as it was signed, once, and in its time.

Requests are signed as the senders' pages say, without the code under test. For each scheme:
every byte of the body, of the signature and of what else is signed is changed; whatever is not
believed is answered alike, and nothing of it is stored.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from tests.api import eventually, together
from tests.e2e.conftest import Stack
from tests.unit.proofs import Sign, github, slack, standard_webhooks, stripe

from activity_core.adapters.system_clock import SystemClock

SECRET = "whsec_" + b64encode(b"a secret of thirty-two bytes, so").decode()
NEXT = "whsec_" + b64encode(b"the one that follows, 32 bytes..").decode()
OTHER = "whsec_" + b64encode(b"another one of thirty-two bytes!").decode()
TABLES = ("event_keys", "events", "pending_events", "dead_letters", "runs")
Sql = psycopg.AsyncConnection[dict[str, Any]]


@dataclass(frozen=True)
class Sender:
    """A system that signs what it sends to the source of its name."""

    name: str
    sign: Sign
    body: bytes
    more: Mapping[str, str]
    signs_time: bool = True

    @property
    def source(self) -> str:
        return f"forged-{self.name.replace('_', '-')}"

    def yaml(self, secrets: Iterable[Path]) -> str:
        refs = json.dumps([f"file:{path}" for path in secrets])
        way = f"{{verify: {{{self.name}: {{secrets: {refs}}}}}"
        made = (
            ", map: {type: '\"forged.paid\"', id: body.id, data: body.n}"
            if self.name == "standard_webhooks"
            else f", preset: {self.name}"
        )
        return f"kind: source\nid: {self.source}\nwebhook: {way}{made}}}\n"

    def request(self, body: bytes | None = None, secret: str = SECRET, *, ago: int = 0) -> "Signed":
        raw = self.body if body is None else body
        now = int(SystemClock().now().timestamp())  # the server goes by the real time
        return Signed(self, raw, self.sign(raw, secret, now - ago))


@dataclass(frozen=True)
class Signed:
    """One request; `proof` holds the headers that sign, or are signed."""

    sender: Sender
    body: bytes
    proof: Mapping[str, str]

    async def send(self, stack: Stack) -> httpx.Response:
        fields = {"content-type": "application/json", **self.sender.more, **self.proof}
        raw = [(name.encode(), value.encode("latin-1")) for name, value in fields.items()]
        return await stack.api.http.post(
            f"/v1/hooks/{self.sender.source}", content=self.body, headers=raw
        )

    def mutations(self) -> Iterator["Signed"]:
        """Each byte replaced by another, and by one more beside it."""
        for place, byte in enumerate(self.body):
            before, after = self.body[:place], self.body[place + 1 :]
            yield replace(self, body=before + bytes([byte ^ 1]) + after)
            yield replace(self, body=before + bytes([byte, 0x20]) + after)
        for name, value in self.proof.items():
            for place, letter in enumerate(value):
                start, rest = value[:place], value[place + 1 :]
                # `!` has no meaning in any of them; the next letter often has.
                for text in (start + "!" + rest, start + chr(ord(letter) ^ 1) + rest):
                    yield replace(self, proof={**self.proof, name: text})


SENDERS = [
    Sender("standard_webhooks", standard_webhooks, b'{"id":"p-1","n":{"pay":7}}', {}),
    Sender(
        "github",
        github,
        b'{"action":"opened","repository":{"full_name":"a/b"}}',
        {"x-github-event": "issues"},
        signs_time=False,
    ),
    Sender(
        "stripe",
        stripe,
        b'{"id":"evt_1","type":"paid","created":1700000000,"data":{"object":{"id":"ch"}}}',
        {},
    ),
    Sender(
        "slack",
        slack,
        b'{"event_id":"Ev1","type":"event_callback","event":{"type":"m"},'
        b'"team_id":"T","api_app_id":"A"}',
        {},
    ),
]
BY_NAME = pytest.mark.parametrize("sender", SENDERS, ids=lambda sender: sender.name)
TIMED = pytest.mark.parametrize(
    "sender", [sender for sender in SENDERS if sender.signs_time], ids=lambda sender: sender.name
)


@pytest.fixture(scope="module", autouse=True)
async def _sources(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("secrets")
    paths = [home / "one", home / "next"]
    for path, secret in zip(paths, (SECRET, NEXT), strict=True):
        path.write_text(secret)
    definition = (
        "id: on-forged\ntrigger: {event: {type: forged.*}}\n"
        "rules: [{id: all, tasks: [{id: look, human: {title: Look}}]}]\n"
    )
    await stack.api.apply("---\n".join([definition, *(each.yaml(paths) for each in SENDERS)]))


async def counts(sql: Sql) -> dict[str, int]:
    """Of runs only those of ours: the shared stack has others whose time comes."""
    ours = {"runs": " where definition_id = 'on-forged'"}
    query = "select " + ", ".join(
        f"(select count(*) from {name}{ours.get(name, '')}) as {name}" for name in TABLES
    )
    [row] = await (await sql.execute(query.encode())).fetchall()
    return row


async def settled(sql: Sql) -> dict[str, int]:
    """Rows by table, once nothing waits any more."""

    async def look() -> dict[str, int] | None:
        found = await counts(sql)
        return found if found["pending_events"] == 0 else None

    return await eventually(look, "all events are routed")


@pytest.fixture
async def nothing_stored(sql: Sql) -> AsyncIterator[None]:
    before = await settled(sql)
    yield
    assert await counts(sql) == before


async def refused(stack: Stack, code: str = "unverified") -> int:
    """How many webhooks were refused for it, as the metrics say."""
    text = (await stack.api.http.get("/metrics")).text
    start = f'activity_core_refusals_total{{code="{code}",via="webhook"}} '
    lines = [line for line in text.splitlines() if line.startswith(start)]
    return int(float(lines[0].removeprefix(start))) if lines else 0


def same_refusal(answers: Iterable[httpx.Response]) -> None:
    """401, and nothing but the date tells one from another."""
    seen = set()
    for answer in answers:
        fields = [field for field in answer.headers.multi_items() if field[0] != "date"]
        seen.add((answer.status_code, answer.content, tuple(fields)))
    [(status, body, _)] = seen
    assert status == httpx.codes.UNAUTHORIZED
    assert json.loads(body)["detail"] == "the request does not prove that it is from this source"


@BY_NAME
@pytest.mark.usefixtures("nothing_stored")
async def test_no_byte_can_be_changed(stack: Stack, sender: Sender) -> None:
    before = await refused(stack)
    forged = list(sender.request().mutations())
    same_refusal(await together(each.send(stack) for each in forged))
    assert await refused(stack) == before + len(forged)
    recorded = await stack.api.items("/v1/refusals", sender=sender.source, code="unverified")
    assert recorded
    named = ("source", "event_id", "event_type")
    assert not any(row[name] for row in recorded for name in named)


@BY_NAME
@pytest.mark.usefixtures("nothing_stored")
async def test_what_is_malformed_or_somebody_elses(stack: Stack, sender: Sender) -> None:
    good = sender.request()
    odd = ["", ",", "=", "v1", "v1,", "v1=", "t=,v1=", "sha256=", "v0=", "\xff", "0" * 5_000]
    forged = [replace(good, proof={}), sender.request(secret=OTHER)]
    for name, value in good.proof.items():
        rest = {each: text for each, text in good.proof.items() if each != name}
        values = [*odd, value[:-1], value[1:], value * 2, value.swapcase(), value[::-1]]
        forged += [replace(good, proof=rest)]
        forged += [replace(good, proof=rest | {name: text}) for text in values if text != value]
    forged += [
        replace(good, proof=other.request(good.body).proof)
        for other in SENDERS
        if other is not sender
    ]
    same_refusal(await together(each.send(stack) for each in forged))


@TIMED
@pytest.mark.usefixtures("nothing_stored")
async def test_what_is_expired_or_of_the_future(stack: Stack, sender: Sender) -> None:
    forged = [sender.request(ago=ago) for ago in (320, 3_600, 10**9, -320, -86_400, -(10**12))]
    same_refusal(await together(each.send(stack) for each in forged))


@BY_NAME
async def test_a_replay_is_nothing_new(stack: Stack, sql: Sql, sender: Sender) -> None:
    """A thousand times for the first; each is the very same request."""
    before = await settled(sql)
    signed = sender.request()
    first = await signed.send(stack)
    assert first.status_code == httpx.codes.ACCEPTED, first.text
    once = await settled(sql)
    assert once["events"] == before["events"] + 1
    if sender is SENDERS[0]:
        assert once["runs"] == before["runs"] + 1
    times = 1_000 if sender is SENDERS[0] else 30
    answers = await together(signed.send(stack) for _ in range(times))
    assert {answer.status_code for answer in answers} == {200}
    [item] = first.json()["items"]
    assert {answer.text for answer in answers} == {
        json.dumps(
            {"items": [item | {"status": "duplicate"}]}, sort_keys=True, separators=(",", ":")
        )
    }
    assert await settled(sql) == once


async def test_many_at_once_are_one(stack: Stack, sql: Sql) -> None:
    before = await settled(sql)
    signed = SENDERS[0].request(b'{"id":"at-once","n":1}')
    answers = await asyncio.gather(*(signed.send(stack) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [202]
    after = await settled(sql)
    assert (after["events"], after["runs"]) == (before["events"] + 1, before["runs"] + 1)


async def test_an_id_belongs_to_its_first_body(stack: Stack, sql: Sql) -> None:
    sender = SENDERS[0]
    first, other = b'{"id":"kept","n":1}', b'{"id":"kept","n":2}'
    assert (await sender.request(first).send(stack)).status_code == httpx.codes.ACCEPTED
    before = await settled(sql)
    conflicts = await refused(stack, "event_conflict")
    answer = await sender.request(other).send(stack)
    assert (answer.status_code, answer.json()["code"]) == (409, "event_conflict")
    assert await settled(sql) == before
    shown = await stack.api.get("/v1/events/kept", source=f"/sources/{sender.source}")
    assert shown["envelope"]["data"] == 1
    assert await refused(stack, "event_conflict") == conflicts + 1
    [row] = await stack.api.items("/v1/refusals", sender=sender.source, code="event_conflict")
    assert (row["event_id"], row["source"]) == ("kept", f"/sources/{sender.source}")


async def test_what_is_not_signed_makes_nothing_new(stack: Stack, sql: Sql) -> None:
    """GitHub signs the body alone: what its headers say may be anybody's words."""
    sender = SENDERS[1]
    signed = sender.request(b'{"action":"closed"}')
    assert (await signed.send(stack)).status_code == httpx.codes.ACCEPTED
    before = await settled(sql)
    for more in ({"x-github-event": "push"}, {"x-github-delivery": "another"}):
        forged = replace(signed, sender=replace(sender, more={**sender.more, **more}))
        answer = await forged.send(stack)
        assert answer.status_code == (409 if "x-github-event" in more else 200), answer.text
    assert await settled(sql) == before


@BY_NAME
async def test_the_next_secret_is_good_already(stack: Stack, sender: Sender) -> None:
    answer = await sender.request(secret=NEXT).send(stack)
    assert answer.is_success, answer.text

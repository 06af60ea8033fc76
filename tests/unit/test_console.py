"""The console's pages: with real data, escaped, loading nothing from elsewhere."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from urllib.parse import quote

import httpx
import pytest
from tests.unit.memory_system import DEFINITIONS, STRUCTURED, YAML, MemorySystem, event
from tests.unit.test_api_events import problem

from activity_core.adapters.memory.slot_ledger import MemorySlotLedger
from activity_core.console.question import PAGE_SIZE
from activity_core.console.routes import STATIC
from activity_core.core.decision import Outcome
from activity_core.core.schedule.gap import Gap
from activity_core.core.schedule.settlement import SlotDecision, SlotRun
from activity_core.ports.dead_letters import DeadLetter
from activity_core.ports.slot_ledger import SettledSlots, SlotCursor

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
SCRIPT = "<script>alert(1)</script>"
HEARTBEAT = """
id: heartbeat
enabled: false
trigger: {interval: {every: 10s}}
rules: [{id: all, tasks: [{id: t, human: {title: T}}]}]
"""
EVENT_TYPE = """
kind: event_type
id: paid
type: order.paid
versions: [{type: object}]
"""

LOADING = {"src", "href", "action", "srcset", "data", "poster", "style", "background"}
ADDRESS = re.compile(r"@import|url\((?!\s*['\"]?data:)", re.IGNORECASE)


class Elements(HTMLParser):
    """Tags, and what attributes point to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.targets: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.targets += [value or "" for name, value in attrs if name in LOADING]
        assert not any(name.startswith("on") for name, _ in attrs)


@pytest.fixture
async def system() -> MemorySystem:
    """Two definitions, an event that fired both, one that fired one, a dead letter."""
    system = MemorySystem()
    async with system.client() as client:
        text = DEFINITIONS.replace("Look at it", '"Look at ${event.data.note}"')
        assert (await client.put("/v1/definitions", content=text, headers=YAML)).is_success
        await client.put("/v1/definitions", content=HEARTBEAT, headers=YAML)
        data = {"amount": 120, "note": SCRIPT}
        await send(client, event("o-1", data=data, subject="a&b"))
        await send(client, event("o/2?", data={"amount": 1}))
        await send(client, event("o-3", type="nobody.listens"))
        await system.work()
    await system.dead_letters.bury(
        DeadLetter(
            dead_letter_id="d-1",
            via="nats",
            subject="events.x",
            code="json_malformed",
            message=SCRIPT,
            headers={},
            body=b"{",
            buried_at=system.clock.now(),
        )
    )
    return system


async def send(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert (await client.post("/v1/events", json=body, headers=STRUCTURED)).status_code == 202


async def show(system: MemorySystem, path: str, status: int = 200) -> str:
    """A page, after checking what holds for each."""
    async with system.client() as client:
        answer = await client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers.get_list("content-security-policy") == [POLICY]
    assert answer.headers["cache-control"] == "no-store"
    found = Elements(answer.text)
    assert not found.tags & {"script", "style", "iframe", "object", "base"}
    assert all(re.match(r"/console\b|#", target) for target in found.targets)
    return answer.text


async def run_id(system: MemorySystem, definition_id: str) -> str:
    async with system.client() as client:
        found = (await client.get("/v1/runs", params={"definition_id": definition_id})).json()
    return str(found["items"][0]["run_id"])


async def test_overview(system: MemorySystem) -> None:
    text = await show(system, "/console")
    for word in ("triage", "event, manual", "disabled", "shop", "json_malformed"):
        assert word in text
    assert re.search(r"2 <small>of 3</small>", text)
    assert re.search(r'status=failed">2</a>', text)
    assert re.search(r'status=open">1</a>', text)
    assert re.search(r'<time datetime="([^"]+Z)" title="\1">\d{4}-\d\d-\d\d \d\d:\d\d:\d\d<', text)


async def test_the_overview_tells_where_schedules_stand(system: MemorySystem) -> None:
    now = system.clock.now()
    ledger = MemorySlotLedger(system.state, recovery_rate=1)
    due = SlotCursor("heartbeat", "p", now - timedelta(hours=1), now, now)
    await ledger.plan([due])
    system.clock.advance(timedelta(seconds=2.5))
    text = await show(system, "/console")
    assert "overdue by 2.5 s" in text
    missed = [now - timedelta(seconds=10), now]
    decisions = [SlotDecision(slot, Outcome.COMPRESSED, run_for=now) for slot in missed]
    run = SlotRun(now, recovery=True, gap=Gap.of(missed))
    later = replace(due, covered_until=now, next_slot=now + timedelta(seconds=10))
    async with ledger.open_due(["heartbeat"], now) as opened:
        settled = SettledSlots("heartbeat", 1, later, decisions, [run])
        await opened.write([settled], system.clock.now())
    text = await show(system, "/console")
    assert "overdue" not in text
    assert re.search(
        r'<span class="state compressed">compressed</span></a>\s*<small>2.5 s late', text
    )
    chain = await show(system, f"/console/runs/{await run_id(system, 'heartbeat')}")
    assert "2 missed slots from" in chain


async def test_an_event_reads_as_a_chain(system: MemorySystem) -> None:
    text = await show(system, "/console/events/explain?source=%2Fshop&id=o-1")
    chain = [
        "received",
        "<summary>data</summary>",
        "2 definitions listened, 2 fired",
        "broken",
        "because of",
        "expression_failed",
        "triage",
        "because of",
        "<summary>context",
        "held 1 of 1, 1 task",
        "Look at ",
        "activity-core.task.created.v1",
    ]
    place = 0
    for link in chain:
        place = text.index(link, place) + len(link)
    filtered = await show(system, "/console/events/explain?id=o%2F2%3F")
    assert "event.data.amount &gt; 100: 1 &gt; 100 is false" in filtered
    assert "No definition listens" in await show(system, "/console/events/explain?id=o-3")


async def test_an_event_that_just_missed_and_a_run_of_an_event_of_ours(
    system: MemorySystem,
) -> None:
    run = await run_id(system, "triage")
    async with system.client() as client:
        await client.post("/v1/events", json=event("near", type="order-x"))
        [out, *_] = (await client.get(f"/v1/runs/{run}")).json()["events_out"]
        ours = event(out["event_id"], source="/activity-core/test", type="order.created")
        await client.post("/v1/events", json=ours)
        await system.work()
    text = await show(system, "/console/events/explain?id=near")
    assert "Near misses" in text
    assert "listens to order.*: differs only in case or separators" in text
    chain = await show(system, f"/console/runs/{await run_id(system, 'triage')}")
    assert "<b>emitted by</b>" in chain
    assert f"/console/runs/{run}" in chain


async def test_an_event_that_is_not_routed_yet(system: MemorySystem) -> None:
    async with system.client() as client:
        await send(client, event("o-4"))
    text = await show(system, "/console/events/explain?id=o-4")
    assert "not routed" in text
    assert "Nothing was decided yet." in text


async def test_an_event_that_never_came_in(system: MemorySystem) -> None:
    async with system.client() as client:
        await client.put("/v1/definitions", content=EVENT_TYPE, headers=YAML)
        system.clock.advance(timedelta(seconds=1))
        for id_ in ("o-1", SCRIPT):
            unfit = event(id_, type="order.paid", data="none")
            refused = await client.post("/v1/events", json=unfit, headers=STRUCTURED)
            assert refused.status_code == 422
    never = await show(system, f"/console/events/explain?id={quote(SCRIPT)}")
    assert "never came in" in never
    assert "schema_mismatch" in never
    assert SCRIPT not in never
    assert SCRIPT in unescape(never)
    beside = await show(system, "/console/events/explain?id=o-1")
    assert "because of" in beside
    assert "schema_mismatch" in beside
    listed = await show(system, "/console/refusals?sender=anonymous")
    assert listed.count("schema_mismatch") == 2
    assert SCRIPT not in listed


async def test_nothing_from_outside_is_markup(system: MemorySystem) -> None:
    paths = ["", "/events/explain?id=o-1", f"/runs/{await run_id(system, 'triage')}"]
    for path in [*paths, "/tasks", "/dead-letters"]:
        text = await show(system, f"/console{path}")
        assert SCRIPT not in text
        assert SCRIPT in unescape(text)
    hostile = '"><script>alert(1)</script>'
    for path in (f"/runs/{hostile}", f"/runs?definition_id={hostile}", f"/{hostile}"):
        assert hostile not in await show(
            system, f"/console{path}", 200 if "definition_id" in path else 404
        )


async def test_a_run(system: MemorySystem) -> None:
    text = await show(system, f"/console/runs/{await run_id(system, 'triage')}")
    assert "because of" in text
    assert "/console/events/explain?source=%2Fshop&amp;id=o-1" in text
    assert "decided" in text
    failed = await show(system, f"/console/runs/{await run_id(system, 'broken')}")
    assert "expression_failed" in failed


async def test_a_run_of_several_events_is_told_by_the_one_that_leads(system: MemorySystem) -> None:
    both = """
id: both
trigger: {composite: {count: {type: two, at_least: 2}, within: 1h}}
rules: [{id: all, tasks: [{id: t, human: {title: T}}]}]
"""
    async with system.client() as client:
        await client.put("/v1/definitions", content=both, headers=YAML)
        for name in ("a", "b"):
            await send(client, event(name, type="two"))
        await system.work()
    text = unescape(await show(system, f"/console/runs/{await run_id(system, 'both')}"))
    told = r"fired</span> leads a run of 2 events, and 1 more decision that"
    assert re.search(told, text)


async def test_lists_filter(system: MemorySystem) -> None:
    runs = await show(system, "/console/runs?definition_id=broken&status=failed")
    assert "definition_id is <strong>broken</strong>" in runs
    assert "triage" not in runs
    assert "None." in await show(system, "/console/runs?status=pending")
    assert "Look at" in await show(system, "/console/tasks?status=ready&group=fraud")
    assert "None." in await show(system, "/console/tasks?group=none")
    assert "None." in await show(system, "/console/dead-letters?status=replayed")
    assert "None." in await show(system, "/console/dead-letters?source_id=nobody")
    assert "None." in await show(system, "/console/refusals?code=unverified")
    events = await show(system, "/console/events?type=nobody.listens&id=&source=")
    assert "o-3" in events
    assert "o-1" not in events


async def test_lists_page(system: MemorySystem) -> None:
    async with system.client() as client:
        for number in range(PAGE_SIZE):
            system.clock.advance(timedelta(seconds=1))
            await send(client, event(f"more-{number}", type="more.events"))
    path, shown = "/console/events?source=/shop", []
    while path:
        text = await show(system, path)
        shown.append(re.findall(r'title="/shop ([^"]+)"', text))
        older = re.search(r'rel="next" href="([^"]+)"', text)
        path = unescape(older[1]) if older else ""
    assert [len(each) for each in shown] == [PAGE_SIZE, 3]
    assert shown[1][-1] == "o-1"
    assert not set(shown[0]) & set(shown[1])
    assert "newest" in text


async def test_definitions_page_by_id(system: MemorySystem) -> None:
    more = "---".join(HEARTBEAT.replace("heartbeat", f"more-{n:03}") for n in range(60))
    async with system.client() as client:
        assert (await client.put("/v1/definitions", content=more, headers=YAML)).is_success
    older = re.search(r'rel="next" href="([^"]+)"', await show(system, "/console"))
    assert older
    rest = await show(system, unescape(older[1]))
    assert "more-059" in rest
    assert "more-000" not in rest


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/nothing", 404, "there is nothing at /console/nothing"),
        ("/runs/none", 404, "no such run"),
        ("/events/explain?id=none", 404, "no such event"),
        ("/events/explain", 400, "which event?"),
        ("/runs?stauts=failed", 400, "did you mean `status`?"),
        ("/runs?status=lost", 400, "no such status"),
        ("/runs?status=failed&status=failed", 400, "twice"),
        ("/runs?cursor=x", 400, "no such cursor"),
        ("/runs?definition_id=%00", 400, "NUL"),
        ("/runs/%00", 400, "NUL"),
        ("?status=failed", 400, "unknown query parameter"),
    ],
)
async def test_errors_are_pages(system: MemorySystem, path: str, status: int, words: str) -> None:
    assert words in unescape(await show(system, f"/console{path}", status))


async def test_an_id_of_several_sources_shows_them_all(system: MemorySystem) -> None:
    async with system.client() as client:
        await send(client, event("o-1", source="/other"))
        answer = await client.get("/console/events/explain?id=o-1")
    assert answer.headers["location"] == "/console/events?id=o-1"
    text = await show(system, answer.headers["location"])
    assert {"/shop o-1", "/other o-1"} <= set(re.findall(r'title="([^"]+)"', text))


async def test_the_door_is_that_of_the_api(system: MemorySystem) -> None:
    async with system.client(keys={"ann": "secret"}) as client:
        for path in ("/", "/console", "/console/static/console.css"):
            problem(await client.get(path), 401, "unauthorised")
        client.headers["authorization"] = "Bearer secret"
        assert (await client.get("/console")).status_code == 200
    async with system.client() as client:
        assert (await client.get("/")).headers["location"] == "/console"
        refused = await client.get("/console", headers={"host": "evil.example"})
        problem(refused, 403, "foreign_page")
        problem(await client.post("/console"), 405, "method_not_allowed")


async def test_what_pages_load_is_ours(system: MemorySystem) -> None:
    text = await show(system, "/console")
    loaded = re.findall(r'<link [^>]*href="([^"]+)"', text)
    assert len(loaded) == 3
    async with system.client() as client:
        for path in loaded:
            asset = await client.get(path)
            assert asset.is_success
            assert asset.headers["cache-control"] == "no-cache"
        problem(await client.get("/console/static/%2E%2E/routes.py"), 404, "not_found")
    for sheet in STATIC.rglob("*.css"):
        assert not ADDRESS.findall(sheet.read_text()), sheet

"""The stage of the demo: everything that must run for the story, and the telling of it.

In: the example definitions. Out: a readable trace per chapter and an exit code; the temporary
directory and all servers are gone afterwards.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from rich.console import Console

from activity_core.cli.demo.listener import listening
from activity_core.cli.demo.shop import create_billing_database, shop
from activity_core.cli.demo.story import Chapter, DidNotHappenError, Story
from activity_core.cli.dev import Running, apply_bundle, dev_stack, read_files
from activity_core.cli.trace import event_tree, run_tree
from activity_core.settings import load_settings

BILLING_URL = "BILLING_DATABASE_URL"
"""Named in examples/overdue-invoices.yaml."""

Tell = Callable[[str], None]


async def run_demo(examples: Path) -> int:
    """Play the story; 0 if all of it really happened, 1 if something did not."""
    console = Console()
    began = time.monotonic()
    with console.status("starting") as status:

        def tell(text: str) -> None:
            status.update(text)
            console.print(
                f"{time.monotonic() - began:5.1f} s  {text}", style="dim", highlight=False
            )

        try:
            with tempfile.TemporaryDirectory(prefix="activity-core-demo-") as directory:
                async with _stage(Path(directory), examples, tell) as (story, api):
                    for chapter in await _play(story):
                        await _show(console, api, chapter)
                    tell("stopping what was started")
        except DidNotHappenError as failure:
            console.print(f"[bold red]It did not happen:[/] {failure}")
            return 1
    seconds = time.monotonic() - began
    console.print(f"[bold green]All of it really happened[/], in {seconds:.0f} s.")
    console.print("Everything that was started is stopped; nothing is left behind.")
    return 0


async def _play(story: Story) -> list[Chapter]:
    """The ways in do not wait for each other, in real life either."""
    async with asyncio.TaskGroup() as group:
        chapters = [
            group.create_task(chapter())
            for chapter in (story.order_by_http, story.issue_by_nats, story.slot, story.person)
        ]
    return [chapter.result() for chapter in chapters]


@asynccontextmanager
async def _stage(
    directory: Path, examples: Path, tell: Tell
) -> AsyncIterator[tuple[Story, httpx.AsyncClient]]:
    settings = load_settings(
        port=0, deployment="demo", database_url=None, temporal_address=None, nats_url=None
    )
    async with dev_stack(settings, directory, tell) as up, shop() as served:
        os.environ[BILLING_URL] = await create_billing_database(str(up.settings.database_url))
        async with (
            listening(str(up.settings.nats_url)) as listener,
            httpx.AsyncClient(base_url=up.api_url, timeout=10, trust_env=False) as api,
        ):
            tell(f"applying {examples}")
            await asyncio.to_thread(apply_bundle, up.api_url, read_files(examples))
            _print_where(up, tell)
            yield Story(api, listener, served, tell), api


async def _show(console: Console, api: httpx.AsyncClient, chapter: Chapter) -> None:
    """The trace of a chapter: event → decision → run → context → rules → tasks → events out."""
    console.rule(f"[bold]{chapter.title}[/]", align="left")
    run = (await api.get(f"/v1/runs/{chapter.run_id}/explain")).json()
    if run["events"]:
        event = run["events"][0]
        query = {"source": event["source"], "id": event["id"]}
        console.print(event_tree((await api.get("/v1/events/explain", params=query)).json()))
    else:
        console.print(run_tree(run))
    for check in [*chapter.checks, *chapter.heard]:
        console.print(f"  [green]✓[/] {check}", highlight=False)


def _print_where(up: Running, tell: Tell) -> None:
    tell(f"API {up.api_url}, Temporal UI {up.servers.temporal_ui}, NATS {up.settings.nats_url}")

"""The outside world of the demo: a shop's HTTP API and a billing database, both real, both tiny."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

SHOP_PORT = 9911
"""Named in examples/orders.yaml."""

CUSTOMERS = {"ada": {"name": "Ada", "email": "ada@example.com", "trusted": False}}

INVOICES = """
create table invoice (
    id text primary key, customer text not null, email text not null,
    amount numeric not null, due_on date not null, paid_on date
);
insert into invoice values
    ('INV-1', 'Blue Bakery', 'office@blue.example', 12500, current_date - 30, null),
    ('INV-2', 'Red Garage', 'hello@red.example', 80, current_date - 20, null),
    ('INV-3', 'Green Farm', 'post@green.example', 990, current_date - 3, null);
"""


async def create_billing_database(server_url: str) -> str:
    """A database of its own beside the stack's; returns its URL."""
    async with await psycopg.AsyncConnection.connect(server_url, autocommit=True) as link:
        await link.execute("create database billing")
    url = server_url.rsplit("/", 1)[0] + "/billing"
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as link:
        await link.execute(INVOICES)
    return url


@asynccontextmanager
async def shop() -> AsyncIterator[list[str]]:
    """The shop answers while inside; yields the list of requests that it served."""
    served: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _ = head.split(" ", 2)
        served.append(f"{method} {path}")
        status, answer = _answer(method, path)
        body = json.dumps(answer).encode()
        writer.write(
            f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", SHOP_PORT):
        yield served


def _answer(method: str, path: str) -> tuple[str, object]:
    if method == "GET":
        customer = CUSTOMERS.get(path.removeprefix("/customers/"))
        return ("200 OK", customer) if customer else ("404 Not Found", {})
    return "201 Created", {"accepted": path.strip("/")}

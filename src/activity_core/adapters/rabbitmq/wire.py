"""The bytes from RabbitMQ, mended where the client library could not read them.

In: the stream of frames. Out: the same, but for frames that would make the library drop the link.
RabbitMQ hands on what senders wrote without a look: routing keys in Latin-1, times in
microseconds. The link would be dropped at the same message for ever, with all that is behind it.
"""

import asyncio
import struct
from contextlib import suppress
from typing import Any

from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from pamqp import decode
from pamqp.commands import Basic
from pamqp.constants import FRAME_END_CHAR, FRAME_HEADER, FRAME_METHOD
from pamqp.header import ContentHeader
from yarl import URL

UNREADABLE = "unreadable-"
"""Prefix of the headers that hold, in hexadecimal, the properties that could not be read."""

_HEAD = struct.Struct(">BHI")  # type, channel, size of what follows but for one byte at the end
_DELIVER = Basic.Deliver.index.to_bytes(4, "big")
_BODY_SIZE = struct.Struct(">HHQ")
_FLAGS = struct.Struct(">H")


class MendingTransport(TransportFactory):
    """TCP or TLS, as the address says."""

    async def create(
        self, url: URL, **kwargs: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect; raises AMQPConnectionError."""
        factory = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
        reader, writer = await factory.create(url, **kwargs)
        return MendingReader(reader), writer


class MendingReader(asyncio.StreamReader):
    """Gives out whole frames; the library asks for pieces that never reach over their ends."""

    def __init__(self, wire: asyncio.StreamReader) -> None:
        super().__init__()
        self._wire = wire
        self._ready = b""
        self._passing = 0

    def at_eof(self) -> bool:
        """Whether nothing is left."""
        return not self._ready and self._wire.at_eof()

    async def readexactly(self, n: int) -> bytes:
        """The next `n` bytes of a frame; raises IncompleteReadError at the end of the stream."""
        if not (self._ready or self._passing):
            await self._begin()
        if self._ready:
            taken, self._ready = self._ready[:n], self._ready[n:]
            return taken
        self._passing -= n
        return await self._wire.readexactly(n)

    async def _begin(self) -> None:
        """Bodies pass unseen: they are bytes to the library too."""
        head = await self._wire.readexactly(_HEAD.size)
        kind, channel, size = _HEAD.unpack(head)
        if kind not in (FRAME_METHOD, FRAME_HEADER):
            self._ready, self._passing = head, size + 1
            return
        rest = await self._wire.readexactly(size + 1)
        mend = _mended_header if kind == FRAME_HEADER else _mended_method
        payload = None
        with suppress(IndexError, struct.error):  # cut short: for the library to refuse
            payload = mend(rest[:-1])
        if payload is None:
            self._ready = head + rest
        else:
            self._ready = _HEAD.pack(kind, channel, len(payload)) + payload + FRAME_END_CHAR


def _mended_method(payload: bytes) -> bytes | None:
    """A delivery whose exchange or routing key is not UTF-8 gets `?` there; None if it is fine."""
    if payload[:4] != _DELIVER or payload.isascii():
        return None
    names = 4 + 1 + payload[4] + 8 + 1  # behind class, method, consumer tag, number and flags
    key = names + 1 + payload[names]
    return payload[:names] + _ascii(payload[names:key]) + _ascii(payload[key:])


def _ascii(short_string: bytes) -> bytes:
    """As long as before: the first byte is its length."""
    try:
        short_string[1:].decode()
    except UnicodeDecodeError:
        return short_string[:1] + bytes(b if b < 128 else ord("?") for b in short_string[1:])  # noqa: PLR2004 - ASCII
    return short_string


def _mended_header(payload: bytes) -> bytes | None:
    """The properties without those that cannot be read; None if all can."""
    if _is_readable(payload):
        return None
    _, _, size = _BODY_SIZE.unpack_from(payload)
    (flags,) = _FLAGS.unpack_from(payload, _BODY_SIZE.size)
    values, unreadable = _properties(flags, payload[_BODY_SIZE.size + _FLAGS.size :])
    values["headers"] = {**values.get("headers", {}), **unreadable}
    properties = Basic.Properties()
    for name, value in values.items():
        setattr(properties, name, value)  # its constructor refuses more than its decoder
    return ContentHeader(0, size, properties).marshal()


def _is_readable(payload: bytes) -> bool:
    try:
        ContentHeader().unmarshal(payload)
    except Exception:  # noqa: BLE001 - whatever the decoder meets, it is the sender's doing
        return False
    return True


def _properties(flags: int, data: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """What can be read, by name; and what cannot, by the header that will tell of it."""
    values: dict[str, Any] = {}
    unreadable: dict[str, str] = {}
    for name, flag in Basic.Properties.flags.items():
        if not flags & flag:
            continue
        kind = getattr(Basic.Properties, f"_{name}")
        size = _size(kind, data)
        try:
            _, values[name] = decode.by_type(data[:size], kind)
        except Exception:  # noqa: BLE001 - as above
            unreadable[UNREADABLE + name] = data[:size].hex()
        data = data[size:]
    return values, unreadable


def _size(kind: str, data: bytes) -> int:
    """How many bytes a property of this type takes."""
    if kind == "table":
        return 4 + int.from_bytes(data[:4], "big")
    if kind == "shortstr":
        return 1 + int.from_bytes(data[:1], "big")
    return {"octet": 1, "timestamp": 8}[kind]

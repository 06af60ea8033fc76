"""The head of a request: no longer than it need be, and nothing that comes after the body.

In: the bytes of a connection, on their way to uvicorn's parser, which would read a head for ever
and takes trailers for headers. Out: requests for the door, or 400 and the end of the connection.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 64 << 10
"""Of a request line and headers: the longest attributes of an event fit, percent-encoded."""


class BoundedProtocol(HttpToolsProtocol):
    """HTTP that keeps no more of a request than it may need."""

    _idle = 0  # bytes that brought neither a whole head nor any body: a head, or trailers

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._idle += len(data)
        super().data_received(data)
        if self._idle > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        """Called by the parser; what it raises is answered by 400."""
        self._idle = 0
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MOST_HEAD_BYTES:
            raise ValueError(size)
        super().on_headers_complete()
        # Trailers land here, and not in the request: a proxy before us may have looked only at
        # headers, and they would count as much.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._idle = 0
        super().on_body(body)

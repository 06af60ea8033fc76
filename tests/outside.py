"""The world outside: an HTTP server whose answers a test lays out, and that remembers requests."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """One request as it came; a body that is no JSON is text."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """One answer: a status and JSON, and perhaps more headers; `pause` seconds late."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    pause: float = 0


class Outside:
    """Replies by path, in the order laid out; the last one stays. Unknown paths are 404."""

    def __init__(self) -> None:
        self.url = ""
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._replies: dict[str, list[Reply]] = {}
        self._requests: defaultdict[str, list[Request]] = defaultdict(list)
        self._all: list[Request] = []

    def answers(self, path: str, *replies: Reply) -> None:
        with self._lock:
            self._replies[path] = list(replies)

    def requests(self, path: str) -> list[Request]:
        with self._lock:
            return list(self._requests[path])

    def below(self, beginning: str) -> list[Request]:
        """Those whose path begins like this, in the order in which they came."""
        with self._lock:
            return [each for each in self._all if each.path.startswith(beginning)]

    def order(self, *paths: str) -> list[str]:
        """Which of these paths were asked for, in order."""
        with self._lock:
            return [each.path for each in self._all if each.path in paths]

    def reply(self, request: Request) -> Reply:
        reply = self._reply(request)
        if reply.pause:
            time.sleep(reply.pause)
        with self._lock:
            self._at_once -= 1
        return reply

    def _reply(self, request: Request) -> Reply:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self._requests[request.path].append(request)
            self._all.append(request)
            replies = self._replies.get(request.path, [Reply(404, {"error": "nothing here"})])
            return replies.pop(0) if len(replies) > 1 else replies[0]


@contextmanager
def outside_world() -> Iterator[Outside]:
    """It answers on a free port of 127.0.0.1 while inside."""
    world = Outside()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("content-length", 0))
            raw = self.rfile.read(size)
            headers = {name.lower(): value for name, value in self.headers.items()}
            is_form = headers.get("content-type", "").endswith("form-urlencoded")
            body = raw.decode() if is_form else json.loads(raw) if raw else None
            reply = world.reply(Request(self.command, self.path, headers, body))
            bodiless = reply.status == HTTPStatus.NO_CONTENT
            answer = b"" if bodiless else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - named by the base class

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A worker that is killed leaves its connection behind."""

    with Server(("127.0.0.1", 0), Handler) as server:
        world.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield world
        finally:
            server.shutdown()
            thread.join()

"""A server that speaks as much of the KV version 2 API as readers need, as it is documented."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN = "hvs.the-token"


class VaultServer:
    """Secrets by path of the API; `answers` instead, by path: status, headers and body."""

    def __init__(self) -> None:
        self.url = ""
        self.secrets: dict[str, dict[str, object]] = {}
        self.forbidden: set[str] = set()
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.tokens: list[str | None] = []

    def answer(self, path: str, token: str | None) -> tuple[int, dict[str, str], bytes]:
        self.tokens.append(token)
        if path in self.answers:
            return self.answers[path]
        if token != TOKEN or path in self.forbidden:
            return 403, {}, _json({"errors": ["permission denied"]})
        fields = self.secrets.get(path)
        if fields is None:
            return 404, {}, _json({"errors": []})
        metadata = {
            "created_time": "2026-01-01T12:00:00.000000000Z",
            "custom_metadata": None,
            "deletion_time": "",
            "destroyed": False,
            "version": 2,
        }
        return 200, {}, _json({"data": {"data": fields, "metadata": metadata}})


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


@contextmanager
def vault_server(certificate: Path | None = None) -> Iterator[VaultServer]:
    """It answers on a free port of 127.0.0.1 while inside; by TLS with a certificate and key."""
    vault = VaultServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.removeprefix("/v1/")
            status, headers, body = vault.answer(path, self.headers.get("x-vault-token"))
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A reader that has read enough hangs up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        vault.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield vault
        finally:
            server.shutdown()
            thread.join()

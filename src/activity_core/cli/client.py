"""The API as the command line sees it: JSON in, JSON out, problems as errors.

In: `ACTIVITY_CORE_URL` (default `http://127.0.0.1:8080`) and `ACTIVITY_CORE_API_KEY`. Out: what
the API answered. httpx is imported with the first request, so that `--help` is quick.
"""

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from activity_core.core.errors import ActivityCoreError, Issue

if TYPE_CHECKING:
    import httpx

DEFAULT_URL = "http://127.0.0.1:8080"
TIMEOUT = 30.0
"""Seconds for one request: an `apply` of thousands of definitions takes a while."""


class UnreachableError(ActivityCoreError):
    """No API answers at that address."""

    code = "unreachable"


class RefusedError(ActivityCoreError):
    """The API answered with a problem; `issues` come with definitions."""

    code = "refused"

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(
            str(problem.get("detail") or problem.get("title")),
            subject=str(problem.get("subject", "")),
            hint=str(problem.get("hint", "")),
        )
        self.problem = problem
        self.issues = tuple(Issue(**issue) for issue in problem.get("issues", ()))


class Client:
    """One API. `http` is for tests: a client that reaches an application without a network."""

    def __init__(
        self, url: str = DEFAULT_URL, api_key: str = "", *, http: "httpx.Client | None" = None
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = http

    @classmethod
    def from_environment(cls) -> "Client":
        """The API that the environment names."""
        return cls(
            os.environ.get("ACTIVITY_CORE_URL") or DEFAULT_URL,
            os.environ.get("ACTIVITY_CORE_API_KEY", ""),
        )

    def get(self, *path: str, **params: object) -> Any:
        """What is at a path; parameters that are None are left out."""
        return self._request("GET", path, params=params)

    def post(self, *path: str, body: object = None, media_type: str = "application/json") -> Any:
        """Post a value as JSON; None is an empty body."""
        return self._request("POST", path, body=body, media_type=media_type)

    def put(self, *path: str, body: object) -> Any:
        """Put a value as JSON."""
        return self._request("PUT", path, body=body, media_type="application/json")

    def delete(self, *path: str) -> Any:
        """Delete what is at a path."""
        return self._request("DELETE", path)

    def _request(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        params: Mapping[str, object] | None = None,
        body: object = None,
        media_type: str = "",
    ) -> Any:
        import httpx  # noqa: PLC0415 - a quarter of a second that `--help` should not wait for

        url = "/".join((self._url, "v1", *(quote(part, safe="") for part in path)))
        headers = dict(self._headers)
        content = b"" if body is None else json.dumps(body, allow_nan=False).encode()
        if content:
            headers["Content-Type"] = media_type
        given = {name: str(value) for name, value in (params or {}).items() if value is not None}
        try:
            response = self._open().request(
                method, url, params=given, headers=headers, content=content
            )
            answer = response.json()
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise UnreachableError(
                f"no API answers at {self._url}: {error or type(error).__name__}",
                hint="start one with `activity-core dev`, or set ACTIVITY_CORE_URL",
            ) from None
        except ValueError:
            raise UnreachableError(
                f"what answers at {self._url} is not this API", hint="check ACTIVITY_CORE_URL"
            ) from None
        if response.is_success:
            return answer
        raise RefusedError(
            answer if isinstance(answer, dict) else {"detail": response.reason_phrase}
        )

    def _open(self) -> "httpx.Client":
        import httpx  # noqa: PLC0415 - as above

        if self._http is None:
            # Whatever proxy is set in the environment, it is not for this machine itself.
            direct = {"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None}
            self._http = httpx.Client(timeout=TIMEOUT, mounts=direct)
        return self._http

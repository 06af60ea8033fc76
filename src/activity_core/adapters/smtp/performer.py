"""Tasks of kind `mail`: one message per task, handed to the mail server of a connection.

In: rendered tasks. Out: what the server said. A repeated attempt sends the same message with the
same Message-ID. Servers are reached under the rule of outgoing requests (`http.guard`): the name is
resolved once, and the connection goes to the address that was checked.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiosmtplib
from aiosmtplib.response import SMTPResponse

from activity_core.adapters.http.guard import AllowList, checked_address
from activity_core.adapters.secrets import resolve_secret
from activity_core.adapters.smtp.message import Words, message_of
from activity_core.core.definition.connection import Connection, SmtpConnection
from activity_core.core.errors import BadInputError, ConfigurationError, NotFoundError
from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.task import TaskInstance
from activity_core.ports.clock import Clock
from activity_core.ports.task_performer import Attempt, Performed

PATIENCE = 20.0
"""Seconds for each word with the server; an attempt as a whole is bounded by the task's timeout."""
_TEMPORARY = range(400, 500)


class SmtpPerformer:
    """Performs mail tasks; `connection` finds a connection by id."""

    def __init__(
        self,
        connection: Callable[[str], Awaitable[Connection]],
        allowed: Sequence[str],
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._allowed = AllowList.of(allowed)
        self._clock = clock

    async def perform(self, task: TaskInstance, attempt: Attempt) -> Performed:  # noqa: ARG002
        """Send it; the outputs are its `message_id` and, by address, who was `refused`.

        Raises:
            TaskFailedError: `smtp_550` and so on after a refusal, of which 4xx are tried again;
                `unreachable`, `timeout`; others when it can never be sent.
        """
        subject = f"task {task.task_id}"
        try:
            return await self._send(task)
        except (BadInputError, ConfigurationError, NotFoundError) as error:
            raise _failure(str(error), subject, error.code, retryable=False) from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            # All were; if one may be taken later, nobody has it yet and all are tried again.
            refusals = error.recipients
            first = next((each for each in refusals if each.code in _TEMPORARY), refusals[0])
            raise _refused(first, subject) from None
        except aiosmtplib.SMTPResponseException as error:
            raise _refused(error, subject) from None
        except TimeoutError:
            raise _failure("the mail server does not answer", subject, "timeout") from None
        except OSError as error:
            raise _failure(str(error), subject, "unreachable") from None
        except (aiosmtplib.SMTPException, ValueError) as error:
            raise _failure(str(error), subject, "smtp_unsupported", retryable=False) from None

    async def _send(self, task: TaskInstance) -> Performed:
        words: dict[str, Any] = task.inputs
        server = await self._server(str(words["connection"]))
        message = message_of(
            task.task_id,
            server.sender,
            Words(words["to"], words["subject"], words["text"]),
            self._clock.now(),
        )
        secrets = [ref and resolve_secret(ref) for ref in (server.user, server.password)]
        async with _client(server, secrets, await self._connected(server)) as client:
            refused, _ = await client.send_message(message)
        return Performed({"message_id": message["Message-ID"], "refused": _said(refused)})

    async def _server(self, name: str) -> SmtpConnection:
        connection = await self._connection(name)
        if connection.smtp_ is None:
            raise ConfigurationError("it is no mail server", subject=f"connection {name}")
        return connection.smtp_

    async def _connected(self, server: SmtpConnection) -> socket.socket:
        address = await checked_address(server.host, self._allowed)
        link = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)  # noqa: PLR2004 - its name
        link.setblocking(False)
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.get_running_loop().sock_connect(link, (str(address), server.port))
        except BaseException:
            link.close()
            raise
        return link


def _client(
    server: SmtpConnection, secrets: Sequence[str | None], link: socket.socket
) -> aiosmtplib.SMTP:
    """Over a connected socket, which it closes."""
    user, password = secrets
    here = link.getsockname()[0]
    return aiosmtplib.SMTP(
        hostname=server.host,
        sock=link,
        use_tls=server.tls == "implicit",
        start_tls=server.tls == "starttls",
        username=user,
        password=password,
        local_hostname=f"[IPv6:{here}]" if ":" in here else f"[{here}]",
        timeout=PATIENCE,
    )


def _said(refused: dict[str, SMTPResponse]) -> dict[str, Any]:
    return {address: f"{answer.code} {answer.message}" for address, answer in refused.items()}


def _refused(error: aiosmtplib.SMTPResponseException, subject: str) -> TaskFailedError:
    return _failure(
        f"the mail server answered {error.code}: {error.message[:500]}",
        subject,
        f"smtp_{error.code}",
        retryable=error.code in _TEMPORARY,
    )


def _failure(
    message: str,
    subject: str,
    type: str,  # noqa: A002 - it is its name everywhere
    *,
    retryable: bool = True,
) -> TaskFailedError:
    return TaskFailedError(message, subject=subject, type=type, retryable=retryable)

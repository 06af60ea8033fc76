"""One link to Kafka, made when first needed and again whenever it is gone.

It answers what the adapters ask of the cluster itself: is it there, and which topics has it.
Consumers and the publisher open connections of their own, with the same `options`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    NoBrokersAvailable,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.api import Response

from activity_core.adapters.kafka.settings import ANSWER_WITHIN, KafkaSettings, client_options
from activity_core.adapters.kafka.topics import TopicsRequest, incarnations
from activity_core.core.errors import UnavailableError

# It writes lines and tracebacks about outages, all of which it raises too.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

Answer = TypeVar("Answer")
TROUBLE = (KafkaError, OSError, TimeoutError)
"""What aiokafka raises for a cluster that cannot be used now."""


class KafkaConnection:
    """Connects on demand.

    Raises:
        ConfigurationError: a file of TLS cannot be used.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._login = client_options(settings)
        self.options: Mapping[str, Any] = {"bootstrap_servers": settings.servers, **self._login}
        self._client: AIOKafkaClient | None = None
        self._lock = asyncio.Lock()

    async def check(self) -> None:
        """Raise UnavailableError unless the cluster answers now."""
        await self.ask(partial(_topics, topics=[]))

    async def incarnations(self, topics: Sequence[str]) -> Mapping[str, str]:
        """What tells each of the topics from any other, also from later ones of the same name.

        Raises:
            UnavailableError: the cluster does not answer, or has not all of them for us.
        """
        return incarnations(await self.ask(partial(_topics, topics=topics)))

    async def ask(self, question: Callable[[AIOKafkaClient], Awaitable[Answer]]) -> Answer:
        """What the cluster answers.

        Raises:
            UnavailableError: it does not, or with an error.
        """
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await question(await self._connected())
        except TROUBLE as error:
            await self.forget()
            raise unavailable(error) from error

    async def forget(self) -> None:
        """Drop the link: the next use connects anew."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _connected(self) -> AIOKafkaClient:
        async with self._lock:
            if self._client is None:
                client = AIOKafkaClient(**self.options)
                try:
                    await client.bootstrap()
                except BaseException as error:
                    await client.close()
                    if isinstance(error, KafkaConnectionError):
                        await self._knock(client)
                    raise
                self._client = client
            return self._client

    async def _knock(self, client: AIOKafkaClient) -> None:
        """`bootstrap` only logs why nobody let it in: hear it from the first server."""
        host, port, _ = client.hosts[0]
        (await create_conn(host, port, **self._login)).close()


async def _topics(client: AIOKafkaClient, topics: Sequence[str]) -> Response:
    node = client.get_random_node()
    if node is None:
        raise NoBrokersAvailable
    answer: Response = await client.send(node, TopicsRequest(topics))
    return answer


def unavailable(error: BaseException) -> UnavailableError:
    """Whatever Kafka said, as one error of ours."""
    text = str(error) or type(error).__name__
    hint = "it is tried again by itself"
    match error:
        case TimeoutError():
            text = "it does not answer in time"
        case (
            AuthenticationFailedError()
            | SaslAuthenticationFailed()
            | UnsupportedSaslMechanismError()
        ):
            text = f"the cluster does not let us in: {text}"
            hint = "check the user, the password and the SASL mechanism"
        case GroupAuthorizationFailedError():
            text = f"we may not use the consumer group {text}"
            hint = "allow our user to Read the group"
        case TopicAuthorizationFailedError():
            text = f"we may not do this with the topic {text}"
            hint = "allow our user to Read it, or to Write it if it is the one for our events"
        case MessageSizeTooLargeError():
            text = "the event is larger than the topic takes"
            hint = "raise the topic's max.message.bytes; what has the same key waits behind it"
    return UnavailableError(f"Kafka: {text}", hint=hint)

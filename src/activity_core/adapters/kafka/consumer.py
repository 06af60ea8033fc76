"""Events in from Kafka: deliveries of the topics of one source.

In: `ports.broker.Consumer`'s question for more. Out: batches, for as long as a `member` of the
consumer group has them.
"""

from collections.abc import AsyncIterator, Sequence

from activity_core.adapters.kafka.connection import TROUBLE, KafkaConnection, unavailable
from activity_core.adapters.kafka.delivery import KafkaDelivery
from activity_core.adapters.kafka.member import Member


class KafkaConsumer:
    """Topics as members of `group` see them: each message goes to one of them.

    While `deliveries` is being iterated, this is a member; it leaves when that is closed. What is
    settled later than that means nothing: those messages come again.
    """

    def __init__(self, connection: KafkaConnection, *, group: str, topics: Sequence[str]) -> None:
        self._connection = connection
        self._group = group
        self._topics = tuple(topics)

    async def deliveries(self, batch: int) -> AsyncIterator[Sequence[KafkaDelivery]]:
        """Batches until cancelled.

        Raises:
            UnavailableError: Kafka is away, does not know us, or has not the topics; or a topic
                was made anew, and is read from its beginning at the next call.
        """
        member = Member(self._connection, self._group, self._topics)
        try:
            await member.join()
            while True:
                if found := await member.take(batch):
                    yield found
        except TROUBLE as error:
            raise unavailable(error) from error
        finally:
            await member.leave()

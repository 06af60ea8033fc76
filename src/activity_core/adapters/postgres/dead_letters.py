"""Dead letters: kept as they came, resolved once."""

from datetime import datetime

from activity_core.adapters.postgres.pool import Connection, Pool, connection, depth
from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.core.errors import NotFoundError
from activity_core.ports.dead_letters import DeadLetter, DeadLetterStatus

_BURY = """
insert into dead_letters
    (tenant, dead_letter_id, via, subject, code, message, headers, body, buried_at)
values (%(tenant)s, %(id)s, %(via)s, %(subject)s, %(code)s, %(message)s, %(headers)s, %(body)s,
    %(at)s)
on conflict do nothing
"""
_GET = """
select dead_letter_id, via, subject, code, message, headers, body, buried_at, status, resolved_by,
    resolved_at
from dead_letters where tenant = %(tenant)s and dead_letter_id = %(id)s
"""
_RESOLVE = """
update dead_letters set status = %(status)s, resolved_by = %(by)s, resolved_at = %(at)s
where tenant = %(tenant)s and dead_letter_id = %(id)s and status = 'open'
"""
_DEPTH = """
select count(*) as depth from dead_letters where tenant = %(tenant)s and status = 'open'
"""


async def bury(conn: Connection, tenant: str, letter: DeadLetter) -> None:
    """Keep a dead letter, as part of the caller's transaction if there is one."""
    values = {
        "tenant": tenant,
        "id": letter.dead_letter_id,
        "via": letter.via,
        "subject": prose(letter.subject),
        "code": letter.code,
        "message": prose(letter.message),
        "headers": json_text(dict(letter.headers)),
        "body": letter.body,
        "at": letter.buried_at,
    }
    await conn.execute(_BURY, values)


class PostgresDeadLetters:
    """See `ports.dead_letters.DeadLetters`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    async def bury(self, letter: DeadLetter) -> None:
        """See `DeadLetters.bury`."""
        async with connection(self._pool) as conn:
            await bury(conn, self._tenant, letter)

    async def get(self, dead_letter_id: str) -> DeadLetter:
        """See `DeadLetters.get`."""
        async with connection(self._pool) as conn:
            values = {"tenant": self._tenant, "id": prose(dead_letter_id)}
            cursor = await conn.execute(_GET, values)
            row = await cursor.fetchone()
        if row is None:
            raise NotFoundError("no such dead letter", subject=f"dead letter {dead_letter_id}")
        return DeadLetter(**row | {"status": DeadLetterStatus(row["status"])})

    async def resolve(
        self, dead_letter_id: str, status: DeadLetterStatus, by: str, at: datetime
    ) -> bool:
        """See `DeadLetters.resolve`."""
        values = {
            "tenant": self._tenant,
            "id": prose(dead_letter_id),
            "status": status.value,
            "by": by,
            "at": at,
        }
        async with connection(self._pool) as conn:
            return (await conn.execute(_RESOLVE, values)).rowcount == 1

    async def depth(self) -> int:
        """See `DeadLetters.depth`."""
        return await depth(self._pool, _DEPTH, self._tenant)

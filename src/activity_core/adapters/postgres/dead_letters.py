"""Dead letters: kept as they came, resolved once."""

from dataclasses import asdict
from datetime import datetime

from psycopg.rows import DictRow

from activity_core.adapters.postgres.pool import Connection, Pool, connection, depth
from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.core.errors import NotFoundError
from activity_core.ports.dead_letters import (
    DeadLetter,
    DeadLetterStatus,
    LetterFilter,
    LetterGroup,
)

_COLUMNS = """
dead_letter_id, via, source_id, subject, run_id, code, message, headers, body, sent_at,
    definition_id, buried_at, status, resolved_by, resolved_at
"""
_BURY = """
insert into dead_letters (tenant, dead_letter_id, via, source_id, subject, run_id, code, message,
    headers, body, sent_at, definition_id, buried_at)
values (%(tenant)s, %(id)s, %(via)s, %(source_id)s, %(subject)s, %(run_id)s, %(code)s,
    %(message)s, %(headers)s, %(body)s, %(sent_at)s, %(definition_id)s, %(at)s)
on conflict do nothing
"""
_GET = f"""
select {_COLUMNS} from dead_letters where tenant = %(tenant)s and dead_letter_id = %(id)s
"""  # noqa: S608 - constant parts
_CHOSEN = """
tenant = %(tenant)s and status = 'open' and (%(via)s::text is null or via = %(via)s)
    and (%(code)s::text is null or code = %(code)s)
    and (%(source_id)s::text is null or source_id = %(source_id)s)
"""
_GROUPS = f"""
select g.*, e.dead_letter_id as example_id, e.message as example_message
from (
    select via, code, source_id, count(*) as count, min(buried_at) as oldest_at,
        max(buried_at) as newest_at
    from dead_letters where {_CHOSEN} group by via, code, source_id
) g cross join lateral (
    select l.dead_letter_id, l.message from dead_letters l
    where l.tenant = %(tenant)s and l.status = 'open' and l.via = g.via and l.code = g.code
        and l.source_id = g.source_id
    order by l.buried_at desc, l.dead_letter_id desc limit 1
) e
order by g.count desc, g.via, g.code, g.source_id
"""  # noqa: S608 - constant parts
_OPEN = f"""
select {_COLUMNS} from dead_letters where {_CHOSEN} and dead_letter_id > %(after)s
order by dead_letter_id limit %(limit)s
"""  # noqa: S608 - constant parts
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
        "source_id": letter.source_id,
        "run_id": letter.run_id,
        "subject": prose(letter.subject),
        "code": letter.code,
        "message": prose(letter.message),
        "headers": json_text(dict(letter.headers)),
        "body": letter.body,
        "sent_at": letter.sent_at,
        "definition_id": letter.definition_id,
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
        return _letter(row)

    async def groups(self, chosen: LetterFilter) -> list[LetterGroup]:
        """See `DeadLetters.groups`."""
        async with connection(self._pool) as conn:
            cursor = await conn.execute(_GROUPS, self._wanted(chosen))
            return [LetterGroup(**row) async for row in cursor]

    async def open_letters(
        self, chosen: LetterFilter, limit: int, *, after: str = ""
    ) -> list[DeadLetter]:
        """See `DeadLetters.open_letters`."""
        values = self._wanted(chosen) | {"limit": limit, "after": prose(after)}
        async with connection(self._pool) as conn:
            return [_letter(row) async for row in await conn.execute(_OPEN, values)]

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

    def _wanted(self, chosen: LetterFilter) -> dict[str, object]:
        wanted = {name: value and prose(value) for name, value in asdict(chosen).items()}
        return {"tenant": self._tenant, **wanted}


def _letter(row: DictRow) -> DeadLetter:
    return DeadLetter(**row | {"status": DeadLetterStatus(row["status"])})

"""Messages: the rendered words of a mail task as one RFC 5322 message.

In: words that may hold whatever came with an event. Out: a message with no header, and for nobody,
but what the task says; it is the same message at every attempt.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from activity_core.core.errors import BadInputError

LONGEST_SUBJECT = 500
LONGEST_ADDRESS = 1_000
"""Characters, with the name of whose it is."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_HALF = re.compile(r"[\ud800-\udfff]")
_WORD = r"[^\s<>@,;:\"\\()\[\]\x00-\x1f\x7f-\x9f\ud800-\udfff]"
_NAME = r"[^<>@,;:\"\\()\[\]\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
_QUOTED = r"[^\"\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
# Not the parser of the standard library: it takes much that is no address, and stumbles over more.
_MAILBOX = re.compile(
    rf"(?:(?:\"(?P<quoted>{_QUOTED}*)\"|(?P<name>{_NAME}*)) *"
    rf"<(?P<local>{_WORD}{{1,64}})@(?P<domain>{_WORD}{{1,255}})>"
    rf"|(?P<bare>{_WORD}{{1,64}})@(?P<of>{_WORD}{{1,255}}))"
)


@dataclass(frozen=True, slots=True)
class Words:
    """What the task says, rendered."""

    to: Sequence[str]
    subject: str
    text: str


def message_of(task_id: str, sender: str, words: Words, at: datetime) -> EmailMessage:
    """One message.

    Raises:
        BadInputError: an address is none, or more than one; the text is no Unicode.
    """
    if _HALF.search(words.subject + words.text):
        raise BadInputError("its words hold half a surrogate pair, which is no text")
    from_ = address_of(sender)
    message = EmailMessage(policy=SMTP)
    message["From"] = from_
    message["To"] = [address_of(each) for each in words.to]
    message["Subject"] = _UNPRINTABLE.sub(" ", words.subject).strip()[:LONGEST_SUBJECT]
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{task_id}@{from_.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(words.text)
    return message


def address_of(text: str) -> Address:
    """`ann@example.com` or `Ann <ann@example.com>`: exactly one.

    Raises:
        BadInputError: none or several, or characters that no address has.
    """
    found = _MAILBOX.fullmatch(text.strip(" ")) if len(text) <= LONGEST_ADDRESS else None
    if found is None:
        raise BadInputError(f"{text[:200]!r} is no mail address")
    name = (found["quoted"] or found["name"] or "").strip(" ")
    return Address(name, found["local"] or found["bare"], found["domain"] or found["of"])

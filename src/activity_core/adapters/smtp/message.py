"""Messages: the rendered words of a mail task as one RFC 5322 message.

In: words that may hold whatever came with an event. Out: a message with no header, and for nobody,
but what the task says; it is the same message at every attempt.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address, AddressHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from activity_core.core.errors import BadInputError

LONGEST_SUBJECT = 500
"""Characters."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


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
    from_ = address_of(sender)
    message = EmailMessage(policy=SMTP)
    message["From"] = from_
    message["To"] = [address_of(each) for each in words.to]
    message["Subject"] = _UNPRINTABLE.sub(" ", words.subject).strip()[:LONGEST_SUBJECT]
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{task_id}@{from_.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    try:
        message.set_content(words.text)
        message.as_bytes()
    except UnicodeError:
        raise BadInputError("its words hold half a surrogate pair, which is no text") from None
    return message


def address_of(text: str) -> Address:
    """`ann@example.com` or `Ann <ann@example.com>`: exactly one.

    Raises:
        BadInputError: none or several, or characters that no address has.
    """
    header = SMTP.header_factory("To", _UNPRINTABLE.sub(",", text))
    found: Sequence[Address] = header.addresses if isinstance(header, AddressHeader) else ()
    if len(found) != 1 or header.defects or not found[0].username or not found[0].domain:
        raise BadInputError(f"{text[:200]!r} is no mail address")
    return found[0]

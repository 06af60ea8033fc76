"""Mail tasks against a real mail server: what arrives, what is refused, what is not slipped in."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from hypothesis import given
from hypothesis import strategies as st
from tests.brokers.kafka_security import self_signed

from activity_core.adapters.memory.clock import ManualClock
from activity_core.adapters.memory.task_performer import MemoryAttempt
from activity_core.adapters.smtp.message import Words, address_of, message_of
from activity_core.adapters.smtp.performer import SmtpPerformer
from activity_core.core.definition.connection import Connection
from activity_core.core.errors import BadInputError
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.task import TaskInstance, TaskStatus

HERE = "127.0.0.1"
CLOCK = ManualClock()
TASK = "task-" + "a" * 32


@dataclass
class Mailbox:
    """A mail server that answers as a test laid out, and keeps what it took."""

    port: int = 0
    answers: dict[str, list[str]] = field(default_factory=dict)
    envelopes: list[Envelope] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - as the server calls it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answers = self.answers.get(address)
        if answers:
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        if answers := self.answers.get("data"):
            return answers.pop(0)
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return "250 OK"

    def login(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.users.append(data.login.decode())
        return AuthResult(success=data.password == b"word", handled=False)

    @property
    def messages(self) -> list[EmailMessage]:
        found = []
        for envelope in self.envelopes:
            assert isinstance(envelope.content, bytes)
            found.append(message_from_bytes(envelope.content, policy=policy.default))
        return found


@asynccontextmanager
async def mailbox(
    *, starttls: ssl.SSLContext | None = None, implicit: ssl.SSLContext | None = None
) -> AsyncIterator[Mailbox]:
    box = Mailbox()

    def server() -> SMTP:
        return SMTP(
            box,
            hostname="mail.example",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=box.login,
            auth_require_tls=implicit is None,
        )

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(server, HERE, 0, ssl=implicit)
    box.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield box


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate that this process trusts, as a server has it."""
    certificate, key = self_signed()
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    for path, text in zip(files, (certificate, key), strict=True):
        path.write_text(text)
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    return context


def connection(box: Mailbox, **more: Any) -> Connection:
    smtp = {"host": HERE, "port": box.port, "tls": "none", "sender": "Tasks <tasks@example.com>"}
    return Connection.model_validate({"id": "office", "smtp": smtp | more})


def performer(found: Connection, allowed: Sequence[str] = (HERE,)) -> SmtpPerformer:
    async def by_id(_: str) -> Connection:
        return found

    return SmtpPerformer(by_id, allowed, CLOCK)


def task(**words: Any) -> TaskInstance:
    inputs = {
        "connection": "office",
        "to": ["ann@example.com"],
        "subject": "Approve it",
        "text": "Please.\n",
    } | words
    named = (TASK, "run-1", "d", 1, "r", "t", 0, TaskKind.MAIL, "T", TaskStatus.RUNNING)
    return TaskInstance(*named, inputs)


async def send(box: Mailbox, of: TaskInstance, **more: Any) -> Any:
    return (await performer(connection(box, **more)).perform(of, MemoryAttempt())).outputs


async def failure(box: Mailbox, of: TaskInstance, **more: Any) -> TaskFailedError:
    with pytest.raises(TaskFailedError) as caught:
        await send(box, of, **more)
    return caught.value


async def test_what_arrives():
    async with mailbox() as box:
        words = task(
            to=["ann@example.com", "Bob Ä <bob@example.com>"], subject="Grüße", text="Zeile\n" * 3
        )
        outputs = await send(box, words)
    message_id = f"<{TASK}@example.com>"
    assert outputs == {"message_id": message_id, "refused": {}}
    [envelope], [message] = box.envelopes, box.messages
    assert envelope.mail_from == "tasks@example.com"
    assert envelope.rcpt_tos == ["ann@example.com", "bob@example.com"]
    assert message["From"] == "Tasks <tasks@example.com>"
    assert message["To"] == "ann@example.com, Bob Ä <bob@example.com>"
    assert (message["Subject"], message["Message-ID"]) == ("Grüße", message_id)
    assert message["Date"].datetime == CLOCK.now()
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().splitlines() == ["Zeile"] * 3


async def test_every_attempt_sends_the_same_message():
    async with mailbox() as box:
        for _ in range(2):
            await send(box, task())
    first, second = box.envelopes
    assert first.content == second.content


@pytest.mark.parametrize(
    ("answer", "type_", "retryable"),
    [("451 later", "smtp_451", True), ("550 nobody here", "smtp_550", False)],
)
@pytest.mark.parametrize("where", ["ann@example.com", "data"])
async def test_refusals(where: str, answer: str, type_: str, *, retryable: bool):
    async with mailbox() as box:
        box.answers[where] = [answer]
        error = await failure(box, task())
        assert (error.type, error.retryable) == (type_, retryable)
        assert answer[4:] in str(error)
        assert box.envelopes == []
        await send(box, task())
    assert len(box.envelopes) == 1


async def test_who_is_refused_beside_others_is_said():
    async with mailbox() as box:
        box.answers["bob@example.com"] = ["550 nobody here"]
        outputs = await send(box, task(to=["ann@example.com", "bob@example.com"]))
    assert outputs["refused"] == {"bob@example.com": "550 nobody here"}
    assert box.envelopes[0].rcpt_tos == ["ann@example.com"]


async def test_if_nobody_was_taken_and_one_may_be_later_all_are_tried_again():
    async with mailbox() as box:
        box.answers = {"ann@example.com": ["550 no"], "bob@example.com": ["450 busy"]}
        error = await failure(box, task(to=["ann@example.com", "bob@example.com"]))
    assert (error.type, error.retryable) == ("smtp_450", True)


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
async def test_over_tls_with_a_password(
    mode: str, trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MAIL_USER", "us")
    monkeypatch.setenv("MAIL_PASSWORD", "word")
    secrets = {"user": "env:MAIL_USER", "password": "env:MAIL_PASSWORD"}
    contexts = {mode: trusted}
    async with mailbox(**contexts) as box:
        await send(box, task(), tls=mode, **secrets)
        assert (box.users, len(box.envelopes)) == (["us"], 1)
        assert box.encrypted == [True] or mode == "implicit"

        monkeypatch.setenv("MAIL_PASSWORD", "other")
        error = await failure(box, task(), tls=mode, **secrets)
        assert (error.type, error.retryable) == ("smtp_535", False)
        assert "other" not in str(error)

        monkeypatch.delenv("MAIL_PASSWORD")
        error = await failure(box, task(), tls=mode, **secrets)
        assert (error.type, error.retryable) == ("configuration", False)


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
async def test_a_certificate_that_nobody_vouches_for(
    mode: str, trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("SSL_CERT_FILE")
    contexts = {mode: trusted}
    async with mailbox(**contexts) as box:
        error = await failure(box, task(), tls=mode)
    assert error.type == "unreachable"
    assert "certificate" in str(error).lower()
    assert box.envelopes == []


async def test_never_in_clear_if_tls_is_asked_for():
    async with mailbox() as box:
        error = await failure(box, task(), tls="starttls")
    assert (error.type, error.retryable) == ("smtp_unsupported", False)
    assert box.envelopes == []


async def test_private_addresses_are_not_reached():
    async with mailbox() as box:
        sender = performer(connection(box), allowed=())
        with pytest.raises(TaskFailedError) as caught:
            await sender.perform(task(), MemoryAttempt())
    assert (caught.value.type, caught.value.retryable) == ("target_forbidden", False)
    assert box.envelopes == []


async def test_nobody_there():
    async with mailbox() as box:
        pass
    error = await failure(box, task())
    assert (error.type, error.retryable) == ("unreachable", True)


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"421 busy\r\n")
    await writer.drain()
    await hang_up(reader, writer)


@pytest.mark.parametrize(("talk", "type_"), [(hang_up, "unreachable"), (busy, "smtp_421")])
async def test_servers_that_do_not_talk(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], type_: str
):
    listening = await asyncio.start_server(talk, HERE, 0)
    async with listening:
        box = Mailbox(port=listening.sockets[0].getsockname()[1])
        error = await failure(box, task())
    assert (error.type, error.retryable) == (type_, True)


async def test_a_connection_of_another_kind():
    other = Connection.model_validate({"id": "office", "http": {"base_url": "http://x"}})
    with pytest.raises(TaskFailedError) as caught:
        await performer(other).perform(task(), MemoryAttempt())
    assert (caught.value.type, caught.value.retryable) == ("configuration", False)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@example.com, eve@example.com",
        "ann@example.com\r\nBcc: eve@example.com",
        "ann@example.com\nRCPT TO:<eve@example.com>",
        "ann@example.com> <eve@example.com",
        "Ann <ann@example.com>, Eve <eve@example.com>",
        "ann@exam\udc80ple.com",
        " " * 2_000_000,
    ],
)
async def test_what_is_not_one_address(address: str):
    async with mailbox() as box:
        error = await failure(box, task(to=[address]))
    assert (error.type, error.retryable) == ("bad_input", False)
    assert box.envelopes == []


async def test_a_subject_is_one_line_and_no_header():
    subject = "Hello\r\nBcc: eve@example.com\r\n\r\nbody"
    async with mailbox() as box:
        await send(box, task(subject=subject, text=".\r\nQUIT\r\n"))
    [envelope], [message] = box.envelopes, box.messages
    assert envelope.rcpt_tos == ["ann@example.com"]
    assert message["Subject"] == "Hello Bcc: eve@example.com body"
    assert message["Bcc"] is None
    assert message.get_content().splitlines() == [".", "QUIT"]


async def test_half_a_surrogate_pair_is_no_text():
    async with mailbox() as box:
        for words in ({"text": "\ud800"}, {"subject": "\ud800"}):
            error = await failure(box, task(**words))
            assert (error.type, error.retryable) == ("bad_input", False)
    assert box.envelopes == []


HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"]
MIME = {"Content-Type", "Content-Transfer-Encoding", "MIME-Version"}


@given(st.lists(st.text(), min_size=1, max_size=3), st.text(), st.text())
def test_whatever_words_there_are_no_header_is_slipped_in(to: list[str], subject: str, text: str):
    try:
        found = message_of(TASK, "tasks@example.com", Words(to, subject, text), CLOCK.now())
    except BadInputError:
        return
    again = message_from_bytes(found.as_bytes(), policy=policy.default)
    assert [name for name in again.keys() if name not in MIME] == HEADERS  # noqa: SIM118 - a list
    assert len(again["To"].addresses) == len(to)


@given(st.emails())
def test_addresses(address: str):
    assert address_of(address).addr_spec == address

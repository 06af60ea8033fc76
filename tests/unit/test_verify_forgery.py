"""Forgery: a valid request of which one byte is changed, or more, is believed no longer."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.proofs import BODY, NOW, SCHEMES, Scheme, with_header

from activity_core.core.errors import UnverifiedError
from activity_core.core.event.message import Message

TURNS = (0x01, 0x08, 0x20, 0x80)  # 0x20 turns the case of a letter
INSERTED = b"\x00 0aA,.=-+/_\xff"
SIGNING = [name for name, scheme in SCHEMES.items() if scheme.signs_body]


def mutations(raw: bytes) -> Iterator[bytes]:
    """All texts that differ in one byte: turned, gone, doubled, inserted."""
    for place, byte in enumerate(raw):
        before, after = raw[:place], raw[place + 1 :]
        yield from (before + bytes([byte ^ turn]) + after for turn in TURNS)
        yield before + after
        yield from (before + bytes([new]) + raw[place:] for new in {*INSERTED, byte})
    yield from (raw + bytes([new]) for new in INSERTED)


def believed(scheme: Scheme, message: Message) -> bool:
    try:
        scheme.check(message)
    except UnverifiedError:
        return False
    return True


@pytest.mark.parametrize("name", SIGNING)
def test_no_byte_of_the_body_can_be_changed(name: str):
    scheme = SCHEMES[name]
    headers = scheme.message().headers
    for body in mutations(BODY):
        assert not believed(scheme, Message(body, headers)), body
    assert not believed(scheme, Message(b"", headers))


@pytest.mark.parametrize("name", SCHEMES)
def test_no_byte_of_what_is_signed_or_signs_can_be_changed(name: str):
    scheme = SCHEMES[name]
    message = scheme.message()
    for header, value in message.headers.items():
        # The word `Bearer` may be written in any case (RFC 9110); the token may not.
        scheme_word = "Bearer " if value.startswith("Bearer ") else ""
        for text in mutations(value.removeprefix(scheme_word).encode()):
            forged = with_header(message, header, scheme_word + text.decode("latin-1"))
            assert not believed(scheme, forged), (header, text)


@pytest.mark.parametrize("name", SIGNING)
@given(body=st.binary(max_size=200), other=st.binary(max_size=200))
def test_a_signature_is_good_for_one_body(name: str, body: bytes, other: bytes):
    scheme = SCHEMES[name]
    message = scheme.message(body)
    assert believed(scheme, message)
    assert believed(scheme, Message(other, message.headers)) == (other == body)


@pytest.mark.parametrize("name", SCHEMES)
@given(data=st.data())
def test_headers_that_somebody_makes_up_are_refused_and_never_break(name: str, data: st.DataObject):
    scheme = SCHEMES[name]
    message = scheme.message()
    header = data.draw(st.sampled_from(sorted(message.headers)))
    value = data.draw(st.text() | st.text(alphabet="v1=,t. 0aBearer", max_size=100))
    assert not believed(scheme, with_header(message, header, value))


@pytest.mark.parametrize("name", SIGNING)
@given(off=st.integers(-86_400, 86_400))
def test_time_and_signature_belong_together(name: str, off: int):
    scheme = SCHEMES[name]
    if not scheme.signs_time:
        return
    message = scheme.message(at=NOW + off)
    assert believed(scheme, message) == (abs(off) <= 300)
    for header, value in message.headers.items():
        moved = with_header(message, header, value.replace(str(NOW + off), str(NOW)))
        if off and moved != message:
            assert not believed(scheme, moved)


@pytest.mark.parametrize("name", SIGNING)
def test_a_signature_of_another_scheme_is_none(name: str):
    for other in SIGNING:
        message = SCHEMES[other].message()
        same = {name, other} <= {"standard_webhooks", "svix"} or name == other
        assert believed(SCHEMES[name], message) == same

"""Standard Webhooks as its own library, and Svix's, sign and verify it; both ways."""

import hmac
from base64 import b64encode
from datetime import datetime
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.proofs import OTHER, SCHEMES, SECRET

from activity_core.adapters.system_clock import SystemClock
from activity_core.core.errors import UnverifiedError
from activity_core.core.event.message import Message

LIBRARIES: dict[str, Any] = {"webhook": standardwebhooks.Webhook, "svix": svix.webhooks.Webhook}
SCHEME = SCHEMES["standard_webhooks"]

ids = st.text(alphabet="abcXYZ019_-", min_size=1, max_size=40)
bodies = st.text(alphabet=st.characters(codec="utf-8"), max_size=200)
secrets = st.binary(min_size=1, max_size=64).map(lambda raw: "whsec_" + b64encode(raw).decode())


def now() -> datetime:
    return SystemClock().now()


def signed(prefix: str, secret: str, name: str, body: str, at: datetime) -> Message:
    """As the library signs it."""
    signature = LIBRARIES[prefix](secret).sign(name, at, body)
    headers = {
        f"{prefix}-id": name,
        f"{prefix}-timestamp": str(int(at.timestamp())),
        f"{prefix}-signature": signature,
    }
    return Message(body.encode(), headers)


def we_accept(message: Message, secret: str) -> bool:
    try:
        SCHEME.check(message, secret, at=now())
    except UnverifiedError:
        return False
    return True


def they_accept(prefix: str, message: Message, secret: str) -> bool:
    verifier = LIBRARIES[prefix](secret)
    try:
        more = {"json_parse": False} if prefix == "webhook" else {}
        verifier.verify(message.body, dict(message.headers), **more)
    except Exception:  # noqa: BLE001 - they raise whatever comes
        return False
    return True


@pytest.mark.parametrize("prefix", LIBRARIES)
@given(secret=secrets, name=ids, body=bodies)
def test_what_they_sign_we_accept(prefix: str, secret: str, name: str, body: str):
    message = signed(prefix, secret, name, body, now())
    assert we_accept(message, secret)
    assert not we_accept(message, OTHER)


@pytest.mark.parametrize("prefix", LIBRARIES)
@given(data=st.data())
def test_what_we_accept_they_accept(prefix: str, data: st.DataObject):
    """Of any request near a good one, never more than they would."""
    at = now()
    right = signed(prefix, SECRET, "msg_1", "{}", at).headers
    time, signature = right[f"{prefix}-timestamp"], right[f"{prefix}-signature"]
    other = signed(prefix, OTHER, "msg_1", "{}", at).headers[f"{prefix}-signature"]
    times = [time, f" {time}", f"{time}.0", f"0{time}", str(int(time) - 299), str(int(time) - 400)]
    signatures = st.lists(
        st.sampled_from([signature, other, signature[3:], "v1,", "v1", "v2,x", signature[:-1]]),
        max_size=3,
    )
    sent = data.draw(signatures)
    message = Message(
        data.draw(st.sampled_from([b"{}", b"{} ", b""])),
        {
            f"{prefix}-id": data.draw(st.sampled_from(["msg_1", "msg_2", ""])),
            f"{prefix}-timestamp": data.draw(st.sampled_from([time] * 3 + times)),
            f"{prefix}-signature": " ".join(sent),
        },
    )
    # Where a signature before it is no base64, they do not get to the right one.
    if we_accept(message, SECRET) and signature[:-1] not in sent:
        assert they_accept(prefix, message, SECRET)


@pytest.mark.parametrize("prefix", LIBRARIES)
@given(secret=secrets, name=ids, body=bodies)
def test_what_we_would_sign_they_accept(prefix: str, secret: str, name: str, body: str):
    message = signed(prefix, secret, name, body, now())
    assert we_accept(message, secret)
    assert they_accept(prefix, message, secret)


@pytest.mark.parametrize("prefix", LIBRARIES)
@pytest.mark.parametrize("off", [-400, 400])
def test_what_they_refuse_for_its_time_we_refuse(prefix: str, off: int):
    at = datetime.fromtimestamp(now().timestamp() + off, now().tzinfo)
    message = signed(prefix, SECRET, "msg_1", "{}", at)
    assert not they_accept(prefix, message, SECRET)
    assert not we_accept(message, SECRET)


@pytest.mark.parametrize("prefix", LIBRARIES)
def test_a_secret_without_its_prefix_or_padding_is_the_same(prefix: str):
    message = signed(prefix, SECRET, "msg_1", "{}", now())
    for spelling in (SECRET.removeprefix("whsec_"), SECRET.rstrip("=")):
        assert they_accept(prefix, message, spelling)
        assert we_accept(message, spelling)


@pytest.mark.parametrize("prefix", LIBRARIES)
def test_they_refuse_what_is_forged_too(prefix: str):
    """The oracle can say no: else the tests above would mean nothing."""
    message = signed(prefix, SECRET, "msg_1", "{}", now())
    assert hmac.compare_digest(message.body, b"{}")
    assert not they_accept(prefix, message, OTHER)
    assert not they_accept(prefix, Message(b"{ }", message.headers), SECRET)

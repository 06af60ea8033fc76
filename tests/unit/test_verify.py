"""Who is believed: published examples, replay windows, rotation, and everything that is not it."""

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from tests.unit.proofs import (
    AT,
    BODY,
    NOW,
    OTHER,
    SCHEMES,
    SECRET,
    Scheme,
    standard_webhooks,
    svix,
    verification,
    with_header,
)

from activity_core.core.admission.verify import secret_refs, verified
from activity_core.core.errors import UnverifiedError
from activity_core.core.event.message import Message

SIGNING = [name for name, scheme in SCHEMES.items() if scheme.signs_body]
THIRD = "whsec_" + "eHl6" * 11
SAME_WORDS = "the request does not prove that it is from this source"

SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
    b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
    b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
    b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> Scheme:
    return SCHEMES[request.param]


def refused(scheme: Scheme, message: Message, *secrets: str, at: datetime = AT) -> str:
    """The reason that only the operator learns."""
    with pytest.raises(UnverifiedError) as error:
        scheme.check(message, *secrets, at=at)
    assert str(error.value) == SAME_WORDS
    return error.value.reason


@pytest.mark.parametrize(
    ("name", "message", "secret", "at"),
    [
        (
            "github",
            Message(
                b"Hello, World!",
                {
                    "x-hub-signature-256": "sha256="
                    "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
                },
            ),
            "It's a Secret to Everybody",
            0,
        ),
        (
            "slack",
            Message(
                SLACK_BODY,
                {
                    "x-slack-request-timestamp": "1531420618",
                    "x-slack-signature": "v0="
                    "a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
                },
            ),
            "8f742231b10e8888abcd99yyyzzz85a5",
            1531420618,
        ),
        (
            "standard_webhooks",
            Message(
                b'{"test": 2432232314}',
                {
                    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
                    "webhook-timestamp": "1614265330",
                    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                },
            ),
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            1614265330,
        ),
        (  # Stripe publishes no signature with its secret; this one is of `openssl dgst -hmac`
            "stripe",
            Message(
                b'{"id":"evt_1","object":"event"}',
                {
                    "stripe-signature": "t=1492774577,v0=6ffbb59b2300aae6,v1="
                    "654b43d3508ecadb3f8cefc4bc7d3d2bdc5ba9e03bf2c89b2d0657a8e24e4543"
                },
            ),
            "whsec_test_secret",
            1492774577,
        ),
    ],
)
def test_the_examples_that_senders_publish(name: str, message: Message, secret: str, at: int):
    scheme = SCHEMES[name]
    scheme.check(message, secret, at=datetime.fromtimestamp(at, UTC))
    refused(scheme, message, secret + "x", at=datetime.fromtimestamp(at, UTC))


def test_what_the_sender_signed_is_believed(scheme: Scheme):
    scheme.check(scheme.message())


def test_another_secret_is_not(scheme: Scheme):
    refused(scheme, scheme.message(secret=OTHER))


def test_while_a_secret_is_exchanged_both_are_good(scheme: Scheme):
    for secrets in ((SECRET, OTHER), (OTHER, SECRET)):
        scheme.check(scheme.message(secret=SECRET), *secrets)
        scheme.check(scheme.message(secret=OTHER), *secrets)
    refused(scheme, scheme.message(secret=THIRD), SECRET, OTHER)


@pytest.mark.parametrize("name", SIGNING)
def test_an_empty_secret_signs_nothing(name: str):
    scheme = SCHEMES[name]
    forged = scheme.message(secret="")
    assert "empty" in refused(scheme, forged, "")
    assert "empty" in refused(scheme, forged, SECRET, "")
    scheme.check(scheme.message(), "", SECRET)


def test_without_secrets_nobody_is_believed(scheme: Scheme):
    with pytest.raises(UnverifiedError):
        verified(verification(**scheme.verify), scheme.message(), [], (), AT)


@pytest.mark.parametrize("name", [name for name in SIGNING if SCHEMES[name].signs_time])
def test_the_replay_window_ends_both_ways(name: str):
    scheme = SCHEMES[name]
    for off in (-300, 0, 300):
        scheme.check(scheme.message(at=NOW + off))
    assert refused(scheme, scheme.message(at=NOW - 301)) == "the signed time is 301 s old"
    assert refused(scheme, scheme.message(at=NOW + 301)) == "the signed time is 301 s ahead"


def test_the_window_is_as_wide_as_the_source_says():
    scheme = Scheme({"stripe": {"secrets": ["env:A"], "tolerance": "1s"}}, SCHEMES["stripe"].sign)
    scheme.check(scheme.message(at=NOW - 1))
    refused(scheme, scheme.message(at=NOW - 2))


def test_every_header_is_needed_and_only_as_it_is_written(scheme: Scheme):
    message = scheme.message()
    for name, value in message.headers.items():
        others = {key: text for key, text in message.headers.items() if key != name}
        assert refused(scheme, Message(message.body, others)).startswith("no ")
        for text in ("", " " + value, value + " ", f"{value}, {value}", value * 400, value + "ß"):
            refused(scheme, with_header(message, name, text))
        refused(scheme, with_header(message, name, value.replace("1", "\u0661")))


@pytest.mark.parametrize(
    "time", ["", "0", "-1", "+1", "1e9", "1.0", " 1", "9" * 13, f"0{NOW}", "٣", "0x1"]
)
def test_times_are_plain_seconds(time: str):
    message = SCHEMES["slack"].message()
    signature = SCHEMES["slack"].sign(BODY, SECRET, time)["x-slack-signature"]  # type: ignore[arg-type]
    message = with_header(message, "x-slack-signature", signature)
    refused(SCHEMES["slack"], with_header(message, "x-slack-request-timestamp", time))


@pytest.mark.parametrize("name", ["github", "stripe", "slack", "hmac"])
def test_hex_is_upper_or_lower_but_not_both(name: str):
    scheme = SCHEMES[name]
    message = scheme.message()
    header, value = next((n, v) for n, v in message.headers.items() if n.endswith(("256", "ture")))
    before, signature = value[:-64], value[-64:]
    scheme.check(with_header(message, header, before + signature.upper()))
    refused(scheme, with_header(message, header, before + signature[:32] + signature[32:].upper()))


def test_even_what_is_signed_holds_no_control_characters():
    token = verification(bearer={"secrets": ["env:A"], "header": "X-Token"})
    for text in ("a\x00b", "a\nb", "a\x7fb", "a\tb"):
        with pytest.raises(UnverifiedError):
            verified(token, Message(BODY, {"x-token": text}), [text], (), AT)


def test_several_signatures_of_which_one_fits():
    wrong = "0" * 64
    message = SCHEMES["stripe"].message()
    time, right = message.headers["stripe-signature"].split(",")
    for text in (f"{time},v1={wrong},{right}", f"{right},v0={wrong},{time}"):
        SCHEMES["stripe"].check(with_header(message, "stripe-signature", text))
    for text in (
        time,
        right,
        f"{time},{time},{right}",
        f"{time},{right.replace('v1', 'v0')}",
        f"{time},{right},",
        f"{time},{right},v1",
        f"{time}," + f"v1={wrong}," * 9 + right,
    ):
        refused(SCHEMES["stripe"], with_header(message, "stripe-signature", text))


def test_standard_webhooks_carries_several_signatures_and_versions():
    scheme = SCHEMES["standard_webhooks"]
    message = scheme.message()
    right = message.headers["webhook-signature"]
    other = scheme.message(secret=OTHER).headers["webhook-signature"]
    for text in (f"{other} {right}", f"v1a,anything {right}", f"{right} v2,{right[3:]}"):
        scheme.check(with_header(message, "webhook-signature", text))
    for text in (right[3:], right.replace("v1", "v2"), f"{right}  {other}", f"v1 {right}"):
        refused(scheme, with_header(message, "webhook-signature", text))


def test_names_of_svix_may_not_contradict():
    """A map may read `webhook-id`: one that nobody signed must not stand beside the signed one."""
    scheme = SCHEMES["standard_webhooks"]
    both = {**standard_webhooks(BODY, SECRET, NOW), **svix(BODY, SECRET, NOW)}
    scheme.check(Message(BODY, both))
    assert "two" in refused(scheme, Message(BODY, {**both, "webhook-id": "msg_2"}))
    assert "two" in refused(scheme, Message(BODY, {**both, "svix-id": "msg_2"}))


def test_an_id_cannot_take_a_part_of_the_body():
    """`a.1.2.b` is signed for id `a`, time 1, body `2.b`; and for id `a.1`, time 2, body `b`."""
    scheme = SCHEMES["standard_webhooks"]
    message = scheme.message(body=f"{NOW}.{{}}".encode())
    scheme.check(message)
    moved = with_header(message, "webhook-id", f"msg_1.{NOW}")
    assert "full stop" in refused(scheme, Message(b"{}", moved.headers))


@pytest.mark.parametrize(
    "secret", ["whsec_", "whsec_!", "whsec_ä", "whsec_MfKQ!!!!9r8x", "not base64!"]
)
def test_a_secret_that_is_not_base64_signs_nothing(secret: str):
    scheme = SCHEMES["standard_webhooks"]
    assert "base64" in refused(scheme, scheme.message(), secret)
    scheme.check(scheme.message(), secret, SECRET)


@pytest.mark.parametrize(
    ("verify", "name", "value"),
    [
        ({}, "authorization", "Bearer {}"),
        ({}, "authorization", "bearer {}"),
        ({"header": "X-Token"}, "x-token", "{}"),
    ],
)
def test_a_token_that_both_know(verify: dict[str, Any], name: str, value: str):
    def check(text: str, secrets: Sequence[str] = ("sesame", "next")) -> None:
        message = Message(BODY, {name: value.format(text)})
        bearer = verification(bearer={"secrets": ["env:A", "env:B"], **verify})
        verified(bearer, message, secrets, (), AT)

    check("sesame")
    check("next")
    for wrong in ("", "sesam", "sesame2", "Sesame", "sesame ", "?", "sésame", "sesame,next"):
        with pytest.raises(UnverifiedError):
            check(wrong)
    with pytest.raises(UnverifiedError):
        check("", ["", ""])
    with pytest.raises(UnverifiedError):
        check("s?same", ["sésame"])


def test_a_certificate_with_one_of_the_subjects():
    mtls = verification(mtls={"subjects": ["CN=shop,O=Example", "CN=till"]})
    verified(mtls, Message(BODY, certificate="CN=till"), (), (), AT)
    for subject in ("", "CN=shop", "CN=till,O=x", "cn=till"):
        with pytest.raises(UnverifiedError, match=SAME_WORDS) as error:
            verified(mtls, Message(BODY, certificate=subject), (), (), AT)
        assert error.value.reason.startswith("the client" if subject else "no client")


def test_whatever_breaks_is_told_alike(monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> bytes:
        raise ValueError("with something secret in it")

    monkeypatch.setattr(hmac, "digest", broken)
    scheme = SCHEMES["github"]
    assert refused(scheme, scheme.message()) == "it cannot be judged: ValueError"


def test_reasons_hold_no_secret_and_no_signature(scheme: Scheme):
    message = scheme.message()
    for at in (AT, AT + timedelta(days=1)):
        reason = refused(scheme, Message(BODY + b" ", message.headers), OTHER, at=at)
        for value in (SECRET, OTHER, *message.headers.values()):
            assert value not in reason


def test_what_a_source_needs_to_be_judged():
    assert secret_refs(verification(github={"secrets": ["env:A", "file:/b"]})) == (
        "env:A",
        "file:/b",
    )
    assert secret_refs(verification(mtls={"subjects": ["CN=a"]})) == ()


@pytest.mark.parametrize(
    ("verify", "complaint"),
    [
        ({"hmac": {"secrets": ["env:A"], "header": "X", "timestamp": "T"}}, "timestamp"),
        ({"hmac": {"secrets": ["env:A"], "header": "X", "signed": "{timestamp}.{body}"}}, "signed"),
        ({"mtls": {"subjects": [""]}}, "at least 1"),
        ({"github": {"secrets": []}}, "at least 1"),
        ({"github": {"secrets": ["env:A", "env:B", "env:C"]}}, "at most 2"),
        ({"github": {"secrets": ["It's a Secret"]}}, "match"),
        ({"github": {"secrets": ["vault:secret/../sys#a"]}}, "match"),
        ({"github": {"secrets": ["vault:secret/data/shop"]}}, "match"),
        ({"github": {"secrets": ["env:A"]}, "mtls": {"subjects": ["CN=a"]}}, "exactly one"),
        ({"jwt": {"issuer": "i", "audience": "a"}}, "exactly one of jwks, keys"),
        (
            {"jwt": {"issuer": "i", "audience": "a", "jwks": "https://i/", "keys": ["env:A"]}},
            "exactly one of jwks, keys",
        ),
        (
            {
                "jwt": {
                    "issuer": "i",
                    "audience": "a",
                    "keys": ["env:A"],
                    "algorithms": ["HS256", "RS256"],
                }
            },
            "HS256 stands alone",
        ),
        (
            {
                "jwt": {
                    "issuer": "i",
                    "audience": "a",
                    "jwks": "https://i/",
                    "algorithms": ["HS256"],
                }
            },
            "HS256 stands alone",
        ),
        (
            {"jwt": {"issuer": "i", "audience": "a", "keys": ["env:A"], "algorithms": ["none"]}},
            "algorithms",
        ),
    ],
)
def test_what_no_source_may_say(verify: dict[str, Any], complaint: str):
    with pytest.raises(ValidationError, match=complaint):
        verification(**verify)


def test_references_of_all_kinds():
    refs = ["file:/run/secrets/shop", "vault:secret/data/shop#signing_key.v2"]
    assert secret_refs(verification(slack={"secrets": refs})) == tuple(refs)

"""Event sources as files: read, refused with place and reason, warned of what is unwise."""

# ruff: noqa: E501 - tables of texts and of what is said about them

import json
from datetime import UTC, datetime

import pytest

from activity_core.cli import definition_files
from activity_core.core.definition_file.bundle import Bundle
from activity_core.core.definition_file.known import Known
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.definition_file.review import Review, review
from activity_core.core.errors import InvalidDefinitionError

NOW = datetime(2026, 1, 1, tzinfo=UTC)

DESIGN = """\
kind: source
id: shop
webhook:
  verify: {standard_webhooks: {secrets: ["env:SHOP_WEBHOOK_SECRET"], tolerance: 5m}}   # or github / stripe / slack / hmac / bearer / jwt
  map: {id: 'headers["webhook-id"]', type: '"shop." + body.event', subject: body.order.id, data: body.order}
schema: validate
"""
"""The example of the design."""

BROKER = """\
kind: source
id: shop
nats:
  stream: SHOP
  subjects: [shop.>]
"""


def source(id_: str, way: str) -> str:
    return f"kind: source\nid: {id_}\n{way}\n"


def read(text: str) -> Bundle:
    return parse_definitions(text, file="f.yaml")


def issues(text: str) -> list[str]:
    with pytest.raises(InvalidDefinitionError) as error:
        read(text)
    return [str(issue).removeprefix("f.yaml:") for issue in error.value.issues]


def reviewed(text: str, known: Known | None = None) -> Review:
    return review(read(text), known, NOW)


def refused(text: str, known: Known | None = None) -> list[str]:
    return [str(issue).removeprefix("f.yaml:") for issue in reviewed(text, known).refusals]


def warned(text: str, known: Known | None = None) -> list[str]:
    found = reviewed(text, known)
    assert not found.refusals
    return [str(issue).removeprefix("f.yaml:") for issue in found.warnings]


def test_the_example_of_the_design_is_read() -> None:
    (shop,) = read(DESIGN).sources
    assert (shop.id, shop.way, shop.schema_) == ("shop", "webhook", "validate")
    assert shop.webhook_
    assert shop.webhook_.map
    assert shop.webhook_.map.type == '"shop." + body.event'
    assert warned(DESIGN) == []


def test_a_source_is_written_as_it_was_read() -> None:
    [document] = definition_files.documents(read(DESIGN))
    assert (document["kind"], document["id"]) == ("source", "shop")
    assert read(json.dumps(document)).sources == read(DESIGN).sources


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("schema: validate", "scheme: validate", "6:1: scheme: unknown key `scheme`; did you mean `schema`?"),
        ("schema: validate", "schema: strict", "6:9: schema: expected 'required', 'validate' or 'ignore', found `strict`"),
        ("  map:", "  mapp:", "5:3: webhook.mapp: unknown key `mapp`; did you mean `map`?"),
        ("subject: body", "subjet: body", "5:68: webhook.map.subjet: unknown key `subjet`; did you mean `subject`?"),
        ("{standard_webhooks:", "{standard_webhook:", "4:12: webhook.verify.standard_webhook: unknown key `standard_webhook`; did you mean `standard_webhooks`?"),
        ("tolerance: 5m", "tolerance: 2d", "4:81: webhook.verify.standard_webhooks.tolerance: expected at most 1 d, found `2d`"),
        ("webhook:\n", "nats: {stream: S}\nwebhook:\n", "1:1: exactly one of webhook, nats, kafka, rabbitmq, api must be given, found webhook, nats"),
        ("schema: validate", "preset: github", "6:1: preset: unknown key `preset`; "),
        ("schema: validate", "allow: {types: ['*.order']}", "6:17: allow.types[0]: expected text like "),
        ("schema: validate", "rate: {per_second: 0}", "6:20: rate.per_second: expected more than 0"),
        ("schema: validate", "rate: {per_second: 5, burst: 1.5}", "6:30: rate.burst: expected a whole number, found `1.5`"),
        ('["env:SHOP_WEBHOOK_SECRET"]', '["env:A", "env:B", "env:C"]', "4:41: webhook.verify.standard_webhooks.secrets: expected at most 2 of them"),
        ("  map: {id: 'headers[\"webhook-id\"]', type: '\"shop.\" + body.event',", "  map: {", "5:8: webhook.map.type: the key is missing"),
    ],
)  # fmt: skip
def test_one_mistake(old: str, new: str, expected: str) -> None:
    text = DESIGN.replace(old, new, 1)
    assert text != DESIGN
    assert [issue for issue in issues(text) if issue.startswith(expected)], issues(text)


@pytest.mark.parametrize(
    "verify",
    [
        "hunter2",
        "{github: hunter2}",
        "{github: {secrets: hunter2}}",
        "{github: {secrets: [hunter2]}}",
        "{github: {secrets: [[hunter2]]}}",
        "{jwt: {issuer: a, audience: b, keys: hunter2}}",
        "{jwt: {issuer: a, audience: b, keys: [hunter2]}}",
    ],
)
def test_a_secret_in_place_of_its_reference_is_not_shown(verify: str) -> None:
    found = issues(source("a", f"webhook: {{verify: {verify}}}"))
    assert found
    assert not [issue for issue in found if "hunter2" in issue]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("body.event'", "bdy.event'", "5:44: webhook.map.type: unknown variable bdy (at 1:11) (did you mean body?)"),
        ("subject: body.order.id", "subject: item.id", "5:77: webhook.map.subject: unknown variable item (at 1:1) (known: body, headers)"),
        ("subject: body.order.id", "subject: body.order.", "5:77: webhook.map.subject: Syntax error: "),
        ("subject: body.order.id", "each: '{\"a\": 1}'", "5:74: webhook.map.each: must be a list, is map<string, int>"),
        ("subject: body.order.id", "each: item.lines", "5:74: webhook.map.each: unknown variable item"),
        ("subject: body.order.id", "subject: has(body.order)", "5:77: webhook.map.subject: must be text or a whole number, is bool"),
        ("subject: body.order.id", "time: has(body.order)", "5:74: webhook.map.time: must be a time, or seconds since 1970, is bool"),
        ('headers["webhook-id"]', 'headers["Webhook-Id"]', "5:13: webhook.map.id: headers have lower-case names here: `webhook-id`"),
        ('headers["webhook-id"]', "headers.authorization", "5:13: webhook.map.id: the header `authorization` may hold a credential: maps do not see it"),
    ],
)  # fmt: skip
def test_maps_are_compiled(old: str, new: str, expected: str) -> None:
    text = DESIGN.replace(old, new, 1)
    assert text != DESIGN
    [issue] = refused(text)
    assert issue.startswith(expected)


def test_maps_of_brokers_are_compiled_too() -> None:
    text = BROKER + "  map: {each: body.events, type: itm.type, data: item}\n"
    [issue] = refused(text)
    assert issue == "6:34: nats.map.type: unknown variable itm (at 1:1) (did you mean item?)"
    assert refused(text.replace("itm", "item")) == []


def webhook(verify: str, more: str = "") -> str:
    return source("a", f"webhook: {{verify: {verify}{more}}}")


HMAC = "{hmac: {secrets: ['env:A'], header: x-sig%s}}"
JWT = "{jwt: {issuer: i, audience: a%s}}"


@pytest.mark.parametrize(
    ("verify", "expected"),
    [
        (HMAC % ", signed: '{timestamp}.{body}'", "3:26: webhook.verify.hmac: `timestamp` names the header of a signed time: it goes together with `{timestamp}` in `signed`"),
        (JWT % "", "3:25: webhook.verify.jwt: exactly one of jwks, keys must be given"),
        (JWT % ", keys: ['env:A'], algorithms: [HS256, RS256]", "3:25: webhook.verify.jwt: HS256 stands alone, and its shared secrets are named by `keys`"),
    ],
)  # fmt: skip
def test_verification_that_would_prove_nothing(verify: str, expected: str) -> None:
    assert issues(webhook(verify)) == [expected]


@pytest.mark.parametrize(
    "verify",
    [
        HMAC % "",
        HMAC % ", signed: '{timestamp}.{body}', timestamp: x-time",
        JWT % ", jwks: 'https://i'",
        JWT % ", keys: ['env:A'], algorithms: [HS256]",
        "{mtls: {subjects: ['CN=shop']}}",
    ],
)
def test_verification_that_is_right(verify: str) -> None:
    assert warned(webhook(verify)) == []


def test_a_broker_shows_no_certificate() -> None:
    text = BROKER + "  verify: {mtls: {subjects: ['CN=shop']}}\n"
    [issue] = refused(text)
    assert issue.startswith("6:18: nats.verify.mtls: nats shows no client's certificate")


MAP = ", map: {id: 'headers[\"x-id\"]', type: '\"a.\" + headers.kind + body.kind', data: headers}"


@pytest.mark.parametrize(
    ("verify", "unsigned"),
    [
        ("{github: {secrets: ['env:A']}}", {"x-id", "kind"}),
        ("{stripe: {secrets: ['env:A']}}", {"x-id", "kind"}),
        ("{bearer: {secrets: ['env:A']}}", {"x-id", "kind"}),
        (HMAC % ", signed: '{timestamp}.{body}', timestamp: X-Id", {"kind"}),
    ],
)
def test_headers_that_are_not_signed_are_warned_of(verify: str, unsigned: set[str]) -> None:
    found = warned(webhook(verify, MAP))
    assert {issue.split("`")[3] for issue in found} == unsigned
    assert all("does not sign the header" in issue for issue in found)
    places = {issue.split(": ")[1] for issue in found}
    assert places == ({"webhook.map.id"} if "x-id" in unsigned else set()) | {"webhook.map.type"}


def test_headers_of_the_body_are_none_of_the_message() -> None:
    text = ", map: {type: 'body.headers[\"X-Id\"]'}"
    assert warned(webhook("{github: {secrets: ['env:A']}}", text)) == []


def test_a_broker_without_verification_has_no_unsigned_headers() -> None:
    assert warned(BROKER + "  map: {id: 'headers[\"x-id\"]', type: headers.kind}\n") == []


def test_presets_that_are_not_proved_their_way() -> None:
    [issue] = warned(webhook("{bearer: {secrets: ['env:A']}}", ", preset: github"))
    assert issue == (
        "3:19: webhook.verify: what github sends is proved by `github`, not by `bearer`"
    )
    assert warned(webhook("{bearer: {secrets: ['env:A']}}", ", preset: alertmanager")) == []
    assert warned(webhook("{github: {secrets: ['env:A']}}", ", preset: github")) == []
    [both] = warned(
        webhook("{github: {secrets: ['env:A']}}", ", preset: github, map: {type: body.kind}")
    )
    assert both.startswith("3:59: webhook.preset: `map` takes its place")


def test_keys_without_tls_are_warned_of() -> None:
    [issue] = warned(webhook(JWT % ", jwks: 'http://i'"))
    assert issue.startswith("3:56: webhook.verify.jwt.jwks: ")


@pytest.mark.parametrize(
    "subject", ["", ".", "a.", "a..b", "a b", "a.>.b", "a.b*", "*a", ">a", "a.>>", "a\tb"]
)
def test_what_is_no_subject(subject: str) -> None:
    [issue] = refused(BROKER.replace("[shop.>]", json.dumps([subject])))
    assert issue.startswith("5:14: nats.subjects[0]: no subject: ")


@pytest.mark.parametrize("subject", ["a", "a.b", "*", "a.*.b", ">", "a.>", "*.>", "a-b.C_d.$x"])
def test_what_is_a_subject(subject: str) -> None:
    assert refused(BROKER.replace("[shop.>]", json.dumps([subject]))) == []


def test_subjects_of_one_consumer_must_not_overlap() -> None:
    assert refused(BROKER.replace("[shop.>]", "[shop.*, other, shop.a]")) == [
        "5:29: nats.subjects[2]: overlaps `shop.*`; JetStream refuses that in one consumer"
    ]


def test_keys_that_a_deployment_does_not_have_are_warned_of() -> None:
    text = source("a", "api: {keys: [erp, shop]}")
    assert warned(text) == []
    assert warned(text, Known(api_keys={"erp", "shop"})) == []
    assert warned(text, Known(api_keys={"epr", "shop"})) == [
        "3:14: api.keys[0]: this deployment has no API key `erp` (did you mean epr?)"
    ]
    assert len(warned(text, Known(api_keys=()))) == 2


# -- claims ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("api: {keys: [a, erp]}", "api: {keys: [erp]}", "7:14: api.keys[0]: API key `erp` belongs to source `one` already (f.yaml:2)"),
        ("kafka: {topics: [a, b]}", "kafka: {topics: [c, a]}", "7:21: kafka.topics[1]: topic `a` belongs to source `one` already (f.yaml:2)"),
        ("rabbitmq: {queue: a}", "rabbitmq: {queue: a}", "7:19: rabbitmq.queue: queue `a` belongs to source `one` already (f.yaml:2)"),
        ("nats: {stream: S, subjects: [a.*]}", "nats: {stream: S, subjects: [b, a.c]}", "7:33: nats.subjects[1]: stream `S`, subject `a.c` overlaps `a.*`, which belongs to source `one` already (f.yaml:2)"),
        ("nats: {stream: S, subjects: [a.*]}", "nats: {stream: S}", "7:16: nats.stream: stream `S`, subject `>` overlaps `a.*`, which belongs to source `one` already (f.yaml:2)"),
        ("nats: {stream: S}", "nats: {stream: S}", "7:16: nats.stream: stream `S`, subject `>` belongs to source `one` already (f.yaml:2)"),
    ],
)  # fmt: skip
def test_two_sources_with_one_claim(one: str, other: str, expected: str) -> None:
    first, second = source("one", one), source("two", other)
    assert refused(f"{first}---\n{second}") == [expected]
    there = Known(sources=read(first).sources)
    [issue] = refused(second, there)
    assert issue.endswith("belongs to source `one` already (in the registry)")
    assert refused(first, there) == []
    assert refused(f"{source('one', 'api: {keys: [else]}')}---\n{second}", there) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("kafka: {topics: [a]}", "rabbitmq: {queue: a}"),
        ("nats: {stream: S, subjects: [a.b]}", "nats: {stream: S, subjects: [a.c]}"),
        ("nats: {stream: S}", "nats: {stream: T}"),
        ("nats: {stream: S, subjects: [a.>]}", "nats: {stream: S, subjects: [a]}"),
    ],
)
def test_claims_that_do_not_meet(one: str, other: str) -> None:
    assert refused(f"{source('one', one)}---\n{source('two', other)}") == []

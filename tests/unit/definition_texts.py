"""Definition files as text, for the tests of everything that reads them."""

CRON = """\
id: chase-overdue-invoices
title: Chase overdue invoices
owner: billing
trigger:
  cron: {expression: "0 9 * * MON-FRI", timezone: Europe/Berlin, jitter: 30s}
  misfire: {policy: compress, window: 24h}        # or catch_up (max_runs: 5) | skip
context:
  invoices:
    sql: {connection: billing, query: "select * from invoice where due_on < :slot and paid_on is null"}
rules:
  - id: overdue
    for_each: context.invoices
    as: invoice
    when: invoice.days_overdue > 14
    tasks:
      - id: remind
        http: {method: POST, url: "${config.mail_url}", json: {to: "${invoice.email}"}}
        retry: {max_attempts: 5, backoff: 2s..5m}
      - id: call
        needs: [remind]
        when: invoice.amount > 10000
        human: {title: "Call ${invoice.customer}", assign: {group: collections}, form: call-outcome.schema.json, due: P2D, remind: PT24H, escalate: {after: P3D, to: {group: billing-leads}}}
"""  # noqa: E501 - as it stands in the documentation

FORM = b'{"type": "object", "properties": {"reached": {"type": "boolean"}}}'

DESIGN_EVENT = """\
id: big-orders
trigger: {event: {type: order.created, filter: 'event.data.amount > 100', dedupe_key: event.data.order_id, batch: {max_size: 100, max_wait: 2s, key: event.subject}}}
rules:
  - id: all
    tasks: [{id: tell, emit: {type: shop.big-order, data: {order: "${event.data.order_id}"}}}]
"""  # noqa: E501 - as it stands in the documentation

_RULES = "rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]"
PARTS = [
    f"id: a\ntrigger: {{{trigger}}}\n{_RULES}\n"
    for trigger in (
        "event: {type: a, on_error: false, dedupe_key: event.id, dedupe_window: 1h, priority: 1}",
        "event: {type: a, on_error: dead_letter, debounce: {quiet: 1s, max_wait: 10s, keep: all}}",
        "event: {type: a, throttle: {limit: 5, per: 1m, excess: drop, key: event.source}}",
        "event: {type: a, order: {key: event.subject}, concurrency: {limit: 4}}",
        "event: {type: a, concurrency: {when_full: cancel_oldest, key: '[event.type]'}}",
        "composite: {all_of: [{type: a}, {types: [b, c], name: x, filter: 'true'}], within: 1h}",
        "composite: {any_of: [{type: a}, {type: b}, {type: c}], at_least: 2, within: 1h}",
        "composite: {sequence: [{type: a}, {type: b}], within: 1h, key: event.subject}",
        "composite: {count: {type: a, source: /s*, at_least: 3}, within: 31d, lookback: 1d}",
        "composite: {absent: {type: a, filter: 'true'}, within: 5m, priority: 5}",
        "composite: {absent: {type: a, after: {type: b, filter: 'true'}}, within: 1ms}",
    )
]
"""Flow control and composites, each at its fullest."""

EVENT = DESIGN_EVENT.replace(", batch: {max_size: 100, max_wait: 2s, key: event.subject}", "")

MANUAL = """\
id: by-hand
labels: {team: ops}
enabled: false
trigger:
  manual:
  interval: {every: 10s, offset: 3s, jitter: 1s}
context:
  here: {static: [1, 2.5, null, true, {a: b}]}
  from_event: {event: event.data}
  where: {config: mail_url}
  weather:
    http: {connection: weather, url: /today}
    timeout: 5s
    retry: {backoff: 1s}
  ours: {python: {plugin: ours, args: {n: 1}}}
rules:
  - id: r
    tasks:
      - {id: a, python: {plugin: ours}, queue: billing-tq, timeout: PT1M}
      - {id: b, needs: [a], human: {title: Look, form: {type: object}, wait: true}}
"""

CALENDAR = """\
kind: calendar
id: holidays
title: When nobody works
days:
  - 2026-12-24
  - {day: 2026-12-25, name: Christmas Day}
"""

CONNECTIONS = """\
kind: connection
id: billing
sql: {url: "env:BILLING_URL", local: true, max_rows: 50}
---
kind: connection
id: weather
http: {base_url: "https://weather.example", headers: {Authorization: "file:/run/secrets/weather"}}
"""

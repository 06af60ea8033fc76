"""The sources of the webhooks in `webhook_senders`, and the types of what they send."""

SECRET_NAME = "BENCH_WEBHOOK_SECRET"  # noqa: S105 - where it is, not what it is
ENTRANCES = f"""
kind: source
id: standard-webhooks
webhook:
  verify: {{standard_webhooks: {{secrets: ["env:{SECRET_NAME}"]}}}}
  map:
    id: headers["webhook-id"]
    type: '"shop." + body.event'
    subject: body.order.id
    time: body.at
    data: body.order
allow: {{types: [shop.*]}}
schema: required
---
kind: source
id: github
webhook: {{preset: github, verify: {{github: {{secrets: ["env:{SECRET_NAME}"]}}}}}}
allow: {{types: [github.*]}}
schema: required
---
kind: source
id: stripe
webhook: {{preset: stripe, verify: {{stripe: {{secrets: ["env:{SECRET_NAME}"]}}}}}}
allow: {{types: [stripe.*]}}
schema: required
---
kind: event_type
id: order
type: shop.order.*
versions:
  - type: object
    required: [id, customer, items]
    properties:
      id: {{type: string, minLength: 1}}
      customer: {{type: string}}
      items:
        type: array
        items:
          type: object
          required: [sku, count]
          properties: {{sku: {{type: string}}, count: {{type: integer, minimum: 1}}}}
---
kind: event_type
id: issue
type: github.issues.*
versions:
  - type: object
    required: [action, issue, repository]
    properties:
      action: {{enum: [opened, edited, closed]}}
      issue:
        type: object
        required: [number, title]
        properties: {{number: {{type: integer}}, title: {{type: string}}}}
      repository: {{type: object, required: [full_name]}}
---
kind: event_type
id: payment
type: stripe.payment_intent.*
versions:
  - type: object
    required: [id, type, data]
    properties:
      id: {{type: string, pattern: "^evt_"}}
      data:
        type: object
        properties:
          object:
            type: object
            required: [id, amount, currency]
            properties: {{amount: {{type: integer, minimum: 0}}, currency: {{type: string}}}}
"""

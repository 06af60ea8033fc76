"""activity-core: an event-driven task factory on Temporal.

The way of an event: `api` or `adapters.nats` → `services.ingest` → `services.router` →
`services.starter` → `workflows.run_activity` → `services.runner` → `services.relay`.
`core` decides, `ports` say what is needed, `adapters` reach it, `bootstrap` wires them.
"""

"""Ports: what the services need from the outside, in the words of the core.

`store` notes (inbox, run_queue, run_ledger, task_ledger, registry, outbox, dead_letters, reading),
`engine` (Temporal), `broker`, `context_source`, `task_performer`, `doorbell`, `clock`. Every port
has a real adapter and an in-memory twin, and one contract suite that both must pass.
"""

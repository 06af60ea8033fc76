"""The only place where things are wired: settings in, services over adapters out.

`stores` (the store ports over PostgreSQL), `system` (everything one process needs), `agents` (the
loops that run over a system: router, starter, worker, …).
"""

"""Use cases without Temporal: each file is one agent or desk, over ports alone.

The way of an event: `ingest` (or `intake` before it) → `router` → `starter` → `runner` → `relay`;
beside it `registry`, `reconciler`, `task_inbox`, `dead_letters`, the auditors, and `explain`.
"""

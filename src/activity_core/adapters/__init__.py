"""Adapters: each reaches one outside for the ports: PostgreSQL, Temporal, NATS, HTTP, plug-ins.

`memory` holds the in-memory twin of every port.
"""

"""The in-memory twin of every port: for tests of services, and for simulations.

The stores share one `State` and keep the promises of their ports, transactions and held rows
included; the contract suites run over them and over the real adapters alike.
"""

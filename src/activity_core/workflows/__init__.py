"""Workflows, the Temporal activities behind them, and the workers that serve both.

Workflow code only orchestrates: no conditions, clock, randomness or I/O; ids in, ids out.
"""

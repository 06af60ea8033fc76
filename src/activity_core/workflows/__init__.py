"""Workflows: `RunActivity`, the Temporal activities behind it, and the worker that serves both.

Workflow code only orchestrates: no conditions, clock, randomness or I/O; ids in, ids out.
"""

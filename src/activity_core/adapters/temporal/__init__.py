"""Temporal: the engine that carries out runs, and the scheduler that starts slots on time."""

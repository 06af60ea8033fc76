"""Runs and tasks as they are recorded, what is left of them to do, and what is told about them."""

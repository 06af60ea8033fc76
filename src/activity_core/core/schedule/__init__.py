"""Schedules, pure: which slots triggers mean, and what becomes of each of them."""

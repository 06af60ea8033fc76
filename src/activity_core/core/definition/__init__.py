"""Definitions: the models of what teams write (`definition` is the whole, the others its parts)."""

"""Matching: which definitions an event is for, without asking each of them."""

"""Explanations: why something did not happen, in the words of whoever wrote the definition."""

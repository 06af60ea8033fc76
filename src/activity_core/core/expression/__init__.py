"""Expressions: CEL conditions, `${…}` templates in JSON, loops over items, binds of SQL."""

"""Expressions: CEL (`condition`), `${…}` in JSON (`template`), loops over items (`rows`), SQL binds."""

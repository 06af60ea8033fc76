"""The schema, as numbered steps. `migrate` runs them."""

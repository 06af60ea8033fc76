"""Definition files: YAML or JSON in (`parse`), checked models out, every mistake with its place."""

"""Events: the envelope that travels (`envelope`), how it is spelled and checked, and its bindings."""

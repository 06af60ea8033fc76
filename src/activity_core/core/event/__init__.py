"""Events: the envelope, how its attributes are spelled and checked, and its bindings."""

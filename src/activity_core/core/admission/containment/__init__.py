"""Whether all that is valid under one JSON Schema is valid under another: sound, not complete."""

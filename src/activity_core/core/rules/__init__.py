"""Rules: what follows for a run (`decide`)."""

"""Rules: who listens to an event (`matching`), and what follows for a run (`decide`)."""

"""Cases: one lifetime of an ongoing definition for one correlation key."""

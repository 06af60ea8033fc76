"""How messages prove where they are from: signatures, and tokens. Pure, like all of admission."""

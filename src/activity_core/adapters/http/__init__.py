"""Outgoing HTTP: `guard` decides where requests may go, `source` and `performer` make them."""

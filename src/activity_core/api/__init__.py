"""The HTTP API under `/v1`: CloudEvents in, everything readable out, one file per noun."""

"""The operators' console: what happened and why, as pages. Reads only, no JavaScript."""

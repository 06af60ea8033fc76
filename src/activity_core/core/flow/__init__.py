"""Flow control and composite triggers: which events wait, join, or are let go, as pure steps."""

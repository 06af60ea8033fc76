"""What activity-core costs, as ratios to what it stands on; see README.md."""

"""What people and time do to human tasks; pure."""

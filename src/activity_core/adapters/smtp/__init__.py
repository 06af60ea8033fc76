"""Mail: tasks of kind `mail`, sent by SMTP."""

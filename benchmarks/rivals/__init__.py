"""Other ways to have work done durably, each a process in a virtual environment of its own."""

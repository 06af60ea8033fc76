"""The command line: processes to start, and a client of the API for everything else."""

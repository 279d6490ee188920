"""The page: static files and nothing else."""

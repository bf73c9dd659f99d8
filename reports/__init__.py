"""Reporters, one in each file. Each reads events and nothing else."""

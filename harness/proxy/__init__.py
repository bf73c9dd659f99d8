"""Stands before a real API, lets the faults of a scenario strike its answers, and keeps what it said."""

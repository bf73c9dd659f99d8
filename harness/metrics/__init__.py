"""Metrics of streamproof itself for Prometheus, while it runs: one file for each kind of work; needs an extra.

Labels have few values: clients, families, laws, faults and scenarios are those of the catalogue; no seed, token or text
is one.
"""

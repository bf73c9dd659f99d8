"""Captures of what real servers answer, and the scenarios that are made of them."""

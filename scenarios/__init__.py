"""The catalogue of scenarios, one family in each file."""

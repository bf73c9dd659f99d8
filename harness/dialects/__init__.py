"""What the oracle makes of replies in other dialects than the Messages API; slow and obvious, as all of it."""

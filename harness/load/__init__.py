"""Load and soak: thousands of calls at once, each with a verdict, counted and forgotten."""

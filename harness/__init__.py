"""The harness: runs scenarios against clients, records both sides, and judges what a user would have seen."""

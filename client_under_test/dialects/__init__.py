"""The APIs that the client understands, one in each file."""

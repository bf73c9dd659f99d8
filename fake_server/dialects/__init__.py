"""The APIs that the server can speak, one in each file."""

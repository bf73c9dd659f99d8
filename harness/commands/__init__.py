"""The commands of `streamproof`, one a file; each is called ``command``."""

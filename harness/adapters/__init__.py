"""The clients that ship with an adapter, one in each file. Importing this package imports none of them."""

"""The faults, one kind in each file. Importing this package imports none of them."""

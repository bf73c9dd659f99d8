"""The toxics, one in each file. Importing this package imports none of them."""

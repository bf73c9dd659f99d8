"""A Toxiproxy in Python: TCP proxies that break the network on purpose, and the driver for it and for the real one."""

"""The control room: a case while it goes on, a network that is changed by hand, and a search for failures."""

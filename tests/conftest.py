"""What holds for all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# pytest-xdist sets it for its workers; what is printed would be folded for a terminal that nobody has.
os.environ.pop("COLUMNS", None)

# How long an example takes says something of the machine, and nothing of what is tested.
settings.register_profile("whatever it takes", deadline=None)
settings.load_profile("whatever it takes")

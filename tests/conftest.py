"""What holds for all tests."""

from __future__ import annotations

import os

# pytest-xdist sets it for its workers; what is printed would be folded for a terminal that nobody has.
os.environ.pop("COLUMNS", None)

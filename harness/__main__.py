"""``python -m harness`` is ``streamproof``, for what starts it again with the Python that is running."""

from harness.cli import main

if __name__ == "__main__":
    main()

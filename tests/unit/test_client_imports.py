"""What an import of the client costs."""

from __future__ import annotations

import subprocess
import sys

import client_under_test


def imported_by(statement: str) -> set[str]:
    """Top-level packages that ``statement`` imports, in an interpreter of its own; those of Python are left out."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return {name for name in done.stdout.split() if name not in sys.stdlib_module_names and not name.startswith("_")}


def test_the_client_brings_httpx_and_msgspec_and_nothing_else() -> None:
    client = "import client_under_test; client_under_test.SyncStreamClient(api_key='k').close()"
    assert imported_by(client) - imported_by("import httpx, msgspec; httpx.Client().close()") == {"client_under_test"}


def test_the_client_has_five_public_names() -> None:
    assert sorted(client_under_test.__all__) == ["Policy", "StreamClient", "StreamError", "SyncStreamClient", "events"]


def test_no_extra_is_imported_unless_it_is_used() -> None:
    wanted = imported_by("import client_under_test, client_under_test.sinks, client_under_test.metrics")
    assert wanted & {"prometheus_client", "sentry_sdk", "opentelemetry", "slack_sdk", "rich", "aiohttp"} == set()

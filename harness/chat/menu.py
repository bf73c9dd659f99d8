"""What may go wrong in the chat: scenarios of the catalogue under plain names. Pure.

Each was chosen because a reader of the page sees at once what it does. Names are ours, titles the catalogue's.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choice:
    """One scenario under a plain name."""

    scenario: str
    """Its id in the catalogue."""
    name: str


HEALTHY = "completion.plain"
"""The scenario in which nothing goes wrong."""

MENU: dict[str, tuple[Choice, ...]] = {
    "The answer breaks off": (
        Choice("cutoff.clean_end_mid_text", "Ends politely in the middle"),
        Choice("cutoff.reset_mid_text", "The connection is reset in the middle"),
        Choice("resume.cut_twice", "Cut, and cut again"),
        Choice("fallback.after_two_cuts", "Every stream is cut"),
        Choice("completion.max_tokens", "The model runs out of tokens"),
        Choice("content.tool_cut_by_end", "Cut inside a tool call"),
    ),
    "Errors": (
        Choice("order.overloaded_mid_text", "Overloaded (529) in the middle of a 200"),
        Choice("rate_limit.retry_after_seconds", "Too many requests (429) at first"),
        Choice("http_status.status_401", "The key is refused (401)"),
        Choice("http_status.html_with_200", "A login page instead of an answer"),
    ),
    "Silence": (
        Choice("stall.mid_text", "Silence in the middle"),
        Choice("stall.pings_only", "Nothing but pings"),
    ),
    "Damage": (
        Choice("encoding.character_split", "Every character cut in half"),
        Choice("malformed.json_mid_stream", "One event is damaged"),
        Choice("malformed.html_then_end", "An error page in the middle"),
    ),
    "The network": (
        Choice("broken_network.silent_mid_text", "The network goes silent"),
        Choice("unreachable_network.down_mid_text", "The network is down for a moment"),
        Choice("broken_network.flaky_wifi", "Wi-Fi at the edge of its reach"),
    ),
    "Nothing": (Choice(HEALTHY, "Nothing goes wrong"),),
}
"""By group; the first of all shows the difference at once."""

DEFAULT = next(iter(MENU.values()))[0].scenario


def choices() -> dict[str, Choice]:
    """All of them by the ids of their scenarios."""
    return {choice.scenario: choice for group in MENU.values() for choice in group}

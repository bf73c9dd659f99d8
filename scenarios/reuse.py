"""One client makes several calls: what an earlier one met must leave nothing behind, in the client or in its pool."""

from __future__ import annotations

from fake_server.answer import Answer
from fake_server.script import script
from harness.model import Scenario
from scenarios.shapes import EVERY_DIALECT, WHOLE

DIALECTS = EVERY_DIALECT
HARM = "The next question is answered with what is left of the one before, or not at all."

_FAULTS = (
    ("clean_end", "a stream that ended politely in the middle of the text", "cutoff.clean_end_mid_text"),
    ("fin_in_chunk", "a stream that was cut in the middle of a chunk", "cutoff.fin_in_chunk"),
    ("reset", "a connection that was reset", "cutoff.reset_mid_text"),
    ("held_open", "an answer whose body never ended", "completion.held_open"),
    ("left_over_bytes", "an answer with bytes behind the length that it declared", "headers.content_length_too_small"),
    (
        "missing_bytes",
        "an answer that was shorter than the length that it declared",
        "headers.content_length_too_large",
    ),
    ("stall", "a stream that fell silent", "stall.mid_text"),
    ("no_head", "a request that was never answered", "stall.before_head"),
    ("stop", "an answer that the user stopped", "retry.cancelled_mid_text"),
    ("wrong_key", "a refusal for a wrong key", "http_status.status_401"),
    ("overload", "a server that was overloaded for ever", "http_status.status_529_for_ever"),
    ("html", "an error page of 200 KB", "http_status.status_502_html"),
    ("half_a_character", "a stream that ended inside a character", "cutoff.clean_end_in_character"),
    ("half_an_event", "a stream that ended inside an event", "cutoff.clean_end_in_event"),
    ("half_a_tool_call", "a stream that ended inside a tool's input", "content.tool_cut_by_end"),
    ("invalid_utf8", "an event that was no UTF-8", "malformed.invalid_utf8"),
)


_NETWORKS = (
    ("network_cut", "a network that closed the connection in the middle of the text", "broken_network.cut_mid_text"),
    ("network_reset", "a network that reset the connection in the middle of the text", "broken_network.reset_mid_text"),
    ("network_silence", "a network that was silent from the middle of the text on", "broken_network.silent_mid_text"),
    ("no_network", "no network at all", "unreachable_network.offline"),
)
"""The network is well again for the last call."""


def _after(name: str, words: str, *before: str, covers: tuple[str, ...] = ()) -> Scenario:
    return Scenario(
        name=f"after_{name}",
        title=f"A plain answer, asked for by a client that met {words}.",
        script=script(Answer()),
        expect=WHOLE,
        before=before,
        covers=covers,
    )


SCENARIOS = (
    _after("nothing_wrong", "two plain answers before", "completion.plain", "completion.plain"),
    *(_after(*one) for one in _FAULTS),
    _after("all_of_them", "all that can be met quickly", *(one[2] for one in _FAULTS if "stall" not in one[2])),
    *(_after(*one) for one in _NETWORKS),
    _after(
        "idle_connection_lost",
        "a whole answer, and whose idle connection the network closed behind it",
        "broken_network.silent_after_the_end",
        covers=("conn-stale-keepalive-reuse",),
    ),
)

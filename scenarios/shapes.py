"""What most scenarios share: places in the default answer (about 44 text deltas), expectations, and the usual shape.

What was delivered before a fault decides what is right, so cuts and stalls are swept over the four delivered states.
"""

from __future__ import annotations

from typing import Any

from fake_server.answer import Answer
from fake_server.blocks import text_block, thinking_block, tool_block, whole_block
from fake_server.dialect import Dialect
from fake_server.fault import Fault
from fake_server.position import AtEnd, AtEvent
from fake_server.receivers.plan import Fault as CallFault
from fake_server.receivers.plan import Plan
from fake_server.script import Step, script
from fake_server.text import story
from harness.model import Expect, Outcome, Scenario
from harness.network import AfterEvents, Network
from harness.receiver import Kind, Receiver

EVERY_DIALECT = frozenset(Dialect)
CLAUDE = frozenset({Dialect.ANTHROPIC})
"""It is a matter of events or fields that only the Messages API has."""
WITH_A_STOP = EVERY_DIALECT - {Dialect.OPENAI_RESPONSES}
"""The reason of the end is told, and then the end itself."""
WITH_NAMES = EVERY_DIALECT - {Dialect.OPENAI_CHAT}
"""Events have names, and blocks have an end."""

DELTA = "content_block_delta"

PREAMBLE_ONLY = AtEvent(DELTA, 0)
"""``message_start``, ``content_block_start`` and a ping were sent; no text."""
EARLY_TEXT = AtEvent(DELTA, 3)
MID_TEXT = AtEvent(DELTA, 18)
"""Some 40 % of the text was sent."""
LATE_TEXT = AtEvent(DELTA, 40)
"""Some 90 % of the text was sent."""
BLOCK_DONE = AtEvent("message_delta")
"""All text and ``content_block_stop`` were sent; nothing says yet that this was the end."""
REASON_SEEN = AtEvent("message_stop")
"""The final ``stop_reason`` was sent, ``message_stop`` was not."""
TERMINAL_SEEN = AtEnd()
"""``message_stop`` was sent; only the end of the body is missing."""

WHOLE = Expect()
"""Nothing is really wrong: every client must deliver the whole answer."""
RECOVERABLE = Expect(may_fail=True)
"""A real fault; a good answer can still be had."""
REFUSED = Expect(outcome=Outcome.FAILED, permanent=True)
"""Asking again is of no use."""
HOPELESS = Expect(outcome=Outcome.FAILED)
"""No attempt will succeed, though one might hope."""


PAUSES = Expect(outcome=Outcome.PAUSED, also=(Outcome.COMPLETE,))
"""The turn pauses: a client goes on with it, or says that it paused."""


def paused(said: str, *, thinking: bool = False) -> Answer:
    """A part of a turn that pauses for a server tool, with all kinds of block that must be sent back as they came."""
    result = {"type": "web_search_result", "title": "Žluť", "url": "https://example.com/", "encrypted_content": "Eqg=="}
    blocks = (
        *((thinking_block("The village must be looked up."),) if thinking else ()),
        text_block(story(said, 5)),
        tool_block("web_search", {"query": "village 東京"}, kind="server_tool_use"),
        whole_block({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_web_search", "content": [result]}),
    )
    return Answer(blocks=blocks, stop_reason="pause_turn")


def faulted(name: str, title: str, *faults: Fault, expect: Expect = RECOVERABLE, **more: Any) -> Scenario:
    """The usual shape: the faults strike the first attempt, every later one is whole."""
    return Scenario(name=name, title=title, script=script(Answer(faults=faults), Answer()), expect=expect, **more)


def unusual(name: str, title: str, *faults: Fault, **more: Any) -> Scenario:
    """Every attempt looks like this, nothing is really wrong, and the answer must be delivered from the first."""
    return Scenario(name=name, title=title, script=script(Answer(faults=faults)), expect=WHOLE, **more)


PREFILLS = {"model": "claude-sonnet-4-5"}
"""A model that takes the beginning of its answer as a prefill."""


def resumed(name: str, title: str, *steps: Step, **more: Any) -> Scenario:
    """The first attempt breaks off, and a later one may be asked for the rest."""
    return Scenario(name=name, title=title, script=script(*steps), **{"expect": RECOVERABLE, **more})


LARGE_PROMPT = {"messages": [{"role": "user", "content": "What happens in the village? " * 8_000}]}
"""Some 230 kB of request."""


def deltas(count: int) -> AfterEvents:
    """After so many pieces of text."""
    return AfterEvents(count, DELTA)


NETWORK_STATES: tuple[tuple[str, str, AfterEvents], ...] = (
    ("preamble_only", "before any text", AfterEvents(1, "content_block_start")),
    ("mid_text", "in the middle of the text", deltas(18)),
    ("late_text", "with most of the text sent", deltas(40)),
    ("text_done", "after the text, before anything says that it is all", AfterEvents(1, "content_block_stop")),
)
"""The four delivered states, for faults of the network: name, words, and the moment."""


def over(name: str, title: str, network: Network, **more: Any) -> Scenario:
    """Whole answers over a broken network."""
    return Scenario(name=name, title=title, script=script(Answer()), network=network, **{"expect": RECOVERABLE, **more})


def dead(name: str, title: str, network: Network, **more: Any) -> Scenario:
    """Whole answers over a network that falls silent: the client must leave by itself."""
    return over(name, title, network, expect=Expect(may_fail=True, stalls=True), **more)


TYPED = Answer(pace=0.04)
"""Comes in two seconds, in which a message is edited several times."""
FOREIGN = {"model": "some-local-model"}
"""A model of which nothing is known: after a cut it says another answer, and what was shown must go."""
ANOTHER = Answer(story="another", continues=False)


def long_answer(sentences: int) -> Answer:
    """An answer of many sentences in some 50 pieces, in two seconds."""
    return Answer(blocks=(text_block(story("long", sentences), words=sentences // 6),), pace=0.04)


def into(kind: Kind, name: str, title: str, *steps: Step, **more: Any) -> Scenario:
    """An answer that goes into a receiver; settings of the receiver are taken out of ``more``."""
    settings = {key: more.pop(key) for key in ("plan", "stream_life", "uses") if key in more}
    receiver = Receiver(kind=kind, **settings)
    return Scenario(name=name, title=title, script=script(*steps), receiver=receiver, **{"expect": WHOLE, **more})


def once(method: str, fault: CallFault, number: int = 1) -> Plan:
    """The fault strikes call ``number`` of a method."""
    return Plan(methods={(method, number): fault})

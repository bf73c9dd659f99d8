"""What is done to the answers of a real server: the faults of a scenario, without what its own model would say. Pure.

A step of the script is met by each request to a model in turn, and the last one by all that follow. A plain answer with
faults lets the real server answer and the faults strike; a refusal, or the page of a stranger, is given without asking
the real server. Everything else in a scenario is about what a model says, or about something beside the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeAlias

from fake_server.answer import Answer, Refuse, Respond
from fake_server.fault import Fault
from fake_server.script import Script, Step
from harness.errors import UsageError
from harness.model import Endpoint, Scenario

Move: TypeAlias = Answer | Refuse | Respond
"""One step: an ``Answer`` is the real server's, with these faults."""
_WORDING = frozenset({"faults", "story", "sentences", "repeats", "continues"})
"""What an answer may have that only matters to a model of our own."""
_OF_A_MODEL = ("/messages", "/chat/completions", "/responses", ":rawpredict", ":streamrawpredict")
_ONLY_A_STREAM = "only scenarios whose faults strike an answer can be put before a real server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """What is done to the first request to a model, to the second, and so on; nothing when there are no moves."""

    name: str = ""
    moves: tuple[Move, ...] = ()
    drawn_as: str = ""
    """The name by which faults are drawn."""

    def move(self, attempt: int) -> Move:
        """What is done to request ``attempt`` to a model, from 1."""
        return self.moves[min(attempt, len(self.moves)) - 1] if self.moves else Answer()


def of_scenario(scenario: Scenario) -> Chaos:
    """The faults of a scenario.

    Raises:
        UsageError: it is about something else than faults of answers; says about what.
    """
    if about := _about(scenario):
        raise UsageError(f"{scenario.id} is about {about}; {_ONLY_A_STREAM}")
    moves = tuple(_move(step, number, scenario.id) for number, step in enumerate(scenario.script.steps, 1))
    if all(isinstance(one, Answer) and not one.faults for one in moves):
        raise UsageError(f"{scenario.id} is about nothing that goes wrong in an answer; {_ONLY_A_STREAM}")
    return Chaos(name=scenario.id, moves=moves, drawn_as=scenario.drawn_as or scenario.id)


def of_faults(faults: tuple[Fault, ...]) -> Chaos:
    """These faults in every stream of a model."""
    return Chaos(name="faults", moves=(Answer(faults=faults),), drawn_as="faults")


def is_to_a_model(method: str, path: str) -> bool:
    """Whether a request asks a model for an answer; others are passed on as they are, and not counted.

    Args:
        path: with or without its query.
    """
    return method == "POST" and path.partition("?")[0].lower().endswith(_OF_A_MODEL)


def script_of(move: Move) -> Script:
    """The script of one step, to ask for its reply."""
    return Script((move,))


def _about(scenario: Scenario) -> str:
    """What a scenario is about that is not in its answers; empty when there is nothing."""
    if scenario.receiver is not None:
        return "the receiver of an answer"
    if scenario.network is not None:
        return "the network: put `streamproof toxiproxy` before the proxy for that"
    if scenario.endpoint is Endpoint.REFUSED:
        return "a server that does not listen"
    return "a second server" if scenario.elsewhere is not None else ""


def _move(step: Step, number: int, scenario: str) -> Move:
    if isinstance(step, Refuse | Respond):
        return step
    if not isinstance(step, Answer):
        raise _says(f"step {number} ({type(step).__name__}) is", scenario)
    plain = Answer()
    own = [one.name for one in fields(Answer) if getattr(step, one.name) != getattr(plain, one.name)]
    if said := [one for one in own if one not in _WORDING]:
        raise _says(f"step {number} sets {' and '.join(said)}:", scenario)
    return step


def _says(what: str, scenario: str) -> UsageError:
    return UsageError(f"{scenario}: {what} about what the model says, which a real one decides; {_ONLY_A_STREAM}")

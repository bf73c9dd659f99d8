"""A wheel against a plain list of moments."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.toxiproxy.pipe import FOREVER
from harness.toxiproxy.wheel import SPOKES_PER_SECOND, Wheel

SPOKE = 1 / SPOKES_PER_SECOND
ROUNDING = 1e-9
moments = st.floats(0, 3, allow_nan=False).map(lambda at: 10_000 + at)


@given(st.lists(moments), st.lists(moments))
def test_each_is_due_in_time_and_never_early(put: list[float], looked: list[float]) -> None:
    wheel: Wheel[int] = Wheel()
    for item, at in enumerate(put):
        wheel.put(at, item)
    left = dict(enumerate(put))
    for now in sorted(looked):
        due = {item: left.pop(item) for item in wheel.due(now)}
        assert all(at <= now + ROUNDING for at in due.values())
        assert all(at > now - SPOKE - ROUNDING for at in left.values())


@given(st.lists(moments, min_size=1))
def test_the_next_moment_is_that_of_the_first_by_a_spoke_at_most(put: list[float]) -> None:
    wheel: Wheel[int] = Wheel()
    for item, at in enumerate(put):
        wheel.put(at, item)
    assert -ROUNDING <= wheel.next - min(put) < SPOKE + ROUNDING


@given(st.lists(st.tuples(moments, st.booleans())))
def test_what_is_taken_back_is_not_due(put: list[tuple[float, bool]]) -> None:
    wheel: Wheel[int] = Wheel()
    for item, (at, _) in enumerate(put):
        wheel.put(at, item)
    for item, (at, stays) in enumerate(put):
        if not stays:
            wheel.take_back(at, item)
    stay = {item for item, (_, stays) in enumerate(put) if stays}
    assert set(wheel.due(1e9)) == stay
    assert wheel.next == FOREVER

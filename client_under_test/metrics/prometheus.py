"""Metrics for Prometheus: how often answers are whole, how fast they come, and what recovery costs.

Every metric has the label ``model``: the one that the caller's request names, also when another one answers. So that
an application whose users choose the model cannot grow the number of time series without bound, models beyond the
first :data:`MAX_MODELS` are counted together as ``other``. All other labels have a fixed set of values: classes of
:mod:`client_under_test.errors`, outcomes, deadlines.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, assert_never

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from client_under_test.answer import Outcome
from client_under_test.deadlines import Deadline
from client_under_test.errors import Stalled, StreamError
from client_under_test.events import Next
from client_under_test.metrics.timeline import Asked, Began, Ended, Noticed, Recovery, Timeline, Wrote, model_of
from client_under_test.observe import Observer
from client_under_test.signals import Signal
from client_under_test.usage import Tokens

MAX_MODELS = 50
OTHER: Final = "other"

_FIRST_TOKEN = (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 20, 30, 60, 120)
_BETWEEN_TOKENS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_CALL = (0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1200)
_RECOVERY = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600)
_FALLBACKS = (Next.WITHOUT_STREAM, Next.ELSEWHERE)
_DEADLINES = {deadline.value: deadline.name.lower() for deadline in Deadline}


class PrometheusMetrics:
    """Counts calls into ``registry``. Make one, and give it to every client of the process.

    Args:
        registry: where the metrics are registered; the default one of ``prometheus_client`` when None.
        prefix: what every name begins with.
        max_models: how many models are told apart.

    Raises:
        ValueError: the registry has metrics of these names already.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        prefix: str = "llm_stream",
        max_models: int = MAX_MODELS,
    ) -> None:
        self._models: set[str] = set()
        self._max_models = max_models
        place: dict[str, Any] = {"namespace": prefix, "registry": REGISTRY if registry is None else registry}
        self._count(partial(Counter, **place))
        self._measure(partial(Histogram, **place))
        self.calls_in_flight = Gauge(
            "calls_in_flight", "Calls that are going on.", ["model"], multiprocess_mode="livesum", **place
        )

    def _count(self, counter: partial[Counter]) -> None:
        self.calls = counter("calls", "Calls that are over, by outcome and error.", ["model", "outcome", "error"])
        self.attempts = counter("attempts", "Requests that were sent.", ["model"])
        self.retries = counter("retries", "Requests after a failure, by its error.", ["model", "cause", "next"])
        self.pauses = counter("pauses", "Turns that paused and were gone on with.", ["model"])
        self.fallbacks = counter("fallbacks", "Changes to another way of asking.", ["model", "next"])
        self.watchdog_aborts = counter("watchdog_aborts", "Attempts that a deadline ended.", ["model", "deadline"])
        self.billed = counter("billed_tokens", "Tokens of all attempts.", ["model", "direction"])
        self.wasted = counter("wasted_tokens", "Billed tokens of which nothing was used.", ["model", "direction"])

    def _measure(self, histogram: partial[Histogram]) -> None:
        self.first_token = histogram(
            "time_to_first_token_seconds", "From the call to its first text.", ["model"], buckets=_FIRST_TOKEN
        )
        self.between_tokens = histogram(
            "time_between_tokens_seconds", "Between two texts of an attempt.", ["model"], buckets=_BETWEEN_TOKENS
        )
        self.duration = histogram(
            "call_duration_seconds", "From the call to its end.", ["model", "outcome"], buckets=_CALL
        )
        self.recovery = histogram(
            "recovery_seconds", "From a failure to the next text, or the end.", ["model", "result"], buckets=_RECOVERY
        )

    def __call__(self, request: Mapping[str, Any], /) -> Observer:
        """An observer of the call that makes ``request``."""
        return _Call(self, self._label(model_of(request))).take

    def _label(self, model: str) -> str:
        if model not in self._models:
            if len(self._models) >= self._max_models:
                return OTHER
            self._models.add(model)
            self._show_zeros(model)
        return model

    def _show_zeros(self, model: str) -> None:
        """What has not happened yet is 0, not absent: a rate needs a value before the first one."""
        self.calls.labels(model, Outcome.COMPLETE.value, "")
        for direction in ("input", "output"):
            self.billed.labels(model, direction)
            self.wasted.labels(model, direction)
        for next_ in _FALLBACKS:
            self.fallbacks.labels(model, next_.name.lower())


class _Call:
    """One call on its way into the metrics."""

    def __init__(self, metrics: PrometheusMetrics, model: str) -> None:
        self._to, self._model = metrics, model
        self._timeline = Timeline()
        self._between_tokens = metrics.between_tokens.labels(model)

    def take(self, signal: Signal, now: float) -> None:
        moment = self._timeline.take(signal, now)
        match moment:
            case None:
                pass
            case Wrote():
                self._wrote(moment)
            case Began():
                self._to.calls_in_flight.labels(self._model).inc()
            case Asked():
                self._to.attempts.labels(self._model).inc()
            case Noticed():
                self._noticed(moment)
            case Ended():
                self._ended(moment)
            case _:
                assert_never(moment)

    def _wrote(self, moment: Wrote) -> None:
        if moment.gap is not None:
            self._between_tokens.observe(moment.gap)
        if moment.first is not None:
            self._to.first_token.labels(self._model).observe(moment.first)
        self._recovered(moment.recovery)

    def _noticed(self, moment: Noticed) -> None:
        next_ = moment.next.name.lower()
        if moment.error is None:
            self._to.pauses.labels(self._model).inc()
        else:
            self._to.retries.labels(self._model, _class(moment.error), next_).inc()
            self._watch(moment.error)
        if moment.next in _FALLBACKS:
            self._to.fallbacks.labels(self._model, next_).inc()

    def _ended(self, moment: Ended) -> None:
        answer, model = moment.answer, self._model
        self._to.calls_in_flight.labels(model).dec()
        self._to.calls.labels(model, answer.outcome.value, _class(answer.error)).inc()
        self._to.duration.labels(model, answer.outcome.value).observe(moment.took)
        self._watch(moment.last_error)
        self._recovered(moment.recovery)
        _add(self._to.billed, model, answer.billed)
        _add(self._to.wasted, model, answer.wasted)

    def _recovered(self, recovery: Recovery | None) -> None:
        if recovery is not None:
            self._to.recovery.labels(self._model, recovery.result.value).observe(recovery.seconds)

    def _watch(self, error: StreamError | None) -> None:
        if isinstance(error, Stalled):
            deadline = _DEADLINES.get(error.message.partition(" (")[0], OTHER)
            self._to.watchdog_aborts.labels(self._model, deadline).inc()


def _class(error: StreamError | None) -> str:
    return "" if error is None else type(error).__name__


def _add(counter: Counter, model: str, tokens: Tokens) -> None:
    """Count what is known."""
    counter.labels(model, "input").inc(tokens.input or 0)
    counter.labels(model, "output").inc(tokens.output or 0)

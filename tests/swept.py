"""A client with a bug at exactly one place, for sweeps to find: ``swept:ADAPTER``."""

from __future__ import annotations

from meta.planted import with_session

from client_under_test.answer import Outcome
from client_under_test.errors import StreamError
from client_under_test.session import Session
from harness.adapters.bundled import BundledAdapter, arguments

AT = 9
"""A stream that breaks off after so many bytes passes for a whole answer."""


class _Stops(Session):
    def _break_off(self, error: StreamError) -> None:
        if self._attempt._size == AT:
            self._finish(Outcome.COMPLETE)
        else:
            super()._break_off(error)


_CLIENT = with_session(_Stops)
ADAPTER = BundledAdapter(lambda job: _CLIENT(**arguments(job)), name="planted-stops")

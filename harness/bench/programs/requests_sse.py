# /// script
# dependencies = ["requests-sse>=0.5,<0.6", "requests>=2.32,<3"]
#
# [tool.streamproof]
# name = "requests-sse"
# ///
"""`requests-sse` on the lines of a response whose body is there."""

import requests
from requests_sse import EventSource
from worker import serve


class _Over(Exception):
    """The body ended, and the client would ask once more."""


class _Raw:
    """A body as urllib3 hands it over, in the pieces in which it came."""

    def __init__(self, chunks):
        self._chunks = chunks

    def stream(self, size, decode_content):
        return iter(self._chunks)

    def close(self):
        pass


def _over():
    raise _Over


def parse(chunks):
    response = requests.Response()
    response.raw, response.status_code = _Raw(chunks), 200
    source = EventSource("http://127.0.0.1/", session=object(), on_error=_over)
    source._response, source._data_generator = response, response.iter_lines()
    source._origin = ""
    try:
        yield from source
    except _Over:
        return


def tell(event):
    return event.type, event.data, event.last_event_id


serve(parse, tell=tell)

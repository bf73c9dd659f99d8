# /// script
# dependencies = ["launchdarkly-eventsource>=1.7,<2"]
# ///
"""The reader of `launchdarkly-eventsource`, over the chunks of a body; it tells comments, too."""

import json

from ld_eventsource.actions import Event
from ld_eventsource.reader import _BufferedLineReader, _SSEReader
from worker import serve


def parse(chunks):
    return _SSEReader(_BufferedLineReader.lines_from(chunks)).events_and_comments()


def tell(event):
    return (event.event, event.data, event.last_event_id) if isinstance(event, Event) else None


def decode(chunks):
    for event in parse(chunks):
        if isinstance(event, Event) and event.data:
            yield json.loads(event.data)


serve(parse, tell=tell, decode=decode)

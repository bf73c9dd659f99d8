# /// script
# dependencies = ["anthropic>=2.14,<3"]
# ///
"""The official SDK's decoder; decoded as its `Stream` does, put together as its `MessageStream` does."""

from anthropic._models import construct_type
from anthropic._streaming import SSEDecoder
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from worker import serve


def parse(chunks):
    return SSEDecoder().iter_bytes(iter(chunks))


def decode(chunks):
    for sse in parse(chunks):
        if sse.data and sse.event not in (None, "ping"):
            yield construct_type(value=sse.json(), type_=RawMessageStreamEvent)


def accumulate(chunks):
    snapshot, buffers = None, {}
    for event in decode(chunks):
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    return [one.text if one.type == "text" else one.input for one in snapshot.content]


serve(parse, decode=decode, accumulate=accumulate)

# /// script
# dependencies = ["sseclient-py>=1.9,<2"]
#
# [tool.streamproof]
# name = "sseclient-py"
# ///
"""`sseclient-py` over an iterator of chunks."""

from sseclient import SSEClient
from worker import serve


def parse(chunks):
    return SSEClient(iter(chunks)).events()


serve(parse)

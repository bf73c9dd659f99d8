# /// script
# requires-python = ">=3.12"
# dependencies = ["axio-sse>=0.12,<0.13"]
#
# [tool.streamproof]
# name = "axio-sse"
# ///
"""`axio-sse`, a decoder without I/O."""

from axio_sse import Decoder
from worker import serve


class Parser(Decoder):
    feed = Decoder.decode

    def close(self):
        return self.decode(b"", True)


serve(Parser)

# /// script
# dependencies = ["assel>=1,<2"]
# ///
"""`assel`, a parser without I/O."""

import assel
from worker import serve


class Parser(assel.Parser):
    feed = assel.Parser.receive_bytes

    def __init__(self):
        super().__init__()
        self.line_decoder.utf8dec.reset()  # all its objects share one, with what another stream left in it


serve(Parser)

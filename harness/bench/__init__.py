"""How fast and how right parsers of event streams are: the same bytes, in the same pieces, for everybody in turn.

What a corpus is, what is right, and what came of it is pure; a parser runs in a process of its own with its own
packages.
"""

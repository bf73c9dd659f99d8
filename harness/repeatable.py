"""Makes what Hypothesis draws a function of the seed alone, as a campaign on many processes needs it.

Hypothesis also draws constants that it finds in the source of every module that happens to be loaded, unless that is
installed. So what one seed draws changes with whatever was imported before, and between processes and machines.
"""

from __future__ import annotations

from functools import cache

from hypothesis.internal import constants_ast
from hypothesis.internal.conjecture import providers


@cache
def draw_by_the_seed_alone() -> None:
    """Draw no constants of loaded modules, in this process and from now on.

    There is no setting for that; a test holds it for the version that is installed.
    """
    nothing = constants_ast.Constants()
    providers.HypothesisProvider._local_constants = nothing  # type: ignore[assignment]
    providers.CONSTANTS_CACHE.cache.clear()

from __future__ import annotations

from fake_server.text import closest
from harness.history import Case
from harness.law import law
from harness.verdict import PASSED, Ruling, failed, skipped


@law("SP04", rank=5)
def only_true_text(case: Case) -> Ruling:
    """At every moment the user sees a beginning of the answer.

    After each change the text on display is a prefix of what the model says, in whichever attempt. A client that
    starts over says so (a reset) before it shows the new text. This holds for calls that fail, too.
    """
    if not case.info.texts:
        return skipped("the scripts say no text")
    if case.wire_lies:
        return skipped(case.wire_lies)
    if all(_begins(screen, case.info.texts) for screen in case.screens):
        return PASSED
    wrong = next(shown for shown in case.displays() if not _begins(shown, case.info.texts))
    return failed(f"while it streamed, the text on display {closest(wrong, case.info.texts)}")


def _begins(shown: str, texts: tuple[str, ...]) -> bool:
    return any(text.startswith(shown) for text in texts)

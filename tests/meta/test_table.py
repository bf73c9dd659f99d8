"""The page of planted bugs tells what is so, and which laws and faults have no bug yet that proves their worth."""

from __future__ import annotations

import pytest
from meta.table import TABLE, proofs_of_faults, proofs_of_laws, text, without_numbers

pytestmark = [pytest.mark.load, pytest.mark.xdist_group("table")]

LAWS_WITHOUT_A_BUG = {"SP00", "SP22"}
"""About adapters and about the harness itself: they never blame a client."""
FAULTS_WITHOUT_A_BUG = {"noop"}
"""It does nothing: that is what it is for."""


def test_the_page_of_planted_bugs_is_up_to_date() -> None:
    assert without_numbers(TABLE.read_text("utf-8")) == without_numbers(text())


def test_only_these_laws_have_no_bug_that_proves_their_worth() -> None:
    assert {code for code, proof in proofs_of_laws().items() if proof is None} == LAWS_WITHOUT_A_BUG


def test_only_these_faults_have_no_bug_that_proves_their_worth() -> None:
    assert {name for name, proof in proofs_of_faults().items() if proof is None} == FAULTS_WITHOUT_A_BUG

"""Every input that fuzzing has kept, and every seed, still ends as a client may see it."""

from __future__ import annotations

import corpus
import pytest
from targets import TARGETS, seeds


@pytest.mark.parametrize("target", TARGETS)
def test_every_kept_input_ends_in_an_answer_or_a_refusal(target: str) -> None:
    inputs = [*corpus.load(target), *seeds(target), b"", b"\0", b"\xff" * 300]
    assert len(inputs) > 3
    for data in inputs:
        TARGETS[target](data)


def test_every_corpus_belongs_to_a_target() -> None:
    assert {path.stem for path in corpus.FOLDER.glob("*.txt")} <= set(TARGETS)

"""The ends of a worker's process, in words."""

from __future__ import annotations

from eventd.dispatch.spawning import way_of


def test_each_way_to_end_has_words() -> None:
    assert way_of(0, False) == "ended with exit code 0"
    assert way_of(-11, False) == "was killed by SIGSEGV"
    assert way_of(-60, False) == "was killed by signal 60"
    assert way_of(-9, True) == way_of(74, False) == "closed its line to the daemon"

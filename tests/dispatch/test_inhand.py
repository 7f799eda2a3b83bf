"""What was in hand when the daemon died is known at the next start, in a process that really dies."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eventd.dispatch.inhand import MOST_HELD, InHand
from eventd.event import Batch, Block, Encoding
from eventd.plugin.contract import Handler
from tests.dispatch.support import numbered
from tests.dispatch.world import FAST, World, on_hub

DIE = """
import os, signal, sys
from pathlib import Path
from eventd.dispatch.inhand import InHand
from tests.dispatch.test_inhand import batch
hands = InHand(Path(sys.argv[1]))
hands.open({"handler:a": 0, "handler:b": 0})
hands.hand("handler:b").take(batch(100))
hands.hand("handler:a").take(batch(*map(int, sys.argv[2:])))
hands.hand("handler:b").empty()
os.kill(os.getpid(), signal.SIGKILL)
"""


def batch(*offsets: int) -> Batch:
    blocks = [Block(offset, 1, Encoding.JSON, ("a",), 0, b"{}") for offset in offsets]
    return Batch(len(offsets), list, [(block, range(1)) for block in blocks])


def die(path: Path, *offsets: int) -> None:
    done = subprocess.run([sys.executable, "-c", DIE, str(path), *map(str, offsets)], check=False, timeout=60)
    assert done.returncode == -9


def found(path: Path, cursor: int = 0) -> list[int]:
    hands = InHand(path)
    hands.open({"handler:a": cursor, "handler:b": 0})
    assert not hands.hand("handler:b").suspects
    suspects = hands.hand("handler:a").suspects
    return [suspects.deaths(offset) for offset in range(10)]


def test_what_is_in_hand_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "in-hand"
    die(path, 3, 4, 5, 8)
    die(path, 4)

    assert found(path) == [0, 0, 0, 1, 2, 1, 0, 0, 1, 0]
    assert found(path, cursor=4) == [0, 0, 0, 0, 2, 1, 0, 0, 1, 0]
    assert found(path, cursor=9) == [0] * 10
    assert found(path) == [0] * 10


def test_scattered_events_are_held_roughly(tmp_path: Path) -> None:
    path = tmp_path / "in-hand"
    die(path, *range(0, 40, 2))

    hands = InHand(path)
    hands.open({"handler:a": 0})
    suspects = hands.hand("handler:a").suspects
    assert all(suspects.deaths(offset) for offset in range(0, 40, 2))
    assert sum(not suspects.deaths(offset) for offset in range(39)) == MOST_HELD - 1


def test_an_end_in_order_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "in-hand"
    hands = InHand(path)
    hands.open({"handler:a": 0})
    hands.hand("handler:a").take(batch(3))
    hands.close()

    assert found(path) == [0] * 10


@pytest.mark.parametrize("damage", [b"\xff" * 5000, b"x", b"\0" * 4096])
def test_a_damaged_file_stops_nobody(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "in-hand"
    path.write_bytes(damage)
    path.with_name("in-hand-suspects.json").write_bytes(damage)

    assert found(path) == [0] * 10


def test_volatile_events_are_no_places_in_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "in-hand"
    hands = InHand(path)
    hands.open({"handler:a": 0})
    hands.hand("handler:a").take(batch(-5))

    assert found(path) == [0] * 10


class Alone(Handler):
    """Tells which events came together."""

    types = (">",)
    calls: list[list[Any]]

    def __init_subclass__(cls) -> None:
        cls.calls = []

    def handle(self, batch: Batch) -> None:
        self.calls.append([event.data["n"] for event in batch])


@on_hub
def test_suspects_are_handled_in_their_order_one_by_one_and_given_up_in_the_end(tmp_path: Path) -> None:
    class It(Alone): ...

    path = tmp_path / "in-hand"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", DIE.replace(":a", ":it"), str(path), "2", "3"], check=False, timeout=60)
    subprocess.run([sys.executable, "-c", DIE.replace(":a", ":it"), str(path), "3"], check=False, timeout=60)
    hands = InHand(path)
    hands.open({"handler:it": 0})
    with World(tmp_path, {"it": It}, text=f"[handler:it]\n{FAST}attempts = 0\n", in_hand=hands) as world:
        world.publish(numbered("a", range(6)))
        status = world.done("handler:it")

        # What stands before them may have been handled before, and not have come into the journal.
        assert It.calls == [[0, 1], [2], [4, 5]]
        assert (status.settled, status.dead) == (5, 1)
        [letter] = world.dead()
        assert (letter.offset, letter.attempts) == (3, 1)
        assert "died 3 times" in letter.reason
        world.publish(numbered("a", [6]))
        world.done("handler:it")
        assert It.calls[-1] == [6]


def test_a_disk_without_room_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "in-hand"
    die(path, 3)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(os, "posix_fallocate", full)
    hands = InHand(path)
    hands.open({"handler:a": 0})
    hand = hands.hand("handler:a")
    hand.take(batch(4))
    hand.empty()
    hands.close()

    assert hand.suspects.deaths(3) == 1
    assert caplog.text.count("No space left on device") == 2

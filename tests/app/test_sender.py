from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from eventd import green
from eventd.app.outbox import Outbox, Patience
from eventd.app.sender import UNIT_BYTES, Sender
from eventd.errors import JournalUnavailable
from eventd.event import Draft, Event
from eventd.formats.blocks import decode, draft_of
from eventd.journal import Done, Journal, JournalOptions, Unit
from tests.dispatch.world import on_hub, wait


def draft(name: str, size: int = 0) -> Draft:
    return draft_of([Event(name, "x" * size)], {}, "here")


class Refusing(Journal):
    """A journal that refuses when it is told to."""

    refusals = 0

    def submit(self, unit: Unit, done: Done) -> None:
        if self.refusals:
            self.refusals -= 1
            error = JournalUnavailable("the disk is full", retry_after=0.01)
            self._bridge.post(done, error)
        else:
            super().submit(unit, done)


@contextmanager
def sending(
    path: Path, handled: Callable[[], int] = lambda: 0, most: int = 1 << 30
) -> Iterator[tuple[Outbox, Refusing]]:
    bridge, outbox, group = green.Bridge(), Outbox(most), green.Group("test")
    journal = Refusing(path / "journal", bridge, JournalOptions(fsync=False))
    journal.open()
    sender = Sender(outbox, journal, handled)
    group.spawn("sender", sender.run)
    outbox.open(lambda: bridge.post(sender.look))
    yield outbox, journal
    sender.stop()
    assert group.stop(5.0)
    journal.close()
    bridge.close()


def types(journal: Journal) -> list[str]:
    return [event.type for block in journal.read(0) for event in decode(block)]


@on_hub
def test_what_is_put_becomes_durable_in_order(tmp_path: Path) -> None:
    with sending(tmp_path) as (outbox, journal):
        for name in "abc":
            outbox.put(draft(name), Patience.NOTHING)
        wait(lambda: outbox.count == 0)

        assert types(journal) == ["a", "b", "c"]


@on_hub
def test_much_of_it_goes_in_several_units(tmp_path: Path) -> None:
    with sending(tmp_path) as (outbox, journal):
        for name in "abc":
            outbox.put(draft(name, UNIT_BYTES), Patience.NOTHING)
        wait(lambda: outbox.count == 0)

        assert journal.end == 3


@on_hub
def test_while_the_journal_refuses_everything_waits(tmp_path: Path) -> None:
    with sending(tmp_path) as (outbox, journal):
        journal.refusals = 3
        outbox.put(draft("a"), Patience.NOTHING)
        wait(lambda: journal.refusals == 2)
        outbox.put(draft("b"), Patience.NOTHING)
        assert outbox.count == 2
        wait(lambda: outbox.count == 0)

        assert types(journal) == ["a", "b"]


@on_hub
def test_it_ends_although_the_journal_refuses(tmp_path: Path) -> None:
    with sending(tmp_path) as (outbox, journal):
        journal.refusals = 1 << 30
        outbox.put(draft("a"), Patience.NOTHING)
        wait(lambda: journal.refusals < 1 << 30)

    assert outbox.close() == 1


@on_hub
def test_who_waits_goes_on_when_all_is_handled(tmp_path: Path) -> None:
    done = 0
    with sending(tmp_path, lambda: done, most=2000) as (outbox, journal):
        bridge = green.Bridge("test")
        outbox.put(draft("a", 1000), Patience.HANDLED)
        wait(lambda: outbox.count == 0)
        waiting = bridge.thread("publisher")
        waiting.submit(outbox.put, draft("b", 1000), Patience.HANDLED)
        wait(lambda: outbox.crowded)
        done = 1
        wait(lambda: journal.end == 2)
        waiting.stop()
        bridge.close()

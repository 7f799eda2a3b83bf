"""One live subscription: every wanted event once and in order, or it is told what is missing."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventd import green
from eventd.errors import JournalUnavailable
from eventd.subscriptions import subscriber
from tests.subscriptions.world import Client, World, event, on_hub, wait


@on_hub
def test_it_goes_on_from_where_it_was(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(10, each=4)
        client = Client(world)
        told = client.subscribe(epoch=world.journal.epoch, **{"from": 6})
        world.publish(2)
        wait(lambda: client.offsets == [6, 7, 8, 9, 10, 11])

        assert (told["offset"], told["recovered"]) == (6, True)


@on_hub
@pytest.mark.parametrize("missing", [[2], [2, 3], [0, 1], [1, 4], [7, 8, 9], [0, 9]])
def test_events_that_are_lost_while_it_lags_are_told_of(tmp_path: Path, missing: list[int]) -> None:
    with World(tmp_path, memory=1) as world:
        client = Client(world)
        sid = client.subscribe(credit=0)["sid"]
        world.publish(10)
        wait(lambda: world.feed.offset == 10)
        for offset in missing:
            world.sql("DELETE FROM blocks WHERE first = ?", offset)
        client.say(op="credit", sid=sid, n=100)
        world.publish(1)
        kept = [offset for offset in range(11) if offset not in missing]
        wait(lambda: client.offsets == kept)

        first, *again = client.ops("subscribed")
        behind = [offset + 1 for offset in missing if offset + 1 not in missing]
        assert first["recovered"]
        assert [told["offset"] for told in again] == behind
        assert {(told["id"], told["sid"], told["recovered"]) for told in again} == {(1, sid, False)}
        assert world.subscriptions.dropped == {"missing": len(missing)}


@on_hub
def test_it_is_told_before_what_comes_behind_the_gap(tmp_path: Path) -> None:
    with World(tmp_path, memory=1) as world:
        client = Client(world)
        sid = client.subscribe(credit=0)["sid"]
        world.publish(4)
        wait(lambda: world.feed.offset == 4)
        world.sql("DELETE FROM blocks WHERE first IN (1, 2)")
        client.say(op="credit", sid=sid, n=100)
        wait(lambda: client.offsets == [0, 3])

        said = [(told["op"], told["offset"]) for told in client.messages]
        assert said == [("subscribed", 0), ("events", 1), ("subscribed", 3), ("events", 4)]


@on_hub
def test_one_that_retention_overtakes_is_told_where_it_goes_on(tmp_path: Path) -> None:
    with World(tmp_path, memory=1, retention_size=300_000) as world:
        client = Client(world)
        sid = client.subscribe(credit=1)["sid"]
        while world.journal.first < 100:
            world.publish(50, each=10, pad="x" * 1000)
        wait(lambda: client.offsets == [0])
        client.say(op="credit", sid=sid, n=1_000_000)
        wait(lambda: client.place(sid) == world.journal.end)

        # It may be overtaken again while it reads.
        place, missing, told = 0, 0, 0
        for message in client.messages[1:]:
            if message["op"] == "subscribed":
                assert (message["recovered"], message["offset"] > place) == (False, True)
                missing, told, place = missing + message["offset"] - place, told + 1, message["offset"]
            else:
                came = [each["eventdoffset"] for each in message["events"]]
                assert came == list(range(place, message["offset"]))
                place = message["offset"]
        assert (place, told > 0) == (world.journal.end, True)
        assert world.subscriptions.dropped == {"missing": missing}


@on_hub
def test_it_waits_for_a_journal_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber, "TRY_AGAIN", 0.01)
    with World(tmp_path) as world:
        world.publish(3)
        asked: list[int] = []

        def unreadable(offset: int, limit: int = 0) -> Any:
            asked.append(offset)
            raise JournalUnavailable("the disk is gone")

        with monkeypatch.context() as broken:
            broken.setattr(world.journal, "read", unreadable)
            client = Client(world)
            client.subscribe(**{"from": "earliest"})
            wait(lambda: len(asked) > 2)
            before = green.hub().passes
            assert not green.Signal().wait(0.1)
            assert green.hub().passes - before < 200
        wait(lambda: client.offsets == [0, 1, 2])

        assert set(asked) == {0}


@on_hub
def test_one_that_is_closed_while_the_disk_is_read_gets_nothing(tmp_path: Path) -> None:
    with World(tmp_path, memory=1) as world:
        world.publish(50)
        wait(lambda: world.feed.offset == 50)
        client = Client(world)
        sid = client.subscribe(credit=0, **{"from": "earliest"})["sid"]
        client.say(op="credit", sid=sid, n=100)
        green.sleep(0)
        client.say(op="unsubscribe", id=2, sid=sid)
        wait(lambda: client.ops("unsubscribed"))
        wait(lambda: not len(world.subscriptions._greens) - 1)

        behind = client.messages.index(client.ops("unsubscribed")[0])
        assert client.messages[behind + 1 :] == []


@on_hub
def test_one_that_waits_for_credit_or_its_reader_ends_when_it_is_closed(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(500, pad="x" * 1000)
        client, never = Client(world), Client(world)
        client.subscribe(credit=1, **{"from": "earliest"})
        never.pause()
        never.subscribe(**{"from": "earliest"})
        wait(lambda: client.events and never.stream.buffered)
        client.close()
        never.close()

        # One is the desk's own.
        wait(lambda: len(world.subscriptions._greens) == 1)


@on_hub
def test_what_it_does_not_want_costs_no_credit_and_leads_on(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        for _ in range(10):
            world.commit("x", "a", "x")
        client = Client(world)
        sid = client.subscribe("a", credit=10, **{"from": "earliest"})["sid"]
        wait(lambda: len(client.events) == 10)
        world.commit("x")
        world.commit("a")
        client.say(op="credit", sid=sid, n=1)
        wait(lambda: client.offsets == [*range(1, 30, 3), 31])


@on_hub
def test_beginning_anew_while_it_catches_up_repeats_and_loses_nothing(tmp_path: Path) -> None:
    with World(tmp_path, memory=1) as world:
        world.publish(300, each=2, pad="x" * 1000)
        client = Client(world)
        client.subscribe(**{"from": "earliest"})
        client.pause()
        wait(lambda: client.stream.buffered)
        world.subscriptions._begin_anew()
        client.resume()
        wait(lambda: client.offsets[-1:] == [299] and len(client.ops("subscribed")) == 2)
        wait(lambda: client.offsets[-300:] == list(range(300)))
        anew = client.messages.index(client.ops("subscribed")[1])
        behind = [each["eventdoffset"] for told in client.messages[anew + 1 :] for each in told["events"]]

        assert behind == list(range(300))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=30)),
        st.tuples(st.just("grant"), st.integers(0, 3), st.integers(1, 40)),
        st.tuples(st.sampled_from(["pause", "resume", "close", "unsubscribe"]), st.integers(0, 3)),
        st.tuples(st.just("join"), st.integers(0, 100), st.booleans(), st.booleans()),
        st.just(("yield",)),
    ),
    max_size=30,
)


class Crowd:
    """Clients that come and go, and what each of them is to get."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.kinds: list[tuple[str, bool]] = []
        #: Each client, the offset where it began, whether it has a filter.
        self.here: list[tuple[Client, dict[str, Any], bool]] = []

    def commit(self, types: list[str]) -> None:
        self.kinds += [(type, number % 3 > 0) for number, type in enumerate(types)]
        made = [event(type, subject="yes" if number % 3 else "no", pad="x" * 150) for number, type in enumerate(types)]
        first = self.world.put(*made)
        assert first + len(types) == len(self.kinds)

    def join(self, start: int, filtered: bool, poor: bool) -> None:
        client = Client(self.world)
        fields: dict[str, Any] = {"from": min(start, self.world.journal.end)}
        if filtered:
            fields["filters"] = [{"exact": {"subject": "yes"}}]
        if poor:
            fields["credit"] = 3
        self.here.append((client, client.subscribe("a", "b", **fields), filtered))

    def grant(self, which: int, events: int) -> None:
        client, told, _ = self._one(which)
        client.say(op="credit", sid=told["sid"], n=events)

    def pause(self, which: int) -> None:
        self._one(which)[0].pause()

    def resume(self, which: int) -> None:
        self._one(which)[0].resume()

    def close(self, which: int) -> None:
        if len(self.here) > 1:
            self._one(which)[0].close()
            self.here.remove(self._one(which))

    def unsubscribe(self, which: int) -> None:
        if len(self.here) > 1:
            client, told, filtered = self._one(which)
            client.say(op="unsubscribe", id=99, sid=told["sid"])
            client.resume()
            wait(lambda: client.ops("unsubscribed"))
            came = client.offsets
            assert came == self._wanted(told["offset"], filtered)[: len(came)]
            assert client.messages[-1]["op"] == "unsubscribed"
            self.here.remove((client, told, filtered))

    def check(self) -> None:
        """Let all read everything: each has got what it wanted, once and in order."""
        for client, told, _ in self.here:
            client.resume()
            client.say(op="credit", sid=told["sid"], n=100_000)
        for client, told, filtered in self.here:
            wanted = self._wanted(told["offset"], filtered)
            wait(lambda client=client, wanted=wanted: len(client.offsets) >= len(wanted), f"{wanted}")
            assert client.offsets == wanted
        assert not self.world.subscriptions.dropped

    def _one(self, which: int) -> tuple[Client, dict[str, Any], bool]:
        return self.here[which % len(self.here)]

    def _wanted(self, begin: int, filtered: bool) -> list[int]:
        return [
            at for at, (type, yes) in enumerate(self.kinds) if at >= begin and type != "c" and (yes or not filtered)
        ]


@given(STEPS, st.sampled_from([1, 6000, 1 << 20]))
@settings(max_examples=30)
def test_whatever_happens_each_gets_what_it_wants_once_and_in_order(steps: list[tuple[Any, ...]], memory: int) -> None:
    @on_hub
    def body() -> None:
        with tempfile.TemporaryDirectory() as place, World(Path(place), memory=memory, window=2000) as world:
            crowd = Crowd(world)
            crowd.join(0, False, False)
            for name, *values in steps:
                if name == "yield":
                    green.sleep(0)
                else:
                    getattr(crowd, name)(*values)
            crowd.check()
            crowd.commit(["a", "b", "c", "a"])
            crowd.check()

    body()

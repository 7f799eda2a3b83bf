"""Who asks for the same shares a line and its bytes, on as many connections as there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventd.errors import InvalidSubscription
from eventd.protocol.asks import Subscribe
from eventd.protocol.native import JSON, MSGPACK, Codec
from eventd.subscriptions.lines import Lines
from tests.subscriptions.world import Client, World, on_hub, wait


class Sink:
    """A connection whose peer reads at once: it keeps the very bytes that were written."""

    closed = False
    buffered = 0
    client = "sink"

    def __init__(self, number: int, codec: Codec = JSON, deflate: int = 0) -> None:
        self.number = number
        self.codec = codec
        self.deflate = deflate
        self.stream = self
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def drain(self, timeout: float | None = None) -> bool:
        return True

    def send(self, message: bytes) -> None:
        """What is said to one alone is not shared."""


def enter(world: World, sink: Sink, *types: str, start: int | str = "now", taken: tuple[int, ...] = ()) -> int:
    opened = world.subscriptions.subscribe(b"1", Subscribe(list(types), start=start), sink, taken)
    opened.subscription.begin()
    return opened.subscription.sid


def leave(world: World) -> None:
    """The sinks' subscriptions end: there is no connection that would."""
    for line in lines(world):
        for subscriber in list(line.subscribers):
            subscriber.close()


def lines(world: World) -> Lines:
    return world.subscriptions._lines


@on_hub
def test_at_the_edge_all_of_a_shape_get_the_same_bytes(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        sinks = [Sink(1), Sink(2), Sink(3, deflate=12), Sink(4, deflate=12), Sink(5, MSGPACK)]
        sids = [enter(world, sink, "a", "b") for sink in sinks]
        world.publish(50, "a", each=50)
        wait(lambda: all(sink.written for sink in sinks))
        plain, same, small, same_small, packed = [sink.written[-1] for sink in sinks]
        leave(world)

        assert plain is same
        assert small is same_small
        assert len({id(plain), id(small), id(packed)}) == 3
        assert sids[0] == sids[1] == sids[2] == sids[3] != sids[4]


@on_hub
def test_who_catches_up_gets_the_bytes_that_were_cut_for_another(tmp_path: Path) -> None:
    with World(tmp_path, memory=1) as world:
        world.publish(10, each=5)
        first, second = Sink(1), Sink(2)
        enter(world, first, "a.b", start="earliest")
        wait(lambda: first.written)
        enter(world, second, "a.b", start="earliest")
        wait(lambda: second.written)
        leave(world)

        assert first.written[0] is second.written[0]


@on_hub
def test_one_shape_twice_on_a_connection_has_two_sids(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client, other = Client(world), Client(world)
        sids = [client.subscribe("a")["sid"] for _ in range(3)]
        others = [other.subscribe("a")["sid"] for _ in range(3)]
        world.publish(2, "a")
        for each in (client, other):
            for sid in sids:
                wait(lambda each=each, sid=sid: each.offsets_of(sid) == [0, 1])

        assert len(set(sids)) == 3
        assert others == sids, "what the second connection asks for is there already"
        assert len(list(lines(world))) == 3


@on_hub
def test_a_sid_that_ended_is_taken_again_on_its_connection(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client, other = Client(world), Client(world)
        first, second = client.subscribe("a")["sid"], client.subscribe("a")["sid"]
        other.subscribe("a")
        client.say(op="unsubscribe", id=3, sid=first)

        assert client.subscribe("a")["sid"] == first != second


@on_hub
def test_the_same_wish_said_otherwise_shares_a_line(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        sids = {Client(world).subscribe(*types)["sid"] for types in (["a", "b"], ["b", "a"], ["b", "a", "a"])}
        filters = ([{"exact": {"id": "1", "type": "a"}}], [{"exact": {"type": "a", "id": "1"}}])
        filtered = {Client(world).subscribe("a", "b", filters=each)["sid"] for each in filters}
        packed = Client(world, MSGPACK).subscribe("a", "b")["sid"]

        assert (len(sids), len(filtered), len(sids | filtered | {packed})) == (1, 1, 3)


@on_hub
def test_nothing_is_kept_of_those_who_came_and_went(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        for number in range(30):
            client = Client(world)
            client.say(op="subscribe", id=1, types=[f"a.{number}.>", "b"])
            client.say(op="subscribe", id=2, types=["b", "eventd.presence.*"])
            client.close()

        assert list(lines(world)) == []
        assert not lines(world)._router._root.children
        assert not world.feed._patterns


@on_hub
def test_a_line_stays_while_one_holds_it(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        gone, stays = Client(world), Client(world)
        for client in (gone, stays):
            client.subscribe("a")
        gone.close()
        [line] = lines(world)
        lines(world).let_go(line)
        world.commit("a")
        wait(lambda: stays.offsets == [0])

        assert len(line.subscribers) == len(line.live) == 1


@on_hub
def test_what_cannot_be_understood_makes_no_line(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        with pytest.raises(InvalidSubscription):
            lines(world).find(JSON, ["a", ".."], None, ())

        assert list(lines(world)) == []
        assert not world.feed._patterns


@on_hub
def test_volatile_events_of_unlisted_types_go_to_who_wants_them(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        wants, other = Client(world), Client(world)
        wants.subscribe("v", "v.>")
        other.subscribe("w")
        block = world.volatile("v", "x")
        block.types = ()
        world.subscriptions.deliver(block)
        wait(lambda: wants.events)

        assert (wants.types, other.events) == (["v"], [])


@on_hub
def test_a_volatile_event_that_two_patterns_match_comes_once(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = Client(world)
        client.subscribe("v.*", "*.a", ">")
        world.subscriptions.deliver(world.volatile("v.a", "v.b"))
        world.commit("last")
        wait(lambda: client.types[-1:] == ["last"])

        assert client.types == ["v.a", "v.b", "last"]


@on_hub
def test_who_names_one_event_of_presence_gets_no_other_though_a_pattern_would_match(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        asking = Client(world)
        asking.subscribe(">", "eventd.presence.joined")
        guest = Client(world)
        guest.subscribe("a")
        guest.close()
        world.commit("last")
        wait(lambda: "last" in asking.types)

        assert asking.types == ["eventd.presence.joined", "last"]

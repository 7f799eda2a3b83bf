from __future__ import annotations

from eventd import green
from tests.green.support import hold, on_hub, pair, until


def serve(group: green.Group, stream: green.Stream) -> None:
    def owner() -> None:
        while stream.recv():
            pass
        stream.close()

    group.spawn("owner", owner)


@on_hub
def test_a_silent_peer_is_told_late_once():
    sweeper, group = green.Sweeper(0.005), green.Group("test")
    stream, peer = pair()
    serve(group, stream)
    late: list[green.Stream] = []
    sweeper.watch(stream, 0.02, late.append)
    until(lambda: late)
    green.sleep(0.03)

    assert late == [stream]
    assert len(sweeper) == 0
    stream.abort()
    group.stop(1)
    peer.close()


@on_hub
def test_a_peer_that_sends_now_and_then_is_not_late():
    sweeper, group = green.Sweeper(0.002), green.Group("test")
    stream, peer = pair()
    serve(group, stream)
    late: list[green.Stream] = []
    sweeper.watch(stream, 0.1, late.append)
    for _ in range(15):
        peer.send(b"x")
        green.sleep(0.01)
    assert late == []

    sweeper.forget(stream)
    green.sleep(0.12)
    assert late == []
    sweeper.close()
    peer.close()
    group.stop(1)


@on_hub
def test_who_spoke_while_the_hub_was_stalled_is_not_late():
    sweeper, group = green.Sweeper(0.005), green.Group("test")
    streams = [pair() for _ in range(20)]
    late: list[green.Stream] = []
    for stream, _ in streams:
        serve(group, stream)
        sweeper.watch(stream, 0.05, late.append)
    green.sleep(0.01)
    for _, peer in streams:
        peer.send(b"I am here")
    hold(0.08)
    green.sleep(0.02)

    assert late == []
    sweeper.close()
    for _, peer in streams:
        peer.close()
    assert group.stop(1)


@on_hub
def test_a_busy_owner_does_not_make_its_peer_late():
    sweeper = green.Sweeper(0.005)
    stream, peer = pair()
    late: list[green.Stream] = []
    sweeper.watch(stream, 0.01, late.append)
    green.sleep(0.05)

    assert late == []
    sweeper.close()
    stream.close()
    peer.close()


@on_hub
def test_a_limit_counts_however_many_bytes_come():
    sweeper, group = green.Sweeper(0.002), green.Group("test")
    stream, peer = pair()
    serve(group, stream)
    late: list[green.Stream] = []
    sweeper.limit(stream, 0.03, late.append)

    def drip() -> bool:
        peer.send(b"x")
        return bool(late)

    until(drip)
    assert late == [stream]
    peer.close()
    group.stop(1)


@on_hub
def test_one_that_raises_does_not_keep_the_others_from_being_told(caplog):
    sweeper, group = green.Sweeper(0.002), green.Group("test")
    late: list[int] = []
    pairs = [pair() for _ in range(2)]
    for number, (stream, _) in enumerate(pairs):
        serve(group, stream)
        sweeper.watch(stream, 0.005, lambda stream, number=number: late.append(1 // number))
    until(lambda: late == [1])

    assert "ZeroDivisionError" in caplog.text
    sweeper.close()
    for _, peer in pairs:
        peer.close()
    group.stop(1)

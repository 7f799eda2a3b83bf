"""What a call through a worker costs: ``python -m bench.micro.workers``.

Prints medians of three runs of each, with one worker that does nothing but decode. The
same blocks decoded in this process stand beside it: what is above that is the way.
"""

from __future__ import annotations

import os
import pickle
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from bench import payload
from eventd import Batch, Handler, green
from eventd.calls.messages import Call, Cut, Frames, frame, to_worker
from eventd.config.reader import load
from eventd.dispatch.process import WorkerProcess
from eventd.event import Block, Encoding
from eventd.formats.blocks import decode
from eventd.worker.task import Task

__all__ = ["Look", "main"]

RUNS = 3
CALLS = 1000
MICROSECONDS = 1e6


class Look(Handler):
    """Decodes events of ``bench.reading``, and nothing else."""

    types = (payload.TAG,)

    def handle(self, batch: Batch) -> None:
        """Look at the events, where there are any."""
        if len(batch):
            assert batch.events


def call_of(events: int, blocks: int = 1) -> Call:
    """A call with so many events in each of some blocks; with none, an empty one."""
    block = Block(0, events, Encoding.FORWARD, (payload.TAG,), 0, payload.entries(events), "bench")
    return Call([Cut(block)] * blocks if events else [])


def calling(worker: WorkerProcess, call: Call) -> float:
    """Microseconds of one call."""
    return _each(partial(worker.call, call))


def decoding(call: Call) -> float:
    """Microseconds of what the worker does with a call, without the way."""

    def work() -> None:
        for cut in call.cuts:
            decode(cut.block)

    return _each(work)


def framing(call: Call) -> float:
    """Microseconds of a call's bytes, there and back, in one process."""

    def work() -> None:
        for body in Frames().feed(frame(call)):
            to_worker(body)

    return _each(work)


def main() -> None:
    """Measure and print, one line each."""
    green.run(_measure)


def _measure() -> None:
    bridge, group = green.Bridge("bench"), green.Group("bench")
    worker = WorkerProcess("a worker", group, bridge.thread("starter"), lambda _: None)
    with tempfile.TemporaryDirectory() as name:
        worker.launch(pickle.dumps(_task(Path(name))))
        worker.await_ready()
        _report(worker)
        worker.ask_to_stop()
        worker.await_end(10.0)
    bridge.close()


def _report(worker: WorkerProcess) -> None:
    print(f"{_median(lambda: calling(worker, call_of(0))):10.1f}  µs an empty call")
    print(f"{_median(lambda: calling(worker, call_of(1))):10.1f}  µs a call with one event")
    for events, blocks in ((1000, 1), (100, 10), (1000, 10)):
        call = call_of(events, blocks)
        size = sum([len(cut.block.body) for cut in call.cuts])
        title = f"a call with {blocks} × {events} events, {size / 1e3:.0f} kB"
        took = _median(partial(calling, worker, call))
        print(f"{took:10.1f}  µs {title}: {size / took:.0f} MB/s")
        print(f"{_median(partial(decoding, call)):10.1f}  µs to decode it here")
        print(f"{_median(partial(framing, call)):10.1f}  µs to write and read its bytes here")


def _task(directory: Path) -> Task:
    file = directory / "eventd.ini"
    file.write_text(f"[eventd]\nstate_dir = {directory}\nrun_dir = {directory}\n")
    return Task(
        kind="handler", name="look", configuration=load([file]), parent=os.getpid(),
        entries=[("eventd.handlers", "look", "bench.micro.workers:Look")],
    )  # fmt: skip


def _each(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(CALLS):
        work()
    return (time.perf_counter() - began) / CALLS * MICROSECONDS


def _median(measure: Callable[[], float]) -> float:
    return median(measure() for _ in range(RUNS))


if __name__ == "__main__":
    main()

"""Runs the C load generators and the trivial server, and reads their result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.build import Programs
from bench.cases import Sample
from bench.payload import CONNECTION, Message
from bench.process import Process, free_port

__all__ = ["Generator", "Load"]

#: Beyond the run's own bound: opening connections, and the answers still under way.
_GRACE = 90.0


class Load(msgspec.Struct, forbid_unknown_fields=True):
    """What one run of a generator counted; times are monotonic nanoseconds.

    Of a fan-out, ``sent`` are the deliveries that were due, ``answered`` those that were made.
    """

    opened: int
    sent: int
    answered: int
    counted: int
    errors: int
    closed: int
    missed: int
    first: int
    last: int
    count_from: int
    p50: int
    p90: int
    p99: int
    p999: int
    most: int
    cpu: float

    @property
    def seconds(self) -> float:
        """From the first message to the last answer."""
        return (self.last - self.first) / 1e9

    @property
    def rate(self) -> float:
        """Answers per second after the warm-up."""
        return self.counted / ((self.last - max(self.first, self.count_from)) / 1e9)

    def sample(self, server_cpu: float) -> Sample:
        """What a case keeps of it; times in milliseconds, CPU as a part of one processor.

        :param server_cpu: seconds that the server's processes used.
        """
        return {
            "rate": self.rate,
            "p50": self.p50 / 1e6,
            "p99": self.p99 / 1e6,
            "p999": self.p999 / 1e6,
            "most": self.most / 1e6,
            "server_cpu": server_cpu / self.seconds,
            "load_cpu": self.cpu / self.seconds,
        }


def _told(output: bytes) -> str:
    """What is missing, where it got as far as a result."""
    if not output:
        return ""
    load = msgspec.json.decode(output, type=Load)
    return f"{load.sent} sent, {load.answered} answered, {load.errors} errors, {load.closed} connections lost; "


def _result(process: Process, options: Mapping[str, object]) -> Load:
    seconds = float(str(options.get("seconds", 10)))
    output, _ = process.child.communicate(timeout=seconds + _GRACE)
    if process.child.returncode:
        raise RuntimeError(f"load generator: {_told(output)}{process.output}")
    return msgspec.json.decode(output, type=Load)


def _expect_ready(process: Process) -> None:
    if process.stdout.readline() != b"ready\n":
        process.child.wait(_GRACE)
        raise RuntimeError(f"load generator: {process.output}")


class Generator:
    """Starts the compiled programs with a message's bytes in files."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs

    def run(self, message: Message, port: int, directory: Path, processors: Iterable[int], **options: object) -> Load:
        """Send until the options' ``total`` or ``seconds`` are reached.

        :raises RuntimeError: when a connection is lost or an answer is an error or missing.
        """
        with self._start(message, port, directory, processors, options) as process:
            return _result(process, options)

    def fan_out(
        self,
        message: Message,
        port: int,
        directory: Path,
        processors: Iterable[int],
        begun: Callable[[], None] = lambda: None,
        **options: object,
    ) -> Load:
        """Publish until the option ``seconds`` is reached, and receive all of it on every subscriber.

        :param begun: called when all are subscribed and nothing is published.
        :raises RuntimeError: when a connection is lost, or a subscriber did not get each event once.
        """
        names = ("hello", "message", "subscriber", "subscribe")
        words = [f"port={port}", f"wire={message.wire}", f"answers={message.answers}"]
        words += [f"{name}={path}" for name, path in message.write(directory).items() if name in names]
        words += [f"expect={text}" for text in message.expect]
        words += [f"{name}={value}" for name, value in options.items()]
        command = [str(self._programs.fanout), *words]
        with Process("fanout", command, directory, processors=processors, pipes=True) as process:
            _expect_ready(process)
            begun()
            process.stdin.write(b"\n")
            process.stdin.flush()
            return _result(process, options)

    @contextmanager
    def idle(
        self, message: Message, port: int, directory: Path, processors: Iterable[int], **options: object
    ) -> Iterator[Callable[[], None]]:
        """Hold open connections while the block runs; gives what sends one message on each of them.

        :raises RuntimeError: when not all opened, or one was lost meanwhile.
        """
        with self._start(message, port, directory, processors, {**options, "idle": 1}) as process:
            _expect_ready(process)

            def touch() -> None:
                process.stdin.write(b"\n")
                process.stdin.flush()
                _expect_ready(process)

            yield touch
            process.stdin.close()
            load = msgspec.json.decode(process.stdout.readline(), type=Load)
            if load.closed or load.errors:
                raise RuntimeError(f"{load.closed} idle connections were lost, {load.errors} errors")

    def _start(
        self, message: Message, port: int, directory: Path, processors: Iterable[int], options: dict[str, object]
    ) -> Process:
        paths = message.write(directory)
        words = [f"port={port}", f"wire={message.wire}", f"answers={message.answers}", f"bits={message.bits}"]
        words += [f"hello={paths['hello']}", f"message={paths['message']}", f"slot={message.slot}"]
        words += [f"own={int(CONNECTION in message.body)}"]
        words += [f"serial={place}" for place in message.serials]
        words += [f"expect={text}" for text in message.expect]
        words += [f"{name}={value}" for name, value in options.items()]
        command = [str(self._programs.load), *words]
        return Process("load", command, directory, processors=processors, pipes=True)

    @contextmanager
    def sink(
        self, message: Message, directory: Path, processors: Iterable[int], *, fan: bool = False
    ) -> Iterator[tuple[int, Process]]:
        """The trivial server for this message, and its port; with ``fan``, one that sends it to all others."""
        paths, port, head = message.write(directory), free_port(), message.frame_header
        words = [f"port={port}", f"skip={len(message.hello)}", f"size={head + len(message.body)}", f"fan={int(fan)}"]
        words += [f"greeting={paths['greeting']}", f"answer={paths['answer']}"]
        if message.slot >= 0:
            words += [f"slot={head + message.slot}", f"answer-slot={message.answer_slot}"]
            words += [f"mask={head - 4 if head else -1}"]
        with Process("sink", [self._programs.sink, *words], directory, processors=processors) as process:
            process.wait_for_port(port)
            yield port, process

"""A real journal with a dispatcher before it, on the real hub, for tests that look from outside."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from eventd import green
from eventd.dispatch.dispatcher import Dispatcher
from eventd.dispatch.inhand import InHand
from eventd.dispatch.progress import ConsumerStatus
from eventd.errors import EventdError
from eventd.event import Draft
from eventd.journal import Committed, DeadLetter, Journal, JournalOptions, Unit
from eventd.plugin.registry import Registry
from tests.plugin.support import configuration
from tests.support.wait import until

F = TypeVar("F", bound=Callable[..., None])

#: Retries at once, so that no test waits for a pause.
FAST = "retry_first = 1ms\nretry_most = 2ms\nstart = earliest\n"


def on_hub(test: F) -> F:
    """Run a test in a green thread."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        green.install()
        green.run(lambda: test(*args, **kwargs))

    return run  # type: ignore[return-value]  # the same signature, by wraps


def wait(condition: Callable[[], Any], what: str = "") -> Any:
    return until(condition, what=what, pause=green.sleep)


class World:
    """``with World(path, {"name": cls}) as world``: handlers by name, event types as a list."""

    def __init__(
        self,
        directory: Path,
        handlers: dict[str, Any] | None = None,
        *,
        event_types: Sequence[Any] = (),
        sources: dict[str, Any] | None = None,
        services: dict[str, Any] | None = None,
        text: str = "",
        in_hand: InHand | None = None,
    ) -> None:
        sections = "".join(f"[handler:{name}]\n{FAST}" for name in handlers or {} if f"handler:{name}]" not in text)
        sections += "".join(
            f"[event_type:{cls.__name__}]\n{FAST}" for cls in event_types if f"event_type:{cls.__name__}]" not in text
        )
        sections += "".join(
            f"[source:{name}]\nretry_first = 1ms\nretry_most = 2ms\n"
            for name in sources or {}
            if f"source:{name}]" not in text
        )
        self.registry = Registry(configuration(directory, sections + text))
        for kind, plugins in (
            ("service", services or {}),
            ("event_type", {cls.__name__: cls for cls in event_types}),
            ("handler", handlers or {}),
            ("source", sources or {}),
        ):
            for name, plugin in plugins.items():
                self.registry.add(kind, name, plugin)
        assert self.registry.failed == []
        self.bridge = green.Bridge()
        self.journal = Journal(directory / "journal.db", self.bridge, JournalOptions(fsync=False, node="test"))
        self.timings: list[tuple[str, float]] = []
        self.in_hand = in_hand
        #: What the front door answers with instead of taking drafts.
        self.refusal: EventdError | None = None
        #: Whether what was done last is meant not to be durable.
        self.crashed = False
        self.dispatcher: Dispatcher

    def __enter__(self) -> World:
        self.journal.open()
        self.dispatcher = Dispatcher(
            self.journal,
            self.registry,
            green.hub(),
            self.bridge,
            self.submit,
            lambda name, seconds: self.timings.append((name, seconds)),
            self.in_hand,
        )
        self.dispatcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dispatcher.sources.stop(1.0)
        self.dispatcher.webhooks.stop(1.0)
        stopped = self.dispatcher.stop(2.0)
        self.journal.close()
        self.bridge.close()
        assert stopped or self.crashed or error is not None

    def submit(self, draft: Draft, done: Callable[[int, EventdError | None], None]) -> None:
        """The front door: straight into the journal."""
        if self.refusal is not None:
            self.bridge.post(done, -1, self.refusal)
            return

        def committed(outcome: object) -> None:
            if isinstance(outcome, Committed):
                done(outcome.first, None)
            else:
                assert isinstance(outcome, EventdError)
                done(-1, outcome)

        self.journal.submit(Unit(drafts=[draft]), committed)

    def publish(self, *drafts: Draft) -> int:
        """Make drafts durable, each a block of its own; the offset of the first event."""
        known = green.Signal()
        self.journal.submit(Unit(drafts=list(drafts)), known.set)
        known.wait()
        assert isinstance(known.value, Committed)
        return known.value.first

    @property
    def emitted(self) -> int:
        """Events that handlers and event types emitted and that are durable."""
        return sum(count for name, count in self.journal.books.items() if name.startswith("emitted:"))

    def status(self, name: str) -> ConsumerStatus:
        return next(status for status in self.dispatcher.status() if status.name == name)

    def done(self, name: str) -> ConsumerStatus:
        """Wait until a consumer has nothing left to do, and the journal has what it did."""
        consumer = next(consumer for consumer in self.dispatcher.consumers if consumer.name == name)
        wait(lambda: self.status(name).pending == 0, f"{name} to catch up")
        # Not ``unsaved``: that a cursor only moved is written later.
        wait(lambda: not consumer._commits._line, f"{name}'s outcomes to be durable")
        self.balanced(name)
        return self.status(name)

    def balanced(self, name: str) -> None:
        """Every event since the start stands in one column of the consumer's books."""
        status = self.status(name)
        assert status.settled + status.dead + status.passed + status.pending == self.journal.end - status.since

    def dead(self) -> list[DeadLetter]:
        return self.journal.dead_letters()

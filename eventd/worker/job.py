"""The plugin of a worker: built from the daemon's configuration, and called with what the daemon sends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint
from typing import Any

from eventd.calls.collector import Collector, source_of
from eventd.calls.executing import executing, exit_of
from eventd.calls.keys import key_of
from eventd.calls.messages import Call, Cut, Outcome
from eventd.calls.state import StateView
from eventd.calls.told import Told, tell
from eventd.calls.traces import Traces
from eventd.config.describe import written_size
from eventd.errors import PluginError
from eventd.event import Batch, Event
from eventd.formats.blocks import decode
from eventd.plugin.build import bind, prepare, wants
from eventd.plugin.contract import Emitter, Handler, State
from eventd.plugin.loaded import Loaded
from eventd.plugin.registry import Registry
from eventd.worker.keeping import Asked, WatchedState
from eventd.worker.link import Link
from eventd.worker.task import Task

__all__ = ["Job", "lacks_memory", "tell_within"]

#: Errors behind one that are looked at.
MOST_ERRORS = 100


class Job:
    """The plugin at work.

    :raises PluginError: when it cannot be imported or built.
    """

    def __init__(self, task: Task, link: Link) -> None:
        entries = [EntryPoint(name, value, group) for group, name, value in task.entries]
        #: Bytes; 0 is no limit.
        self.memory_limit = task.memory_limit
        registry = self._registry = Registry.load(task.configuration, entries)
        self.loaded = _found(registry, task)
        self._collector = Collector(
            source_of(task.configuration.eventd.node, self.loaded.full_name), registry.schemas
        )
        self._state = _state(task, link) if wants(self.loaded, State) else None
        self._traces = Traces(self._collector, self._state)
        self._handler: Handler | None = None
        self._work: Callable[[Batch], None] = self._event_type() if task.kind == "event_type" else self._built().handle

    def start(self) -> None:
        """Start the plugin."""
        if self._handler is not None:
            self._handler.start()

    def stop(self) -> None:
        """Stop it, and its services."""
        try:
            if self._handler is not None:
                self._handler.stop()
        finally:
            self._registry.injector.close()

    def run(self, call: Call) -> Outcome:
        """Handle a batch; what it came to. Where it raised, nothing is left behind."""
        self._renew_state(call.stale)
        batch = Batch(sum([cut.size for cut in call.cuts]), lambda: self._events(call.cuts))
        self._traces.open()
        error = self._raised(batch)
        if error is not None:
            self._traces.rewind()
        drafts = self._traces.close()
        limit = self.memory_limit
        failed = {} if error is not None else batch.failures
        failures = {index: tell_within(limit, failure) for index, failure in failed.items()}
        changes, read = self._left()
        errors = [error, *batch.failures.values()]
        spent = any(map(lacks_memory, errors))
        raised = None if error is None else tell_within(limit, error)
        return Outcome(drafts, failures, raised, changes, read, spent)

    def forget(self) -> None:
        """What a call left behind does not come to the daemon: what the state is, it says when it is asked."""
        if self._state is not None:
            self._state.forget()

    def _raised(self, batch: Batch) -> Exception | None:
        try:
            self._work(batch)
        except Exception as error:  # noqa: BLE001 - whatever the plugin raises is told to the daemon
            return error
        except (SystemExit, KeyboardInterrupt) as error:
            return exit_of(error)
        return None

    def _events(self, cuts: Iterable[Cut]) -> list[Event]:
        events: list[Event] = []
        for cut in cuts:
            whole = decode(cut.block, self._registry.types)
            events += whole if cut.chosen is None else [whole[index] for index in cut.chosen]
        return events

    def _renew_state(self, stale: list[str] | None) -> None:
        if self._state is not None:
            self._state.unlearn(stale)

    def _left(self) -> tuple[dict[str, bytes | None], list[str] | None]:
        """What the state is to keep, and what was looked at."""
        if self._state is None:
            return {}, []
        changes = self._state.take()
        if changes:
            # From now on the daemon has it.
            self._state.committed()
        return changes, self._state.looked_at() if isinstance(self._state, WatchedState) else []

    def _event_type(self) -> Callable[[Batch], None]:
        registry = self._registry
        execute = bind(self.loaded, registry.injector, registry.configuration, self._extra())
        return executing(execute, self._traces, key=key_of(self.loaded.options.order_by))

    def _built(self) -> Handler:
        registry = self._registry
        handler: Handler = prepare(self.loaded, registry.injector, registry.configuration, self._extra())()
        self._handler = handler
        return handler

    def _extra(self) -> dict[Any, object]:
        return {Emitter: self._collector, State: self._state}


def lacks_memory(error: BaseException | None) -> bool:
    """Whether it was raised, or something on the way to it, since there was no memory left."""
    met: list[BaseException] = []
    waiting = [error]
    while waiting and len(met) < MOST_ERRORS:
        one = waiting.pop()
        if isinstance(one, MemoryError):
            return True
        if one is not None and not any(one is other for other in met):
            met.append(one)
            waiting += [one.__cause__, one.__context__]
            waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
    return False


def tell_within(memory_limit: int, error: BaseException) -> Told:
    """An exception as data; where there was no memory left, it says of which limit, in bytes. 0 is none."""
    told = tell(error)
    if memory_limit and lacks_memory(error):
        told.text = f"{told.text or 'no memory left'} (memory_limit = {written_size(memory_limit)})"
    return told


def _state(task: Task, link: Link) -> StateView:
    return WatchedState(Asked(link)) if task.shared else StateView(Asked(link))


def _found(registry: Registry, task: Task) -> Loaded:
    """The plugin that was meant.

    :raises PluginError: when it could not be loaded here.
    """
    group = registry.event_types if task.kind == "event_type" else registry.handlers
    if task.name in group:
        return group[task.name]
    raise dict(registry.failed).get(f"{task.kind}:{task.name}") or PluginError(f"{task.kind}:{task.name} is not there")

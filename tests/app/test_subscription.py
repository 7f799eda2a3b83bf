from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
import pytest

from eventd import Batch, Emitter, Event, Handler, Source, State
from eventd.app.subscription import Settings, Subscription, make, registry_of
from eventd.calls.executing import Behind
from eventd.errors import PluginError


class Reading(Event):
    type = "reading"

    class Data(msgspec.Struct):
        celsius: float

    def execute(self, state: State, emit: Emitter) -> None: ...


class Archive(Handler):
    types = ("a.>",)
    run = "thread"

    def __init__(self, *seen: Any) -> None:
        self.seen = list(seen)

    def start(self) -> None:
        self.seen.append("start")

    def handle(self, batch: Batch) -> None:
        self.seen += [event.type for event in batch]

    def stop(self) -> None:
        self.seen.append("stop")


def process(event: Event) -> None: ...


class Program:
    def process(self, event: Event) -> None: ...

    def __call__(self, event: Event) -> None: ...


def of(subject: Any, **given: Any) -> Subscription:
    return make(subject, given.pop("name", None), given.pop("types", None), given.pop("run", None), Settings(**given))


def test_everything_that_can_be_subscribed_is_a_plugin_with_the_name_that_it_has() -> None:
    found = [of(one) for one in (Reading, Archive, Archive(1), process, Program().process, Program(), lambda event: 0)]
    names = ["Reading", "Archive", "Archive", "process", "Program.process", "Program"]
    partial = of(functools.partial(process))

    assert [one.kind for one in found] == ["event_type", *["handler"] * 6]
    assert [one.name for one in found[:-1]] == names
    assert found[-1].name.endswith(".lambda")
    assert partial.name == "process"
    registry = registry_of(found[:2] + found[3:], "/")
    assert registry.schemas == {"reading": Reading.Data}


def test_the_same_name_twice_is_refused() -> None:
    with pytest.raises(PluginError, match="handler:process: it is registered a second time"):
        registry_of([of(process), of(process)], "/")

    assert len(registry_of([of(process), of(process, name="another")], "/").handlers) == 2


@pytest.mark.parametrize("subject", [Source, Program, 5, "process", None])
def test_what_is_none_of_them_is_refused(subject: Any) -> None:
    with pytest.raises(TypeError, match="cannot be subscribed"):
        of(subject)


def test_a_function_that_cannot_be_called_with_an_event_is_refused() -> None:
    async def later(event: Event) -> None: ...

    def nothing() -> None: ...

    with pytest.raises(TypeError, match="coroutine"):
        of(later)
    with pytest.raises(TypeError, match="cannot be called with an event"):
        of(nothing)


def test_what_a_plugin_says_itself_is_not_said_again() -> None:
    for subject in (Reading, Archive, Archive()):
        with pytest.raises(TypeError, match="says itself which types it wants"):
            of(subject, types=("a",))


def test_a_plugin_that_cannot_be_used_is_refused_with_the_reason() -> None:
    class Needy(Event):
        type = "needy"

        def execute(self, what: Program) -> None: ...

    with pytest.raises(PluginError, match="wants Program, which nobody provides"):
        registry_of([of(Needy)], "/")
    with pytest.raises(PluginError, match="is not a pattern"):
        registry_of([of(process, types=("a..b",))], "/")


def test_settings_are_those_of_a_section() -> None:
    registry = registry_of([of(process, attempts=7, retry_first=0.25, order_by="data.x", run="green")], "/100%")
    options = registry.handlers["process"].options

    assert (options.attempts, options.retry_first, options.order_by, options.run) == (7, 0.25, "data.x", "green")
    assert registry.configuration.eventd.state_dir == "/100%"


@pytest.mark.parametrize("settings", [{"attempts": "many"}, {"run": "fiber"}, {"retry_first": -1}, {"order_by": "É"}])
def test_a_setting_that_cannot_be_understood_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        registry_of([of(process, **settings)], "/")


@pytest.mark.parametrize("settings", [{"atempts": 5}, {"durable": False}, {"enabled": False}])
def test_a_setting_that_is_none_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="is no setting of a subscription"):
        of(process, **settings)


@pytest.mark.parametrize("name", ["a b", "a/b", "a=b", "a\nb"])
def test_a_name_that_would_not_fit_the_journal_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        of(process, name=name)


def test_a_function_gets_all_types_unless_they_are_said() -> None:
    assert registry_of([of(process)], "/").handlers["process"].types == (">",)
    assert registry_of([of(process, types="a.>")], "/").handlers["process"].types == ("a.>",)
    assert registry_of([of(process, types=["a", "b"])], "/").handlers["process"].types == ("a", "b")


def test_a_function_runs_in_a_thread_and_a_handler_where_it_says() -> None:
    assert (of(process).subject.run, of(process, run="green").subject.run) == ("thread", "green")
    assert of(Archive()).subject.run == "thread"


def test_a_handler_that_is_there_already_is_run() -> None:
    archive = Archive()
    running = of(archive).subject()
    running.start()
    running.handle(Batch.of([Event("a.b")]))
    running.stop()

    assert archive.seen == ["start", "a.b", "stop"]


class Failing:
    """Fails for some events, and keeps all with which it was called."""

    seen: ClassVar[list[str]]

    def __init__(self, raises: Callable[[], BaseException], *subjects: str) -> None:
        self.raises = raises
        self.subjects = subjects
        self.seen = []

    def __call__(self, event: Event) -> None:
        self.seen.append(str(event.id))
        if event.subject in self.subjects:
            raise self.raises()


def batch_of(*subjects: str) -> Batch:
    return Batch.of([Event("a", id=str(index), subject=subject) for index, subject in enumerate(subjects)])


def test_a_function_is_called_with_each_event_and_one_that_fails_fails_alone() -> None:
    failing, batch = Failing(ZeroDivisionError, "b"), batch_of("a", "b", "c")
    of(failing).subject().handle(batch)

    assert failing.seen == ["0", "1", "2"]
    assert [(index, type(error)) for index, error in batch.failures.items()] == [(1, ZeroDivisionError)]


def test_where_order_matters_those_behind_a_failure_wait() -> None:
    failing, batch = Failing(ZeroDivisionError, "b"), batch_of("a", "b", "a", "b", "c")
    of(failing, order_by="subject").subject().handle(batch)

    assert failing.seen == ["0", "1", "2", "4"]
    assert {index: type(error) for index, error in batch.failures.items()} == {1: ZeroDivisionError, 3: Behind}


def test_an_exit_of_a_function_is_a_failure_like_any_other() -> None:
    failing, batch = Failing(SystemExit, "b"), batch_of("b", "c")
    of(failing).subject().handle(batch)

    assert failing.seen == ["0", "1"]
    assert "SystemExit" in str(batch.failures[0])

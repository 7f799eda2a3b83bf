"""Parameters get what their annotations name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eventd.errors import PluginError
from eventd.plugin.inject import Injector, wishes
from tests.plugin import samples


@pytest.fixture
def injector() -> Iterator[Injector]:
    made = Injector()
    yield made
    made.close()


def test_a_nested_class_is_found_by_its_bare_name() -> None:
    found = wishes(samples.Archive, samples.Archive.__init__, 1)

    assert found[0].wanted is samples.Archive.Config


def test_what_a_parameter_does_not_need_may_be_missing() -> None:
    def build(clock: samples.Clock, name: str = "x", other: NoSuch = None) -> None: ...  # type: ignore[name-defined]  # noqa: F821 - not known

    clock = samples.Clock()

    assert Injector().arguments(None, build, 0, {samples.Clock: clock}) == {"clock": clock}
    Injector().check(None, build, 0, [samples.Clock])


def test_a_service_is_made_once_when_first_wanted_and_started(injector: Injector) -> None:
    def want(clock: samples.Clock) -> None: ...

    made: list[samples.Clock] = []
    injector.register(samples.Clock, lambda: made.append(samples.Clock()) or made[-1])
    assert made == []

    first = injector.arguments(None, want, 0, {})["clock"]
    second = injector.arguments(None, want, 0, {})["clock"]

    assert first is second
    assert first is made[0]
    assert made[0].started == 1


def test_services_are_stopped_last_made_first(injector: Injector) -> None:
    order: list[str] = []

    class First:
        def stop(self) -> None:
            order.append("first")

    class Second:
        def stop(self) -> None:
            order.append("second")

    for cls in (First, Second):
        injector.register(cls, cls)
    for cls in (First, Second):

        def want(it: object) -> None: ...

        want.__annotations__["it"] = cls
        injector.arguments(None, want, 0, {})

    injector.close()

    assert order == ["second", "first"]


def test_a_service_is_registered_once(injector: Injector) -> None:
    injector.register(samples.Clock, samples.Clock)

    with pytest.raises(PluginError, match="registered twice"):
        injector.register(samples.Clock, samples.Clock)


def test_services_that_want_each_other_are_told(injector: Injector) -> None:
    def left() -> object:
        return injector.arguments(samples.Left, samples.Left.__init__, 1, {})

    def right() -> object:
        return injector.arguments(samples.Right, samples.Right.__init__, 1, {})

    injector.register(samples.Left, left)
    injector.register(samples.Right, right)

    with pytest.raises(PluginError, match=r"Left → Right → Left|Right → Left → Right"):
        left()


def test_the_hint_names_what_there_is() -> None:
    def want(it: int) -> None: ...

    with pytest.raises(PluginError, match=r"wants int, which nobody provides .it can have Clock, Logger"):
        Injector().check(None, want, 0, [samples.Logger, samples.Clock])

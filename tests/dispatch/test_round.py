"""One batch among workers: what becomes of each share, whoever takes it."""

from __future__ import annotations

from typing import Any

import pytest

from eventd.calls.executing import Behind, Suspect
from eventd.calls.messages import Call, Outcome
from eventd.calls.told import tell
from eventd.dispatch.calling import TimedOut
from eventd.dispatch.process import WorkerDied
from eventd.dispatch.round import Round
from eventd.dispatch.shared import SharedState
from eventd.dispatch.shares import Share
from eventd.errors import MalformedInput
from eventd.event import Batch, Event
from eventd.plugin.contract import Retry
from tests.calls.test_state import Committed


class Scripted:
    """A worker that answers as it is told to."""

    name = "a worker of handler:it"

    def __init__(self, *answers: Outcome | Exception) -> None:
        self.answers, self.calls, self.alive, self.stopped = list(answers), list[Call](), True, False

    def call(self, call: Call, timeout: float) -> Outcome:
        self.calls.append(call)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            self.alive = not isinstance(answer, WorkerDied | TimedOut)
            raise answer
        return answer

    def ask_to_stop(self) -> None:
        self.stopped = True

    def await_end(self, timeout: float) -> None:
        self.alive = False


def fine(**more: Any) -> Outcome:
    given = {"drafts": [], "failures": {}, "raised": None, "changes": {}, "read": [], "spent": False}
    return Outcome(**{**given, **more})


def played(
    shares: list[Share], *workers: Scripted, count: int = 4, memory_limit: int = 0
) -> tuple[Round, Batch]:
    batch = Batch.of([Event("a")] * count)
    turn = Round(batch, shares, None, 0.0, lambda seconds: None, memory_limit)
    for place, worker in enumerate(workers):
        turn.work(place, worker)  # type: ignore[arg-type]  # what a round asks of a worker
    turn.finish()
    return turn, batch


def failures(batch: Batch) -> dict[int, str]:
    return {index: type(error).__name__ for index, error in batch.failures.items()}


def halves(*workers: int) -> list[Share]:
    return [Share(range(place * 2, place * 2 + 2), [], worker) for place, worker in enumerate(workers or (-1, -1))]


def test_failures_are_those_of_the_batch() -> None:
    _, batch = played(halves(), Scripted(fine(failures={1: tell(ValueError())}), fine(failures={0: tell(OSError())})))
    assert failures(batch) == {1: "ValueError", 2: "OSError"}


@pytest.mark.parametrize("error", [WorkerDied("by a signal"), TimedOut("too long")])
def test_of_several_that_killed_each_is_a_suspect_and_the_rest_was_not_tried(error: Exception) -> None:
    turn, batch = played(halves(), Scripted(error))
    assert failures(batch) == {0: "Suspect", 1: "Suspect", 2: "Behind", 3: "Behind"}
    assert (turn.died, turn.done) == (1, 0)


@pytest.mark.parametrize(
    ("shares", "expected"), [(halves(), {0: "Suspect", 1: "Suspect"}), ([Share(range(4), [])], {})]
)
def test_a_share_that_cannot_be_sent_has_failed(shares: list[Share], expected: dict[int, str]) -> None:
    worker = Scripted(MalformedInput("too large"), fine())
    turn, batch = played(shares, worker)
    assert failures(batch) == expected
    assert isinstance(turn.error, MalformedInput) is (len(shares) == 1)
    assert worker.alive


def test_what_was_not_sent_is_told_with_the_next_call() -> None:
    state, worker = SharedState(Committed()), Scripted(MalformedInput("too large"), fine())
    state.join(worker)
    state.join("other")
    state.admit("other", fine(changes={"k": b"1"}))
    turn = Round(Batch.of([Event("a")] * 4), halves(), state, 0.0, lambda seconds: None)
    turn.work(0, worker)  # type: ignore[arg-type]  # as above

    assert [call.stale for call in worker.calls] == [["k"], None]


def test_the_one_that_killed_has_failed() -> None:
    _, batch = played([Share([0], [])], Scripted(WorkerDied("by a signal")), count=1)
    assert failures(batch) == {0: "WorkerDied"}


def test_who_is_left_takes_what_is_left() -> None:
    turn, batch = played(halves(), Scripted(WorkerDied("x")), Scripted(fine()))
    assert failures(batch) == {0: "Suspect", 1: "Suspect"}
    assert (turn.died, turn.done) == (1, 1)


def test_a_share_with_an_owner_is_taken_by_nobody_else() -> None:
    _, batch = played(halves(0, 1), Scripted(WorkerDied("x")), Scripted(fine()))
    assert failures(batch) == {0: "Suspect", 1: "Suspect"}
    _, batch = played(halves(1, 1), Scripted(), Scripted(WorkerDied("x")))
    assert failures(batch) == {0: "Suspect", 1: "Suspect", 2: "Behind", 3: "Behind"}


@pytest.mark.parametrize(
    ("error", "expected"), [(ValueError("x"), {0: "Suspect", 1: "Suspect"}), (Retry(1.0), {0: "Retry", 1: "Retry"})]
)
def test_what_a_share_raised_is_not_the_others(error: Exception, expected: dict[int, str]) -> None:
    turn, batch = played(halves(), Scripted(fine(raised=tell(error)), fine()))
    assert failures(batch) == expected
    assert turn.error is None


def test_what_the_only_share_raised_is_the_batchs() -> None:
    turn, batch = played([Share(range(4), [])], Scripted(fine(raised=tell(ValueError("x")))))
    assert failures(batch) == {}
    assert type(turn.error).__name__ == "ValueError"


@pytest.mark.parametrize(("limit", "told"), [(256 << 20, "memory_limit = 256M"), (0, "memory_limit is not set")])
def test_a_worker_without_memory_is_stopped_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture, limit: int, told: str
) -> None:
    worker = Scripted(fine(spent=True))
    _, batch = played(halves(), worker, memory_limit=limit)
    assert worker.stopped
    assert failures(batch) == {2: "Behind", 3: "Behind"}
    assert caplog.messages == [f"a worker of handler:it had no memory left ({told}) and is replaced"]


def test_nothing_that_goes_wrong_here_makes_an_event_handled() -> None:
    def broken(call: Call, timeout: float) -> Outcome:
        raise RuntimeError("a fault of ours")

    worker = Scripted()
    worker.call = broken  # type: ignore[method-assign]  # for this test
    batch = Batch.of([Event("a")] * 4)
    turn = Round(batch, halves(), None, 0.0, lambda seconds: None)
    with pytest.raises(RuntimeError):
        turn.work(0, worker)  # type: ignore[arg-type]  # as above
    turn.finish()
    assert {index: type(error) for index, error in batch.failures.items()} == dict.fromkeys(range(4), Behind)
    assert issubclass(Suspect, Behind)



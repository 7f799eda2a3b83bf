"""Whatever members do, and however often the daemon is started again: each event is settled once, or given up once."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventd import green
from eventd.dispatch.retry import Policy
from eventd.errors import JournalUnavailable
from eventd.event import Block
from eventd.journal import Unit
from eventd.protocol.native import JSON, MSGPACK
from eventd.subscriptions import group as group_module
from eventd.subscriptions import verdicts
from tests.subscriptions.members import NAME, Joined, balanced, caught_up, dead, group
from tests.subscriptions.world import World, on_hub, wait

ATTEMPTS = 3

#: Whose turn, and which of its events.
WHO = st.integers(0, 3)
WHICH = st.integers(1, 3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.lists(st.sampled_from(["a", "a", "b"]), min_size=1, max_size=6)),
        st.tuples(st.just("join"), st.sampled_from([None, None, 0, 1, 5])),
        st.tuples(st.just("grant"), WHO),
        st.tuples(st.just("leave"), WHO),
        st.tuples(st.sampled_from(["done", "done", "retry", "reject"]), st.tuples(WHO, WHICH)),
        st.tuples(st.just("read"), WHICH),
        st.tuples(st.sampled_from(["pause", "resume"]), WHO),
        st.tuples(st.sampled_from(["refuse", "fail"]), WHICH),
        st.tuples(st.just("restart"), st.none()),
    ),
    max_size=40,
)


class Trouble:
    """A disk that refuses what a durable subscription writes or reads for some times."""

    def __init__(self, world: World) -> None:
        #: How many times it still does.
        self.refusals = 0
        self.failures = 0
        self._world = world
        self._submit, self._read = world.journal.submit, world.journal.read
        world.journal.submit = self.submit  # type: ignore[method-assign]  # the journal of this test
        world.journal.read = self.read  # type: ignore[method-assign]

    def submit(self, unit: Unit, done: Any) -> None:
        if self.refusals and NAME in unit.moves:
            self.refusals -= 1
            self._world.bridge.post(done, JournalUnavailable("the disk is full", retry_after=0.01))
        else:
            self._submit(unit, done)

    def read(self, offset: int, limit: int = 4 << 20) -> list[Block]:
        if self.failures and green.current_name() == NAME:
            self.failures -= 1
            raise JournalUnavailable("the disk does not answer")
        return self._read(offset, limit)


class Model:
    """A durable subscription to ``a`` beside what is known of each of its events."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.directory = directory
        self.options = options
        self.members: list[Joined] = []
        self.read: dict[Joined, int] = {}
        self.wanted: set[int] = set()
        self.done: set[int] = set()
        self.given_up: set[int] = set()
        self.holders: dict[int, Joined] = {}
        self.failed: dict[int, int] = {}
        self.joined = 0
        self.open()
        self.join(None)

    def open(self) -> None:
        self.world = World(self.directory, **self.options)
        self.trouble = Trouble(self.world)
        self.world.__enter__()

    def commit(self, types: list[str]) -> None:
        first = self.world.commit(*types)
        self.wanted.update(first + index for index, type in enumerate(types) if type == "a")

    def join(self, credit: int | None) -> None:
        self.joined += 1
        fields: dict[str, Any] = {} if credit is None else {"credit": credit}
        member = Joined(self.world, "a", codec=MSGPACK if self.joined % 2 else JSON, **fields)
        self.members.append(member)
        self.read[member] = 0

    def grant(self, who: int) -> None:
        if self.members:
            member = self.members[who % len(self.members)]
            member.client.say(op="credit", sid=member.sid, n=2)

    def leave(self, who: int) -> None:
        if self.members:
            member = self.members.pop(who % len(self.members))
            member.leave()
            self.holders = {offset: holder for offset, holder in self.holders.items() if holder is not member}

    def say(self, outcome: str, which: tuple[int, int]) -> None:
        """One of them says the same of some of its events."""
        self.look()
        if not self.members:
            return
        member = self.members[which[0] % len(self.members)]
        held = sorted(offset for offset, holder in self.holders.items() if holder is member)[:: which[1]]
        for offset in held:
            del self.holders[offset]
            self.failed[offset] = self.failed.get(offset, 0) + 1
            if outcome == "done":
                self.done.add(offset)
            elif outcome == "reject" or self.failed[offset] == ATTEMPTS:
                self.given_up.add(offset)
        member.settle(*held, outcome=outcome)

    def pause(self, who: int) -> None:
        if self.members:
            self.members[who % len(self.members)].client.pause()

    def resume(self, who: int) -> None:
        if self.members:
            self.members[who % len(self.members)].client.resume()

    def refuse(self, times: int) -> None:
        self.trouble.refusals = times

    def fail(self, times: int) -> None:
        self.trouble.failures = times

    def recover(self) -> None:
        """The disk is well, and what it refused is written."""
        self.trouble.refusals = self.trouble.failures = 0
        wait(lambda: not group(self.world)._settling._commits._line)

    def restart(self, _: None = None) -> None:
        self.recover()
        self.world.__exit__(None, None, None)
        self.members, self.holders, self.failed = [], {}, {}
        self.open()
        self.check()

    def turns(self, number: int) -> None:
        """Let the daemon do something."""
        for _ in range(number * 3):
            green.sleep(0)
        self.look()

    def look(self) -> None:
        """Take what came: nothing that is done, nothing that somebody else holds."""
        for member in self.members:
            came = member.offsets[self.read[member] :]
            self.read[member] += len(came)
            for offset in came:
                assert offset in self.wanted - self.done - self.given_up
                assert offset not in self.holders
                self.holders[offset] = member

    def check(self) -> None:
        status = balanced(self.world)
        assert status.settled == len(self.done)
        assert status.dead <= len(self.given_up)

    def end(self) -> None:
        """Settle all that is left."""
        self.recover()
        for member in self.members:
            member.client.resume()
        self.join(None)

        def settled() -> bool:
            for who in range(len(self.members)):
                self.grant(who)
                self.say("done", (who, 1))
            return self.done | self.given_up == self.wanted

        wait(settled, "each event to come")
        self.world.commit("b")
        status = caught_up(self.world, len(self.done), len(self.given_up))
        assert status.passed == self.world.journal.end - len(self.wanted)
        self.restart()
        self.join(None)
        self.turns(3)
        assert self.holders == {}
        assert sorted(letter.offset for letter in dead(self.world)) == sorted(self.given_up)
        status = caught_up(self.world, len(self.done), len(self.given_up))


@on_hub
def run(directory: Path, steps: list[tuple[str, Any]], options: dict[str, Any]) -> None:
    model = Model(directory, **options)
    try:
        for step, argument in steps:
            if step in ("done", "retry", "reject"):
                model.say(step, argument)
            else:
                getattr(model, "turns" if step == "read" else step)(argument)
            model.check()
        model.end()
    finally:
        model.world.__exit__(None, None, None)


@given(STEPS, st.sampled_from([{}, {"memory": 1}, {"memory": 1000, "window": 500}]))
@example([("commit", ["a", "a", "a"]), ("restart", None), ("commit", ["a"])], {})
@example([("commit", ["a", "a", "a"]), ("read", 3), ("reject", (0, 1)), ("restart", None)], {})
@settings(max_examples=25, deadline=None)
def test_each_event_is_settled_once_or_given_up_once(steps: list[tuple[str, Any]], options: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as directory:
        patch.setattr(verdicts, "POLICY", Policy(ATTEMPTS, 0.001, 0.002))
        patch.setattr(group_module, "TRY_AGAIN", 0.01)
        run(Path(directory), steps, options)

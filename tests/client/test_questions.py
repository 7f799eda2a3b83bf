"""Who is subscribed, asked over one connection after another."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from eventd.client.failures import Closed, Refused
from eventd.client.messages import Present
from eventd.client.questions import Question, Questions

SOMEBODY = [Present(["a.>"])]


class World:
    def __init__(self) -> None:
        self.connected = True
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.questions = Questions(self.say, itertools.count(1))

    def say(self, op: str, **fields: Any) -> bool:
        if self.connected:
            self.said.append((op, fields))
        return self.connected


def test_a_question_is_asked_and_answered():
    world, question = World(), Question(["a.>"])

    world.questions.ask(question)

    assert world.said == [("presence", {"id": 1, "types": ("a.>",)})]
    assert world.questions.answer(1, SOMEBODY)
    assert question.value() == SOMEBODY
    assert not world.questions.answer(1, SOMEBODY)


def test_a_question_without_an_answer_is_asked_again():
    world, question = World(), Question(["a.>"])
    world.questions.ask(question)

    world.questions.lost()
    assert not world.questions.answer(1, SOMEBODY)
    world.questions.begin()

    assert [fields["id"] for _, fields in world.said] == [1, 2]
    assert world.questions.answer(2, SOMEBODY)


def test_a_question_waits_for_a_connection():
    world, question = World(), Question([">"])
    world.connected = False
    world.questions.ask(question)
    assert question.outcome is None

    world.connected = True
    world.questions.begin()

    assert len(world.said) == 1


def test_a_forgotten_question_is_answered_to_nobody():
    world, question = World(), Question([">"])
    world.questions.ask(question)

    world.questions.forget(question)

    assert world.questions.answer(1, SOMEBODY)
    assert question.outcome is None
    world.questions.begin()
    assert len(world.said) == 1


def test_a_question_can_be_refused_or_given_up():
    world, one, two = World(), Question(["a..b"]), Question([">"])
    world.questions.ask(one)
    world.questions.ask(two)

    world.questions.answer(1, Refused("invalid_subscription", "no pattern"))
    world.questions.fail(lambda: Closed("closed"))

    with pytest.raises(Refused):
        one.value()
    with pytest.raises(Closed):
        two.value()


def test_an_answer_without_an_id_is_to_nothing():
    assert not World().questions.answer(None, SOMEBODY)

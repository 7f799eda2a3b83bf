"""The tables of the native protocol, and that docs/protocol.md tells the same."""

from __future__ import annotations

import re

import pytest

from eventd.protocol.ops import CONNECTION, OPS, PUBLISH, SUBSCRIPTION, OutOfTurn, step


@pytest.fixture
def page(root) -> str:
    return (root / "docs" / "protocol.md").read_text()


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table that follows ``heading``, without their marks for code."""
    lines = page[page.index(heading) :].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_the_page_has_every_op_with_its_fields(page):
    told = {
        cells[0].strip("`"): (cells[1], tuple(re.findall(r"`(\w+)`", cells[2])))
        for cells in rows(page, "## Operations")
    }

    assert told == {name: tuple(op) for name, op in OPS.items()}


@pytest.mark.parametrize(("heading", "table"), [("A publish:", PUBLISH), ("A subscription:", SUBSCRIPTION)])
def test_the_page_has_the_transitions(page, heading, table):
    told = {(state.strip("`"), op.strip("`"), following.strip("`")) for state, op, _, following in rows(page, heading)}

    assert told == {(state, op, following) for state, ops in table.items() for op, following in ops.items()}


@pytest.mark.parametrize("table", [PUBLISH, SUBSCRIPTION])
def test_the_page_tells_who_says_it(page, table):
    heading = "A publish:" if table is PUBLISH else "A subscription:"

    assert all(OPS[op.strip("`")].sender == sender for _, op, sender, _ in rows(page, heading))


def test_the_page_has_the_end_of_a_connection(page):
    told = {(state.strip("`"), following.strip("`")) for state, _, _, following in rows(page, "A connection:")}

    assert told == {(state, following) for state, ops in CONNECTION.items() for following in ops.values()}


@pytest.mark.parametrize("table", [CONNECTION, PUBLISH, SUBSCRIPTION])
def test_every_state_but_the_last_has_a_way_on(table):
    reached = {following for ops in table.values() for following in ops.values()}

    assert reached - set(table) <= {"ended"}


def test_a_step_follows_the_table():
    assert step(SUBSCRIPTION, "live", "events") == "live"


def test_an_op_out_of_turn_is_told_with_its_state():
    with pytest.raises(OutOfTurn, match="'events' in state 'asked'"):
        step(SUBSCRIPTION, "asked", "events")

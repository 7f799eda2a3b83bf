"""The judgement: the children's notes held against the journal; each verdict names what breaks one promise.

A journal is a list of CloudEvents as maps, each with its ``eventdoffset``. A verdict is
empty where the promise was kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

__all__ = ["acknowledged", "stored_once", "subscriber", "wants", "workers"]

Line = Mapping[str, Any]
Journal = Sequence[Mapping[str, Any]]

#: Events that a finding names.
MOST_NAMED = 10


def acknowledged(journal: Journal, lines: Iterable[Line]) -> list[str]:
    """Whether all that a publisher had acks for is where they say, and nothing was refused."""
    places = {event["id"]: event["eventdoffset"] for event in journal}
    acks = [line for line in lines if "ids" in line]
    lost = [id for line in acks for id in line["ids"] if id not in places]
    there = [line for line in acks if all(id in places for id in line["ids"])]
    elsewhere = [
        line["ids"][0]
        for line in there
        if [places[id] for id in line["ids"]] != list(range(line["first"], line["last"] + 1))
    ]
    promised = {line["durability"] for line in acks} - {"disk"}
    return [
        *_told("acknowledged, but not in the journal", lost),
        *_told("acknowledged with other offsets than in the journal", elsewhere),
        *_told("acknowledged with another promise than was asked for", promised),
        *_told("given up by the client", [id for line in lines if "failed" in line for id in line["failed"]]),
    ]


def stored_once(journal: Journal) -> list[str]:
    """Whether what was sent again after a reconnect was stored once."""
    count = Counter(event["id"] for event in journal)
    return _told("stored several times", [id for id, times in count.items() if times > 1])


def subscriber(journal: Journal, terms: Mapping[str, Any], lines: Sequence[Line]) -> list[str]:
    """Whether a live subscriber saw every event that it wants from where it began, each once and in order.

    Its notes are one story however often it was killed: it goes on behind its last line.
    """
    if not lines:
        return ["it never began"]
    begin = lines[0]["offset"]
    stored = {event["eventdoffset"]: event["id"] for event in journal}
    seen = [(line["event"], line["id"]) for line in lines if "event" in line]
    offsets = [offset for offset, _ in seen]
    wanted = [event["eventdoffset"] for event in journal if event["eventdoffset"] >= begin and wants(terms, event)]
    gaps = [line["gap"] for line in lines if "gap" in line]
    missing = sorted(set(wanted) - set(offsets))
    silent = [each for each in missing if not any((first or 0) <= each < last for first, last in gaps)]
    again = [line["begin"] for before, line in pairwise(lines)
             if "begin" in line and line["begin"] != before["offset"]]  # fmt: skip
    return [
        *_told("left out in silence", silent),
        *_told("told of a gap where nothing is gone", gaps),
        *_told("seen, but not in the journal", [each for each in seen if stored.get(each[0]) != each[1]]),
        *_told("seen, but not wanted", set(offsets) - set(wanted) - {each for each, _ in seen if each not in stored}),
        *_told("not in rising order", [b for a, b in pairwise(offsets) if b <= a]),
        *_told("another place than the one behind the event",
               [line["event"] for line in lines if "event" in line and line["offset"] <= line["event"]]),
        *_told("began again elsewhere than it had been", again),
        *_told("epochs beside the first", {line["epoch"] for line in lines} - {lines[0]["epoch"]}),
    ]  # fmt: skip


def workers(journal: Journal, notes: Mapping[str, Sequence[Line]]) -> list[str]:
    """Whether each event came to a member that was done with it, and those that were asked for again came again."""
    stored = {event["eventdoffset"]: event["id"] for event in journal}
    lines = [line for each in notes.values() for line in each]
    done = {line["done"]: line["id"] for line in lines if "done" in line}
    again = {line["retry"]: line["id"] for line in lines if "retry" in line}
    strange = [each for each in [*done.items(), *again.items()] if stored.get(each[0]) != each[1]]
    return [
        *_told("never done", set(stored) - set(done)),
        *_told("handed out, but not in the journal", strange),
        *_told("told of a gap where nothing is gone", [line["gap"] for line in lines if "gap" in line]),
        *_told("asked for again, and never done", set(again) - set(done)),
    ]


def books(status: Mapping[str, Any], name: str) -> list[str]:
    """Whether the daemon's own books say that all is settled."""
    row = next(each for each in status["consumers"] if each["name"] == name)
    found = list(status["imbalances"])
    if row["pending"]:
        found.append(f"{row['pending']} events are pending")
    if status["journal"]["dead"] or row["dead"]:
        found.append(f"{status['journal']['dead']} dead letters, {row['dead']} dead")
    if status["journal"]["damaged"] or status["journal"]["problem"] or status["plugins_failed"]:
        found.append(f"the daemon is not well: {status['journal']}")
    return found


def wants(terms: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether a subscriber of the crew wants an event: as much of patterns and filters as they use."""
    suffixes = [each["suffix"]["id"] for each in terms.get("filters", ())]
    return any(_matches(pattern, event["type"]) for pattern in terms["types"]) and all(
        event["id"].endswith(suffix) for suffix in suffixes
    )


def _matches(pattern: str, type: str) -> bool:
    return pattern == type or (pattern in ("chaos.>", "chaos.*") and type.startswith("chaos."))


def _told(finding: str, found: Iterable[Any]) -> list[str]:
    rows = sorted(found, key=str)
    if not rows:
        return []
    named = ", ".join(map(str, rows[:MOST_NAMED]))
    return [f"{finding}: {len(rows)} ({named}{', …' if len(rows) > MOST_NAMED else ''})"]

"""Joins what administrators ask for with the parts that do it: the daemon's answers to ``listen/admin.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from eventd.dispatch.consumer import Consumer
from eventd.dispatch.deadletters import REPLAY, DeadLetters, full_name
from eventd.dispatch.dispatcher import Dispatcher
from eventd.dispatch.replay import Replays
from eventd.journal import Journal, Letters
from eventd.listen.admin import Administration, Chosen, Order

__all__ = ["administration"]

#: Dead letters that are dropped between two commits.
DROPPED_AT_ONCE = 1000


def administration(
    journal: Journal, dispatcher: Dispatcher, handlers: Callable[[], object], forget: Callable[[str], object]
) -> Administration:
    """All that the daemon can be told to do.

    :param handlers: tells of the handlers and event types. :param forget: drops a durable subscription.
    """

    def consumers() -> Mapping[str, Consumer]:
        return {consumer.name: consumer for consumer in dispatcher.consumers}

    letters = DeadLetters(journal, lambda name: consumers().get(name))
    replays = Replays(journal, lambda: {name: consumer.siding for name, consumer in consumers().items()})
    chosen = partial(_letters, consumers)
    return Administration(
        dead_letters=lambda which, after, limit: letters.list(chosen(which, after, limit)),
        dead_letter=letters.show,
        retry=lambda which: letters.retry(chosen(which)),
        drop=lambda which: letters.drop(chosen(which, limit=DROPPED_AT_ONCE)),
        replay=partial(_replay, replays),
        handlers=handlers,
        forget=forget,
    )


def _letters(consumers: Callable[[], Mapping[str, object]], which: Chosen, after: int = 0, limit: int = 0) -> Letters:
    """A choice in the words of the journal; a consumer's letters are those of its replays, too."""
    names = None
    if which.consumer is not None:
        name = full_name(which.consumer, consumers().keys())
        names = [name, f"{REPLAY}{name}"]
        if ":" not in name:
            # One that does not run, and whose kind is not known.
            names = [f"{replay}{kind}:{name}" for replay in ("", REPLAY) for kind in ("handler", "event_type")]
    return Letters(
        ids=which.ids, consumer=names, type=which.type, after=after, since=which.since, before=which.before, limit=limit
    )


def _replay(replays: Replays, order: Order) -> Iterator[bytes]:
    return replays.start(order.handler, order.start, order.end, order.types, order.dry_run)

"""Joins what administrators ask for with the parts that do it: the daemon's answers to ``listen/admin.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from eventd.dispatch.consumer import Consumer
from eventd.dispatch.deadletters import REPLAY, DeadLetters, Retrier, full_name
from eventd.dispatch.dispatcher import Dispatcher
from eventd.dispatch.pausing import Pausing
from eventd.dispatch.replay import Replays
from eventd.journal import Journal, Letters
from eventd.listen.admin import Administration, Chosen, Order
from eventd.subscriptions.group import Group
from eventd.subscriptions.groups import Groups

__all__ = ["administration"]

#: Kinds of what gives events up.
KINDS = ("handler", "event_type", "subscription")
#: Dead letters that are dropped between two commits.
DROPPED_AT_ONCE = 1000


def administration(
    journal: Journal, dispatcher: Dispatcher, groups: Groups, handlers: Callable[[], object]
) -> Administration:
    """All that the daemon can be told to do.

    :param groups: the durable subscriptions. :param handlers: tells of them, of the handlers and the event types.
    """

    def consumers() -> Mapping[str, Consumer]:
        return {consumer.name: consumer for consumer in dispatcher.consumers}

    def everybody() -> Mapping[str, Consumer | Group]:
        return {**consumers(), **{group.name: group for group in groups}}

    def retrier(name: str) -> Retrier | None:
        return everybody().get(name)

    def forget(name: str) -> None:
        full = groups.forget(name)
        if full in dispatcher.paused:
            # One of the same name begins anew in this, too.
            pausing.put(full, False)

    letters = DeadLetters(journal, retrier, dispatcher.paused)
    pausing = Pausing(dispatcher.paused, everybody)
    replays = Replays(journal, lambda: {name: consumer.siding for name, consumer in consumers().items()})
    chosen = partial(_letters, everybody)
    return Administration(
        dead_letters=lambda which, after, limit: letters.list(chosen(which, after, limit)),
        dead_letter=letters.show,
        retry=lambda which: letters.retry(chosen(which)),
        drop=lambda which: letters.drop(chosen(which, limit=DROPPED_AT_ONCE)),
        replay=partial(_replay, replays),
        handlers=handlers,
        pause=pausing.put,
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
            names = [f"{replay}{kind}:{name}" for replay in ("", REPLAY) for kind in KINDS]
    return Letters(
        ids=which.ids, consumer=names, type=which.type, after=after, since=which.since, before=which.before, limit=limit
    )


def _replay(replays: Replays, order: Order) -> Iterator[bytes]:
    return replays.start(order.handler, order.start, order.end, order.types, order.dry_run)

"""The settings that every plugin of a kind has, beside those that it declares itself."""

from __future__ import annotations

from .table import Section, Setting
from .values import BOOLEAN, COUNT, DURATION, ORDER, POSITIVE, SIZE, START, choice

__all__ = ["EVENT_TYPE", "HANDLER", "SERVICE", "SOURCE"]

_ENABLED = Setting("enabled", BOOLEAN, "yes", "With no, it is not even imported.")
_WHERE = ("Where its code runs: green beside the connections, for code that never blocks; "
          "thread in a native thread of its own")  # fmt: skip
_RUN = Setting("run", choice("green", "thread"), None, f"{_WHERE}.", unset="as the plugin declares")
_RUN_ANYWHERE = Setting("run", choice("green", "thread", "process"), None,
                        f"{_WHERE}; process in worker processes, for code that computes, leaks or crashes.",
                        unset="as the plugin declares")  # fmt: skip
_WORKERS = (
    Setting("workers", POSITIVE, "1",
            "How many worker processes handle its events side by side, where it runs in processes. "
            "With order_by, events with the same value go to the same one."),
    Setting("memory_limit", SIZE, "0",
            "How much private memory a worker process may have, the 30M and more with which it starts included; beyond "
            "it, the call fails with MemoryError and the worker is replaced. 0 is no limit."),
    Setting("poison_limit", COUNT, "3",
            "How often a worker, or the daemon, may die while it handles an event, before that becomes a dead letter. "
            "0 is no limit."),
)  # fmt: skip
_RETRIES = (
    Setting("attempts", COUNT, "5",
            "How often an event is tried before it becomes a dead letter; 0 is for ever."),
    Setting("retry_first", DURATION, "1s", "The pause before the second attempt; it doubles with each one."),
    Setting("retry_most", DURATION, "1m", "The longest pause between two attempts."),
)  # fmt: skip
_BATCHES = (
    Setting("batch_size", POSITIVE, "1000", "The most events that it gets at once."),
    Setting("batch_wait", DURATION, "0s", "How long to wait for a batch to fill; 0 hands on what there is."),
)
_ORDER = Setting("order_by", ORDER, None,
                 "Events with the same value here are handled in order: while one of them waits for its next "
                 "attempt, the others wait behind it. With * all events are in one order.",
                 unset="an event that waits holds back no other")  # fmt: skip
_TIMEOUT = Setting("timeout", DURATION, "0s",
                   "How long a call may take; then it has failed. In a native thread or a worker, another instance "
                   "goes on in a new one; beside the connections, it is broken off when it has held them up for so "
                   "long. 0 is no limit but [eventd] stall_most, for what runs beside the connections or was broken "
                   "off there.",
                   )  # fmt: skip
_ON_STALL = Setting("on_stall", choice("move", "warn", "disable"), "move",
                    "What follows when its code holds up all connections for longer than [eventd] stall_limit: move "
                    "calls it in a native thread from then on, disable not at all before the daemon is started again, "
                    "and warn only tells.",
                    )  # fmt: skip
_DURABLE = Setting("durable", BOOLEAN, "yes",
                   "With no, its events skip the journal: they are acknowledged and handled from memory, and a crash "
                   "loses those that are not handled yet.")  # fmt: skip
_START = Setting("start", START, "now", "From where a new one reads; one that has run goes on where it was.")

EVENT_TYPE = Section(
    name="event_type",
    named=True,
    plugin=True,
    examples=("NAME",),
    help="An installed event type, by the name of its entry point.",
    settings=(_ENABLED, _DURABLE, _RUN_ANYWHERE, *_WORKERS, *_BATCHES, _ORDER, *_RETRIES, _TIMEOUT, _ON_STALL, _START),
)

HANDLER = Section(
    name="handler",
    named=True,
    plugin=True,
    examples=("NAME",),
    help="An installed handler, by the name of its entry point; its own keys stand here, too.",
    settings=(_ENABLED, _RUN_ANYWHERE, *_WORKERS, *_BATCHES, _ORDER, *_RETRIES, _TIMEOUT, _ON_STALL, _START),
)

SOURCE = Section(
    name="source",
    named=True,
    plugin=True,
    examples=("NAME",),
    help="An installed source or webhook, by the name of its entry point; its own keys stand here, too.",
    settings=(
        _ENABLED,
        _RUN,
        Setting("retry_first", DURATION, "1s", "The pause before it is started again; it doubles with each failure."),
        Setting("retry_most", DURATION, "1m", "The longest pause before it is started again."),
        _ON_STALL,
    ),
)

SERVICE = Section(
    name="service",
    named=True,
    plugin=True,
    examples=("NAME",),
    help="An installed service, by the name of its entry point; its own keys stand here, too.",
    settings=(_ENABLED,),
)

"""What a worker does: build its plugin, handle what comes, stop it when told, and end with the daemon."""

from __future__ import annotations

import logging
import os
import pickle
import socket

from eventd.calls.messages import LINE_LOST, Call, Failed, Outcome, Ready, Setup, Stop, Stopped, frame
from eventd.calls.parts import frames_of
from eventd.calls.told import Told, tell
from eventd.process import settle_memory
from eventd.worker.guard import (
    bind_to_parent,
    lift_memory_limit,
    limit_memory,
    prefer_as_victim,
    stand_back,
    tell_crashes,
)
from eventd.worker.job import Job, lacks_memory, tell_within
from eventd.worker.link import Gone, Link, LogToDaemon
from eventd.worker.task import Task

__all__ = ["main"]


def main(descriptor: int, crashes: int) -> None:
    """Run until the daemon says so, or is gone.

    :param descriptor: one end of a socketpair. :param crashes: where the stack of a crash is written.
    """
    for number in (descriptor, crashes):
        # What the plugin starts must not hold the line open.
        os.set_inheritable(number, False)
    tell_crashes(crashes)
    sock = socket.socket(fileno=descriptor)
    sock.setblocking(True)
    os.register_at_fork(after_in_child=sock.close)
    link = Link(sock)
    try:
        _serve(link)
    except Gone:
        # Nobody hears what is left, and a thread of the plugin must not hold up the end.
        os._exit(LINE_LOST)
    os._exit(0)


def _serve(link: Link) -> None:
    setup = link.receive()
    assert isinstance(setup, Setup), setup
    task: Task = pickle.loads(setup.task)
    bind_to_parent(task.parent)
    prefer_as_victim()
    stand_back()
    logging.basicConfig(level=task.log_level, handlers=[LogToDaemon(link)], format="%(message)s")
    limit_memory(task.memory_limit)
    job = _started(task, link)
    if job is not None:
        settle_memory()
        link.send(Ready())
        _work(job, link)


def _started(task: Task, link: Link) -> Job | None:
    try:
        job = Job(task, link)
        job.start()
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever a plugin raises is told
        if lacks_memory(error):
            lift_memory_limit()
        link.send(Failed(tell_within(task.memory_limit, error)))
        return None
    return job


def _work(job: Job, link: Link) -> None:
    while True:
        match link.receive():
            case Call() as call:
                for framed in _outcome(job, call):
                    link.send_framed(framed)
            case Stop():
                link.send(Stopped(_stopped(job)))
                return
            case other:
                raise AssertionError(other)


def _outcome(job: Job, call: Call) -> list[bytes]:
    """What a call came to, as it is sent; where that cannot be, since it is too large, why."""
    spent = False
    try:
        outcome = job.run(call)
        outcome.number = call.number
        if outcome.spent:
            spent = True
            lift_memory_limit()
        return frames_of(outcome)
    except Exception as error:  # noqa: BLE001 - the call has failed, and the plugin works on
        if lacks_memory(error):
            spent = True
            lift_memory_limit()
        job.forget()
        return [frame(Outcome([], {}, tell_within(job.memory_limit, error), {}, None, spent, call.number))]


def _stopped(job: Job) -> Told | None:
    try:
        job.stop()
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever a plugin raises is told
        return tell(error)
    return None

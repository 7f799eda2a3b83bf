"""Green threads, sockets, TLS and native threads: the only package that knows eventlet.

Everybody else takes what is named here. docs/green.md says what to know before changing it.
"""

from __future__ import annotations

from eventd.green.acceptor import Acceptor, Datagram
from eventd.green.address import Address, parse_address
from eventd.green.bridge import Bridge, Worker
from eventd.green.group import Green, Group, current_name, hurry, run
from eventd.green.guard import BrokenOff, guard
from eventd.green.hub import Hub, hub, install, on_hub
from eventd.green.listener import listen, listen_datagram
from eventd.green.signals import Signals
from eventd.green.stacks import bounded_file
from eventd.green.stream import Stream
from eventd.green.timer import Timer
from eventd.green.tls import TLSStream, server_context
from eventd.green.waiting import Signal, give_way, sleep
from eventd.green.watch import Watch
from eventd.green.watchdog import Watchdog
from eventd.green.writer import WRITE_LIMIT

__all__ = [
    "WRITE_LIMIT",
    "Acceptor",
    "Address",
    "Bridge",
    "BrokenOff",
    "Datagram",
    "Green",
    "Group",
    "Hub",
    "Signal",
    "Signals",
    "Stream",
    "TLSStream",
    "Timer",
    "Watch",
    "Watchdog",
    "Worker",
    "bounded_file",
    "current_name",
    "give_way",
    "guard",
    "hub",
    "hurry",
    "install",
    "listen",
    "listen_datagram",
    "on_hub",
    "parse_address",
    "run",
    "server_context",
    "sleep",
]

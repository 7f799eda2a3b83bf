"""Green threads, sockets, TLS and native threads: the only package that knows eventlet.

Everybody else takes what is named here. docs/green.md says what to know before changing it.
"""

from __future__ import annotations

from eventd.green.acceptor import Acceptor, Datagram
from eventd.green.address import Address, parse_address
from eventd.green.bridge import Bridge, Worker
from eventd.green.group import Green, Group, current_name, run
from eventd.green.hub import Hub, hub, install
from eventd.green.listener import listen, listen_datagram
from eventd.green.signals import Signals
from eventd.green.stream import Stream
from eventd.green.timer import Timer
from eventd.green.tls import TLSStream, server_context
from eventd.green.waiting import Signal, sleep
from eventd.green.watch import Watch
from eventd.green.writer import WRITE_LIMIT

__all__ = [
    "WRITE_LIMIT",
    "Acceptor",
    "Address",
    "Bridge",
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
    "Worker",
    "current_name",
    "hub",
    "install",
    "listen",
    "listen_datagram",
    "parse_address",
    "run",
    "server_context",
    "sleep",
]

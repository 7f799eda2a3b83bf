"""Measures eventd beside its peers, on this machine, in one run: ``python -m bench``.

Four cases: (a) acknowledged events through a Python handler, (b) WebSocket publish to
durable ack, (c) memory of idle connections, (d) latency at a fixed rate. Nothing here
is part of the daemon.
"""

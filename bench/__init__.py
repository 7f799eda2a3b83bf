"""Measures eventd beside its peers, on this machine, in one run: ``python -m bench``.

Cases: (a) acknowledged events through a Python handler, (b) WebSocket publish to
durable ack, (c) memory of idle connections, (d) latency at a fixed rate, (e) a handler
that keeps a state, (f) time to ready with 10 million events in the journal, (g) the rate
at which more come in then, (h) the rate at which they are replayed, (i) fan-out to a
thousand subscribers, (j) the time that a delivery takes, (k) a durable subscription in
Python. Nothing here is part of the daemon.
"""

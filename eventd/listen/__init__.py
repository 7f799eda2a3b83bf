"""The doors: sockets, and the green thread of each connection.

A connection reads bytes, gives them to a sans-I/O session of ``eventd.protocol``, hands
the drafts that come out to ingest, and writes what the session wants written. It knows
nothing of journals and plugins.
"""

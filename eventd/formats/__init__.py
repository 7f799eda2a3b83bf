"""Bytes to events and back: CloudEvents JSON and msgpack, the HTTP binding, Forward entries.

    rules            what makes an event valid, whatever it came in
    json_events      application/cloudevents+json
    msgpack_events   application/cloudevents+msgpack, eventd's own
    http_binding     one HTTP request: binary, structured or batch
    forward_entries  [time, record] of the Forward protocol
    blocks           what the journal keeps, back to events
    placed           events written with their place, for subscribers
    compression      gzip, deflate and zstd under a limit
    breath           how long work lets others have their turn

Readers check and keep the bytes as they came; they never hand on what could not be
read back. Nothing here knows sockets, the journal or plugins.
"""

from __future__ import annotations

from eventd.formats.rules import Schemas

__all__ = ["Schemas"]

"""eventd inside a program of one's own: a small daemon without doors, run by whoever calls ``start``.

    publish ─► outbox ─► sender ─► journal ─► dispatch ─► event types, functions

manager       what a program has: where events are kept
loop          subscribe, publish, start, stop
subscription  what can be subscribed, as a plugin of the dispatcher's
running       the parts of a loop, from its start to its end
outbox        events on their way from any thread to the hub, and who waits for room
sender        makes them durable
place         where the journal is: a named file, or memory
giving_up     tells the program what was put aside
callback      what a WebSocket calls
resources     what a WebSocket reads, and how far it is
reading       the native threads of a WebSocket
websocket     a connection to a daemon, as a few callbacks

Nothing is imported here: ``WebSocket`` alone needs neither a journal nor the hub.
"""

"""What is spoken on the wire, without sockets: bytes in, events and bytes out.

Each session holds what one connection needs between two reads and nothing while it is
idle. A session raises an ``EventdError`` where the other side is wrong; the connection
that owns it answers with the session's words for that error and closes.

It does not read, write, wait, log or count: ``eventd.listen`` does.
"""

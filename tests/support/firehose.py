"""``python -m tests.support.firehose PORT``: one connection that publishes as fast as it is read, until it is ended."""

from __future__ import annotations

import json
import sys
import threading

from tests.support.publishers import frame, upgraded

__all__ = ["main"]

EVENT = {"specversion": "1.0", "id": "1", "source": "/firehose", "type": "fire.hose", "data": "x" * 100}


def main(port: int) -> None:
    """Publish one event a message: what costs a daemon the most for each byte that is of use."""
    sock = upgraded(port)
    sock.settimeout(None)
    messages = ({"op": "publish", "id": number, "events": [EVENT]} for number in range(10_000))
    data = b"".join(frame(json.dumps(message).encode()) for message in messages)

    def read() -> None:
        while sock.recv(1 << 20):
            pass

    threading.Thread(target=read, daemon=True).start()
    while True:
        sock.sendall(data)


if __name__ == "__main__":
    main(int(sys.argv[1]))

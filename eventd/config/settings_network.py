"""The settings of listeners, and the limits that hold for those who connect to them."""

from __future__ import annotations

from .table import Section, Setting
from .values import ADDRESS, BOOLEAN, COUNT, DURATION, LIST, PATH, SIZE, choice

__all__ = ["DEFAULT_BIND", "LIMITS", "LISTENER"]

#: Where a listener listens that does not say so, by its protocol. A listener that does
#: not name its protocol either has that of its name.
DEFAULT_BIND: dict[str, str] = {"http": "0.0.0.0:8080", "forward": "0.0.0.0:24224"}

LISTENER = Section(
    name="listener",
    named=True,
    examples=("http", "forward"),
    help="An address at which clients connect. Where no file has such a section, there are two: "
    "listener:http and listener:forward.",
    settings=(
        Setting("enabled", BOOLEAN, "yes", "With no, it does not listen."),
        Setting("protocol", choice(*DEFAULT_BIND), None,
                "What it speaks: http is HTTP/1.1 and WebSocket on one port, forward the Fluentd Forward protocol.",
                unset="the listener's name, where that is http or forward"),
        Setting("bind", ADDRESS, None,
                "Where it listens. fd:NAME is a socket that systemd hands over under this name.",
                unset=" or ".join(f"{bind} for {protocol}" for protocol, bind in DEFAULT_BIND.items())),
        Setting("tls_cert", PATH, None, "A PEM file with the certificate and its chain; makes it TLS.",
                unset="no TLS"),
        Setting("tls_key", PATH, None, "A PEM file with the certificate's private key.",
                unset="no TLS"),
        Setting("tls_client_ca", PATH, None,
                "A PEM file with certificates: only clients with one signed by these get in.",
                unset="any client gets in"),
        Setting("origins", LIST, "",
                "Origins of web pages, such as https://example.com, that may open a WebSocket here; * is any. "
                "Pages of the listener's own host may, and so may all that are no browsers."),
    ),
)  # fmt: skip

LIMITS = Section(
    name="limits",
    help="What a client may cost. More gets a clear error and costs the sender its connection. 0 is no limit.",
    settings=(
        Setting("connections", COUNT, "20000", "Connections at once, over all listeners."),
        Setting("connections_per_address", COUNT, "0", "Connections at once from one IP address."),
        Setting("connection_rate", COUNT, "0", "New connections a second, over all listeners."),
        Setting("handshakes", COUNT, "100", "TLS handshakes under way at once on one listener; more wait."),
        Setting("connection_events", COUNT, "0",
                "Events a second of one connection; as many as come in a second may come at once."),
        Setting("connection_bytes", SIZE, "0", "Bytes of events a second of one connection, likewise."),
        Setting("user_rate", COUNT, "0", "Events a second of all connections from one IP address, likewise."),
        Setting("user_bytes", SIZE, "0", "Bytes of events a second of all connections from one IP address, likewise."),
        Setting("message_size", SIZE, "16M", "The size of a message, a request's body or a Forward chunk."),
        Setting("unfinished_size", SIZE, "1G",
                "All messages together that are not complete, inflated or answered yet, over all listeners."),
        Setting("header_size", SIZE, "64K", "The size of an HTTP request's head."),
        Setting("batch_events", COUNT, "100000", "Events in one message, request or chunk."),
        Setting("decompressed_size", SIZE, "64M", "The size of what was compressed, decompressed."),
        Setting("handshake_timeout", DURATION, "10s",
                "How long a client may take for the TLS handshake, and to send the head of its first request."),
        Setting("idle_timeout", DURATION, "1h", "How long nothing may come; the answer to a ping counts."),
        Setting("subscriptions", COUNT, "100", "Subscriptions of one connection."),
        Setting("subscription_window", SIZE, "1M",
                "What may wait to be sent to a connection before its subscriptions fall back and read on in the "
                "journal when it has read."),
        Setting("durable_subscriptions", COUNT, "1000", "Durable subscriptions in all, with members or without."),
    ),
)  # fmt: skip

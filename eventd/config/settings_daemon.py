"""The settings of the daemon itself and of its journal."""

from __future__ import annotations

from .table import Section, Setting
from .values import BOOLEAN, COUNT, DURATION, PATH, SIZE, TEXT, choice

__all__ = ["EVENTD", "JOURNAL"]

EVENTD = Section(
    name="eventd",
    help="The daemon itself.",
    settings=(
        Setting("node", TEXT, None, "The name of this daemon, in the status, the log and the ids it gives.",
                unset="the name of the host"),
        Setting("state_dir", PATH, "/var/lib/eventd",
                "Where the journal is. It must be on a disk that keeps what was synced."),
        Setting("run_dir", PATH, "/run/eventd",
                "Where eventd.sock is, the socket by which the commands talk to the daemon."),
        Setting("log_level", choice("debug", "info", "warning", "error"), "info", "The least that is logged."),
        Setting("log_format", choice("auto", "text", "systemd", "json"), "auto",
                "One line of text or one JSON object for each entry; systemd is text without the time, with the "
                "priority in front. auto is systemd where systemd's journal reads, else text."),
        Setting("stall_limit", DURATION, "100ms",
                "Code that holds up all connections for longer than this is named in the log; on_stall of a plugin "
                "says what follows."),
        Setting("stall_most", DURATION, "5s",
                "Code of a plugin that holds up all connections for longer than this is broken off: the call has "
                "failed, and those that follow in a native thread may take as long, where the section has no timeout. "
                "0 is never."),
        Setting("stop_timeout", DURATION, "30s",
                "How long stopping may take to finish what has begun, before it is broken off."),
    ),
)  # fmt: skip

JOURNAL = Section(
    name="journal",
    help="The durable log of all events, in state_dir.",
    settings=(
        Setting("fsync", BOOLEAN, "yes",
                "Acknowledge only what is on the disk. With no, a power failure can lose acknowledged events; "
                "a crash of the daemon does not."),
        Setting("retention_time", DURATION, "7d", "How long events are kept; 0 is no limit."),
        Setting("retention_size", SIZE, "10G", "How large the journal may grow before its oldest go; 0 is no limit."),
        Setting("dead_count", COUNT, "100000",
                "How many dead letters are kept, before those that were tried longest ago go; 0 is no limit."),
        Setting("dead_time", DURATION, "30d",
                "How long dead letters are kept after their last attempt; 0 is no limit."),
        Setting("dedupe_window", DURATION, "0",
                "How long an event with the same source and id is acknowledged again and not stored; 0 is never."),
        Setting("memory", SIZE, "64M", "How much of the newest is kept in memory, for handlers that keep up."),
    ),
)  # fmt: skip

"""The daemon's settings have the names that the reference promises."""

from __future__ import annotations

from eventd.config.settings_daemon import EVENTD, JOURNAL


def test_names() -> None:
    assert [setting.key for setting in EVENTD.settings] == [
        "node", "state_dir", "run_dir", "log_level", "log_format", "stall_limit", "stall_most",
        "stop_timeout",
    ]  # fmt: skip
    assert [setting.key for setting in JOURNAL.settings] == [
        "fsync", "retention_time", "retention_size", "dead_count", "dead_time", "dedupe_window", "memory",
    ]  # fmt: skip


def test_acknowledged_is_durable_by_default() -> None:
    fsync = JOURNAL.setting("fsync")

    assert fsync is not None
    assert fsync.default == "yes"

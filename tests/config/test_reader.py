"""The reader: order, defaults, listeners, plugins, and every fault at once."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from eventd.config import Configuration, ListenerOptions, Place, load
from eventd.errors import ConfigurationError


def read(tmp_path: Path, text: str, *overrides: str) -> Configuration:
    file = tmp_path / "eventd.ini"
    file.write_text(text)
    return load([file], None, overrides)


def faults(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text, *overrides)
    return [str(fault).removeprefix(str(tmp_path) + "/") for fault in caught.value.faults]


def test_without_any_file_all_defaults_hold() -> None:
    configuration = load()

    assert configuration.eventd.state_dir == "/var/lib/eventd"
    assert configuration.eventd.node == socket.gethostname()
    assert configuration.journal.fsync is True
    assert configuration.journal.memory == 64 << 20
    assert configuration.listeners == {
        "http": ListenerOptions("http", "0.0.0.0:8080"),
        "forward": ListenerOptions("forward", "0.0.0.0:24224"),
    }
    assert configuration.plugins == {}


def test_file_then_conf_dir_in_name_order_then_overrides(tmp_path: Path) -> None:
    (tmp_path / "b.ini").write_text("[eventd]\nnode = b\nrun_dir = /b\n")
    (tmp_path / "a.ini").write_text("[eventd]\nnode = a\nrun_dir = /a\nlog_level = debug\n")
    (tmp_path / "not.conf").write_text("nonsense")
    file = tmp_path / "main"
    file.write_text("[eventd]\nlog_level = error\nstate_dir = /main\n")

    options = load([file], tmp_path, ["eventd.run_dir=/o"]).eventd

    assert (options.node, options.run_dir, options.log_level, options.state_dir) == ("b", "/o", "debug", "/main")


def test_a_listener_takes_protocol_from_its_name_and_bind_from_its_protocol(tmp_path: Path) -> None:
    text = "[listener:forward]\n[listener:extra]\nprotocol = http\n[listener:off]\nprotocol = http\nenabled = no\n"

    assert read(tmp_path, text).listeners == {
        "forward": ListenerOptions("forward", "0.0.0.0:24224"),
        "extra": ListenerOptions("http", "0.0.0.0:8080"),
    }


def test_an_override_of_a_default_listener_keeps_the_other(tmp_path: Path) -> None:
    listeners = read(tmp_path, "", "listener:http.bind=127.0.0.1:0").listeners

    assert listeners["http"].bind == "127.0.0.1:0"
    assert listeners["forward"].bind == "0.0.0.0:24224"


def test_a_plugin_gets_common_and_own_keys(tmp_path: Path) -> None:
    configuration = read(
        tmp_path,
        "[eventd]\nstate_dir = /s\n[handler:jsonl]\nbatch_size = 5\nrun = thread\ndirectory = %(state_dir)s/j\n",
    )

    options = configuration.plugin("handler", "jsonl")
    assert (options.batch_size, options.run, options.attempts, options.enabled) == (5, "thread", 5, True)
    assert options.own == {"directory": "/s/j"}
    assert options.own.places == {"directory": Place(str(tmp_path / "eventd.ini"), 6)}
    assert options.section == options.own.section == "handler:jsonl"


def test_a_plugin_without_a_section_is_enabled_with_defaults() -> None:
    options = load().plugin("source", "clock")

    assert (options.kind, options.name, options.enabled, options.run, options.start) == (
        "source",
        "clock",
        True,
        None,
        "now",
    )
    assert options.own == {}
    assert options.own.section == "source:clock"


def test_an_empty_value_is_unset_where_unset_means_something(tmp_path: Path) -> None:
    configuration = read(tmp_path, "[eventd]\nnode =\n[listener:http]\ntls_cert =\n[handler:x]\nrun =\n")

    assert configuration.eventd.node == socket.gethostname()
    assert configuration.listeners["http"].tls_cert is None
    assert configuration.plugin("handler", "x").run is None


def test_every_fault_at_once_with_file_and_line(tmp_path: Path) -> None:
    text = """\
[eventd]
nodes = x
log_level = loud
[journal]
fsync = maybe
memory =
[handlers:x]
[listener]
[limits:x]
[listener:odd]
[listener:http]
tls_cert = /c
[listener:forward]
tls_client_ca = /c
[handler:x]
attempts = 5  # a few
"""
    assert faults(tmp_path, text, "eventd.stop_timeout=soon") == [
        "eventd.ini:2: [eventd] has no nodes; did you mean node?",
        "eventd.ini:3: log_level: 'loud' is none of debug, info, warning, error",
        "eventd.ini:5: fsync: 'maybe' is neither yes nor no",
        "eventd.ini:6: memory: '' is not a size: write bytes, or 512K, 64M, 10G or 1T",
        "eventd.ini:7: [handlers:x] is no section; did you mean handler?",
        "eventd.ini:8: [listener] needs a name: [listener:NAME]",
        "eventd.ini:9: [limits:x] has no name: write [limits]",
        "eventd.ini:10: [listener:odd] needs protocol: http or forward",
        "eventd.ini:11: [listener:http] has tls_cert but no tls_key",
        "eventd.ini:13: [listener:forward] has tls_client_ca but no tls_cert and tls_key",
        "eventd.ini:16: attempts: '5  # a few' is not a whole number from 0 on (a comment stands on a line of its own)",
        "-o eventd.stop_timeout: stop_timeout: 'soon' is not a duration: write 500ms, 5s, 10m, 2h, 7d or 1h30m",
    ]


def test_a_relative_path_is_for_the_command_line_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    configuration = read(tmp_path, "[handler:x]\nd = %(state_dir)s/d\n", "eventd.state_dir=./var/lib")
    assert configuration.eventd.state_dir == f"{tmp_path}/var/lib"
    assert configuration.plugin("handler", "x").own == {"d": f"{tmp_path}/var/lib/d"}
    assert "is not an absolute path" in faults(tmp_path, "[eventd]\nstate_dir = var/lib\n")[0]


def test_default_is_for_variables_only(tmp_path: Path) -> None:
    assert read(tmp_path, "[DEFAULT]\nroot = /r\n[eventd]\nstate_dir = %(root)s/s\n").eventd.state_dir == "/r/s"


def test_the_result_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        load().eventd.node = "x"  # type: ignore[misc]  # that it cannot is what is tested

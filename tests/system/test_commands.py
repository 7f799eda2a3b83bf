"""The commands against a running daemon, as a person or a script uses them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.support.daemon import DaemonProcess
from tests.support.wait import until


def test_what_is_sent_is_kept_and_tailed(daemon: DaemonProcess) -> None:
    sent = daemon.run("send", "cmd.greeting", "--data", '{"hello": "world"}', "--subject", "me")
    assert sent.returncode == 0, sent.stderr
    (event,) = daemon.events("cmd.greeting")
    assert (event["data"], event["subject"]) == ({"hello": "world"}, "me")

    tail = subprocess.Popen(
        daemon.command("tail", "cmd.>", "--from", "earliest"), stdout=subprocess.PIPE, env=daemon.environment()
    )
    assert tail.stdout is not None
    assert json.loads(tail.stdout.readline())["data"] == {"hello": "world"}
    daemon.run("send", "other.thing")
    daemon.run("send", "cmd.second", "--data", "2")
    assert json.loads(tail.stdout.readline())["type"] == "cmd.second"
    tail.terminate()
    tail.wait(10)
    tail.stdout.close()


def test_send_takes_data_from_standard_input(daemon: DaemonProcess) -> None:
    sent = daemon.run("send", "cmd.stdin", "--data", "-", stdin=b'{"n": 1}')
    assert sent.returncode == 0, sent.stderr
    assert daemon.events("cmd.stdin")[0]["data"] == {"n": 1}


def test_status_is_the_same_in_all_its_forms(daemon: DaemonProcess) -> None:
    told = json.loads(daemon.run("status", "--json").stdout)
    assert told["ready"] is True
    assert {row["name"] for row in told["listeners"]} >= {"http", "forward"}
    events = told["events"]
    assert events["received"] == events["accepted"] + sum(events["rejected"].values()) + events["pending"]
    assert b"handler:jsonl" in daemon.run("status").stdout
    assert b"eventd_events_accepted_total" in daemon.get("/metrics")[1]


def test_the_page_is_served(daemon: DaemonProcess) -> None:
    status, body = daemon.get("/")
    assert status == 200
    assert b"<title>eventd</title>" in body


def test_check_tells_every_fault_at_once(directory: Path) -> None:
    daemon = DaemonProcess(directory, "[journal]\nfsnyc = no\n[limits]\nidle_timeout = soon\n")
    checked = daemon.run("check")
    assert checked.returncode == 78
    told = checked.stderr + checked.stdout
    assert b"conf.ini:2" in told and b"fsync" in told
    assert b"conf.ini:4" in told and b"idle_timeout" in told


def test_run_refuses_what_check_refuses(directory: Path) -> None:
    daemon = DaemonProcess(directory, "[eventd]\nlog_level = loud\n")
    assert daemon.run("run").returncode == 78


def test_without_a_daemon_the_commands_say_so(directory: Path) -> None:
    daemon = DaemonProcess(directory)
    for command in (["status"], ["send", "a.b"], ["tail", ">"]):
        done = daemon.run(*command)
        assert done.returncode == 1
        assert b"eventd.sock" in done.stderr
        assert b"Traceback" not in done.stderr


def test_a_port_that_is_taken_is_told_by_its_listener(daemon: DaemonProcess, directory: Path) -> None:
    second = DaemonProcess(directory, f"[listener:http]\nbind = 127.0.0.1:{daemon.port('http')}\n")
    done = second.run("run")
    assert done.returncode == 78
    assert b"listener:http" in done.stderr


def test_sigterm_ends_it_with_zero(directory: Path) -> None:
    daemon = DaemonProcess(directory).start()
    assert daemon.stop() == 0


def test_a_killed_daemon_starts_again_with_all_events(directory: Path) -> None:
    daemon = DaemonProcess(directory)
    for number in range(3):
        daemon.start()
        assert daemon.run("send", "torn.one", "--data", str(number)).returncode == 0
        daemon.kill()
    with daemon:
        until(lambda: len(daemon.events("torn.one")) == 3, what="all three events")


def test_a_daemon_that_found_a_log_keeps_its_lock_on_the_index_of_it(directory: Path) -> None:
    """Without it, the next command that opens the journal cuts the index off under the daemon."""
    daemon = DaemonProcess(directory)
    daemon.start()
    daemon.run("send", "a.b")
    daemon.kill()
    with daemon:
        index = (directory / "state" / "journal.sqlite-shm").stat().st_ino
        locks = [line for line in Path("/proc/locks").read_text().splitlines() if f":{index} " in line]

        assert any(line.split()[-2:] == ["128", "128"] for line in locks)

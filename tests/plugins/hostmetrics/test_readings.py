from __future__ import annotations

import logging

import msgspec
import psutil
import pytest

from eventd_hostmetrics import EVENT_TYPES, Cpu, Disk, Memory, Network
from eventd_hostmetrics.readings import Readings

log = logging.getLogger("eventd.source.hostmetrics")


def by_class(events, cls):
    return [event for event in events if isinstance(event, cls)]


def test_one_reading_has_all_that_this_machine_tells():
    events = Readings(log).take()

    assert {Cpu, Memory, Disk} <= {type(event) for event in events}
    assert {event.type for event in events} <= {cls.type for cls in EVENT_TYPES}


def test_the_payloads_are_of_their_declared_types():
    for event in Readings(log, without_interfaces=()).take():
        as_json = msgspec.json.encode(event.data)

        assert msgspec.json.decode(as_json, type=type(event).Data) == event.data


def test_the_numbers_are_this_machines():
    events = Readings(log).take()
    [memory] = by_class(events, Memory)
    [cpu] = by_class(events, Cpu)

    assert memory.data.total == psutil.virtual_memory().total
    assert len(cpu.data.each) == psutil.cpu_count()
    assert 0 <= cpu.data.percent <= 100


def test_a_disk_is_told_once_and_named_by_where_it_is_mounted():
    disks = by_class(Readings(log).take(), Disk)

    assert len({disk.data.device for disk in disks}) == len(disks)
    assert all(disk.subject == disk.data.mount for disk in disks)


def test_interfaces_can_be_left_out_by_pattern():
    everything = by_class(Readings(log, without_interfaces=()).take(), Network)
    nothing = by_class(Readings(log, without_interfaces=("*",)).take(), Network)

    assert "lo" in {event.subject for event in everything}
    assert nothing == []


class Counted:
    """What psutil tells of an interface."""

    errin = errout = dropin = dropout = 0

    def __init__(self, received, sent):
        self.bytes_recv, self.bytes_sent = received, sent


@pytest.fixture
def traffic(monkeypatch):
    """Sets the counters and the clock: ``traffic(seconds, received, sent)``."""

    def set_to(seconds, received, sent):
        monkeypatch.setattr("eventd_hostmetrics.readings.time.monotonic", lambda: seconds)
        monkeypatch.setattr(psutil, "net_io_counters", lambda pernic: {"eth9": Counted(received, sent)})

    return set_to


def test_rates_are_per_second_since_the_reading_before(traffic):
    traffic(100.0, 1000, 500)
    readings = Readings(log)

    traffic(102.0, 5000, 600)
    [network] = by_class(readings.take(), Network)

    assert (network.data.receive_rate, network.data.send_rate) == (2000.0, 50.0)
    assert (network.data.received, network.data.sent) == (5000, 600)


def test_a_counter_that_was_set_back_gives_no_negative_rate(traffic):
    traffic(100.0, 1000, 500)
    readings = Readings(log)

    traffic(101.0, 10, 510)
    [network] = by_class(readings.take(), Network)

    assert (network.data.receive_rate, network.data.send_rate) == (0.0, 10.0)


def test_what_the_system_does_not_tell_is_told_once_and_the_rest_goes_on(monkeypatch, caplog):
    def refuse():
        raise PermissionError(13, "no reading of this file")

    monkeypatch.setattr(psutil, "virtual_memory", refuse)
    readings = Readings(log)
    events = readings.take() + readings.take()

    assert by_class(events, Memory) == []
    assert len(by_class(events, Cpu)) == 2
    assert [record.getMessage() for record in caplog.records] == [
        "no readings of the memory: [Errno 13] no reading of this file"
    ]


def test_without_any_listed_device_the_root_is_read(monkeypatch):
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: [])
    [disk] = by_class(Readings(log).take(), Disk)

    assert disk.subject == "/"
    assert disk.data.total > 0
    assert disk.data.read_rate is None

"""The fuzz targets of the formats, for a bounded time: by hypothesis, by damage, and by atheris where it is.

To fuzz one for long: ``python -m tests.fuzz.fuzz fuzz_json_events [corpus]``.
"""

from __future__ import annotations

import gzip
import pathlib
import random
import subprocess
import sys
from types import ModuleType

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import fuzz_compression, fuzz_forward_entries, fuzz_http_binding, fuzz_json_events, fuzz_msgpack_events
from tests.support.cloudevents import plain, raw

TARGETS = {
    "json_events": fuzz_json_events,
    "msgpack_events": fuzz_msgpack_events,
    "forward_entries": fuzz_forward_entries,
    "http_binding": fuzz_http_binding,
    "compression": fuzz_compression,
}

#: Good input to start from: damage finds more in it than chance finds in nothing.
SEEDS = {
    "json_events": raw(ext=5, subject='a"b\\ü', data={"n": [1, 1.5, None, "\n"]}),
    "msgpack_events": msgpack.packb(plain(ext=5, data={"n": [1, 1.5, None, b"x"]})),
    "forward_entries": b"\x03"
    + msgpack.packb([msgpack.ExtType(0, bytes.fromhex("6500000000000001")), {"log": "x"}])
    + msgpack.packb([1, {"log": "grün", "n": [1.5, None]}])
    + msgpack.packb([[1.5, {"m": 1}], {}]),
    "http_binding": b'"a%20\\"b"\n{"x": [1]}',
    "compression": b"\0" + gzip.compress(b"hello hello hello") * 2,
}


def run(module: ModuleType, data: bytes) -> None:
    """Errors that are allowed are what a target is for; any other is what it looks for."""
    try:
        module.target(data)
    except module.ALLOWED:
        pass


@pytest.mark.parametrize("name", TARGETS)
def test_the_seed_is_good_input(name: str) -> None:
    TARGETS[name].target(SEEDS[name])


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary(max_size=200))
def test_no_bytes_are_a_surprise(name: str, data: bytes) -> None:
    run(TARGETS[name], data)


@pytest.mark.parametrize("name", TARGETS)
def test_no_damage_is_a_surprise(name: str) -> None:
    chance, seed = random.Random(0), SEEDS[name]
    for _ in range(5000):
        data = bytearray(seed)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            data[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(1, 3))
        run(TARGETS[name], bytes(data))


@pytest.mark.parametrize("name", TARGETS)
def test_atheris_finds_nothing_in_a_bounded_count(name: str, root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed")
    (tmp_path / "seed").write_bytes(SEEDS[name])
    command = [sys.executable, "-m", "tests.fuzz.fuzz", f"fuzz_{name}", str(tmp_path), "-runs=20000", "-seed=1"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]

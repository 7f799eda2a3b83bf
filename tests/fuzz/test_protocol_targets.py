"""The fuzz targets of the protocols, for a bounded time: by hypothesis, and by atheris where it is."""

from __future__ import annotations

import pathlib
import random
import subprocess
import sys
from types import ModuleType

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from tests.fuzz import fuzz_forward, fuzz_http, fuzz_native, fuzz_websocket

TARGETS = {"websocket": fuzz_websocket, "http": fuzz_http, "native": fuzz_native, "forward": fuzz_forward}

_EVENT = b'{"specversion":"1.0","id":"1","source":"/s","type":"a","data":{"x":[1]}}'
#: Good input to start from: damage finds more in it than chance finds in nothing.
SEEDS = {
    "websocket": b"\x07"
    + Frame(Opcode.TEXT, b"h\xc3\xa9llo", fin=False).serialize(mask=True)
    + Frame(Opcode.CONT, b"you").serialize(mask=True)
    + Frame(Opcode.PING, b"x").serialize(mask=True)
    + Frame(Opcode.CLOSE, b"\x03\xe8bye").serialize(mask=True),
    "http": b"\x20POST /a%20b?x=1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "native": b'{"op":"publish","id":"1","events":[' + _EVENT + b"]}",
    "forward": b"\x10"
    + msgpack.packb(["a", [[msgpack.ExtType(0, bytes(8)), {"x": 1}]], {"chunk": "c"}])
    + msgpack.packb(["a", msgpack.packb([1, {}]), {"size": 1}]),
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
    for _ in range(3000):
        data = bytearray(seed)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            data[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(1, 3))
        run(TARGETS[name], bytes(data))


@pytest.mark.parametrize("name", TARGETS)
def test_atheris_finds_nothing_in_a_bounded_count(name: str, root: pathlib.Path) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed")
    command = [sys.executable, "-m", "tests.fuzz.fuzz", f"fuzz_{name}", "-runs=5000", "-seed=1"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]

"""The fuzz targets of the protocols, for a bounded time: by hypothesis, and by atheris where it is."""

from __future__ import annotations

import pathlib
import random
import subprocess
import sys
from types import ModuleType
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from tests.fuzz import fuzz_forward, fuzz_http, fuzz_native, fuzz_websocket

TARGETS = {"websocket": fuzz_websocket, "http": fuzz_http, "native": fuzz_native, "forward": fuzz_forward}

_EVENT = b'{"specversion":"1.0","id":"1","source":"/s","type":"a","data":{"x":[1]}}'
#: What a client asks beside publishing.
ASKS = [
    {
        "op": "subscribe", "id": "7", "types": ["a.*", ">"], "from": "now", "epoch": "e", "credit": 10, "name": "w",
        "filters": [{"any": [{"not": {"exact": {"type": "a"}}}, {"all": [{"prefix": {"id": "1"}}]}]}],
    },
    {"op": "subscribe", "id": 7, "types": ["a"], "from": 1 << 40, "filters": [{"suffix": {"key": "A==", "n": "5"}}]},
    {"op": "credit", "sid": 1, "n": 1 << 33},
    {"op": "settle", "sid": 1, "offsets": [5, [7, 1 << 40]], "outcome": "retry", "after": 1.5},
    {"op": "unsubscribe", "id": "8", "sid": 1},
    {"op": "presence", "id": "9", "types": ["a.>"]},
]  # fmt: skip
#: Good input to start from: damage finds more in it than chance finds in nothing.
SEEDS = {
    "websocket": [
        b"\x07"
        + Frame(Opcode.TEXT, b"h\xc3\xa9llo", fin=False).serialize(mask=True)
        + Frame(Opcode.CONT, b"you").serialize(mask=True)
        + Frame(Opcode.PING, b"x").serialize(mask=True)
        + Frame(Opcode.CLOSE, b"\x03\xe8bye").serialize(mask=True)
    ],
    "http": [b"\x20POST /a%20b?x=1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
    "native": [
        b'{"op":"publish","id":"1","events":[' + _EVENT + b"]}",
        msgpack.packb({"op": "publish", "id": "1", "events": [msgspec.json.decode(_EVENT)]}),
        *map(msgspec.json.encode, ASKS),
        *map(msgspec.msgpack.encode, ASKS),
    ],
    "forward": [
        b"\x10"
        + msgpack.packb(["a", [[msgpack.ExtType(0, bytes(8)), {"x": 1}]], {"chunk": "c"}])
        + msgpack.packb(["a", msgpack.packb([1, {}]), {"size": 1}])
    ],
}


def run(module: ModuleType, data: bytes) -> None:
    """Errors that are allowed are what a target is for; any other is what it looks for."""
    try:
        module.target(data)
    except module.ALLOWED:
        pass


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_are_good_input(name: str) -> None:
    for seed in SEEDS[name]:
        TARGETS[name].target(seed)


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary(max_size=200))
def test_no_bytes_are_a_surprise(name: str, data: bytes) -> None:
    run(TARGETS[name], data)


@pytest.mark.parametrize("name", TARGETS)
def test_no_damage_is_a_surprise(name: str) -> None:
    chance = random.Random(0)
    for _ in range(3000):
        data = bytearray(chance.choice(SEEDS[name]))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            data[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(1, 3))
        run(TARGETS[name], bytes(data))


#: Values of fields as an honest client has them, and others.
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["now", "earliest", "a.>", "done", "retry", "reject", "2026-01-31T12:00:00Z"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["exact", "prefix", "suffix", "all", "any", "not", "id", "n"]), inner, max_size=2
        )
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode], ids=["json", "msgpack"])
@given(ask=st.sampled_from(ASKS), changed=st.data())
def test_no_field_of_what_is_asked_is_a_surprise(encode: Any, ask: dict[str, Any], changed: st.DataObject) -> None:
    fields = changed.draw(st.dictionaries(st.sampled_from(list(ask)[1:]), VALUES, min_size=1, max_size=2))
    run(fuzz_native, encode(ask | fields))


@pytest.mark.parametrize("name", TARGETS)
def test_atheris_finds_nothing_in_a_bounded_count(name: str, root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed")
    for number, seed in enumerate(SEEDS[name]):
        (tmp_path / f"seed{number}").write_bytes(seed)
    command = [sys.executable, "-m", "tests.fuzz.fuzz", f"fuzz_{name}", str(tmp_path), "-runs=5000", "-seed=1"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]

"""The order of the rooms: who may import whom, how large a file may be, and that each has its tests.

The tables here are the ones of docs/architecture.md, so that a change of the order is a change here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOUSE = ROOT / "eventd"
FILES = sorted(HOUSE.rglob("*.py"))

#: Room → the rooms that it may import. A room is a package or a module of eventd/.
ROOMS = {
    "errors": set(),
    "event": {"errors"},
    "routing": set(),
    "filters": {"event", "errors"},
    "systemd": set(),
    "process": set(),
    "green": {"errors"},
    "config": {"errors"},
    "formats": {"event", "errors"},
    "protocol": {"formats", "event", "errors"},
    "journal": {"event", "green", "errors"},
    "ingest": {"event", "errors"},
    "duplicates": {"formats", "event", "errors"},
    "backlog": {"ingest", "event", "errors"},
    "volatile": {"formats", "event", "errors"},
    # What a webhook gets and gives is a message of the protocol.
    "plugin": {"protocol", "routing", "config", "event", "errors"},
    "listen": {"protocol", "formats", "green", "systemd", "event", "errors"},
    # One call of a plugin's code, in the daemon or in a worker.
    "calls": {"formats", "plugin", "process", "event", "errors"},
    "worker": {"calls", "plugin", "process", "config", "formats", "event", "errors"},
    "dispatch": {"worker", "calls", "journal", "formats", "routing", "plugin", "green", "config", "event", "errors"},
    # What clients see of the journal.
    "subscriptions": {
        "dispatch", "journal", "protocol", "formats", "filters", "routing", "green", "event", "errors",
    },
    "client": {"protocol", "formats", "event", "errors"},
    "observe": {"event", "green", "errors"},
    # The daemon in three files: its listeners, what it tells of itself, and the order of starting and stopping.
    "doors": {"listen", "protocol", "formats", "green", "systemd", "config", "event", "errors"},
    "report": {
        "doors", "observe", "subscriptions", "dispatch", "plugin", "ingest", "backlog", "journal", "green", "config",
        "event", "errors",
    },
    # What administrators ask for, joined with who does it.
    "administration": {"subscriptions", "listen", "protocol", "dispatch", "journal"},
    "daemon": {
        "administration", "report", "doors", "observe", "subscriptions", "client", "filters", "dispatch",
        "plugin", "listen", "ingest", "duplicates", "volatile", "backlog", "journal", "protocol", "formats", "green",
        "systemd", "process", "routing", "config", "event", "errors",
    },
    # The daemon as a process.
    "service": {"daemon", "observe", "plugin", "green", "process", "config"},
    # The daemon's delivery without doors, in somebody else's program.
    "app": {
        "calls", "client", "dispatch", "plugin", "journal", "formats", "green", "config", "routing", "event", "errors",
    },
    "cli": {"client", "formats", "config", "plugin", "event", "errors"},
    "__main__": {"cli"},
}  # fmt: skip

#: What a room may import within a function only: no other command waits until the daemon is loaded.
WITHIN_FUNCTIONS = {"cli": {"service", "journal", "routing"}}

#: What only eventd/green/ may import.
EVENTLET = {"eventlet", "greenlet"}

#: Longer files are two rooms.
MOST_LINES = 300


def room_of(path: Path) -> str:
    first = path.relative_to(HOUSE).parts[0]
    return first.removesuffix(".py")


def imports_of(path: Path) -> Iterator[tuple[str, bool]]:
    """The modules that a file imports when it runs, and whether it does so within a function."""

    def walk(node: ast.AST, inside: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.Import):
                yield from ((alias.name, inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = _base(path, child)
                yield from ((f"{base}.{alias.name}" if base == "eventd" else base, inside) for alias in child.names)
            else:
                yield from walk(child, inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))

    yield from walk(ast.parse(path.read_text()), inside=False)


def _base(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = path.relative_to(ROOT).parent.parts
    kept = package[: len(package) - node.level + 1]
    return ".".join([*kept, *([node.module] if node.module else [])])


def rooms_of(path: Path, *, within_functions: bool) -> set[str]:
    modules = [module for module, inside in imports_of(path) if inside is within_functions]
    names = {module.split(".")[1] for module in modules if module.startswith("eventd.")}
    return {name for name in names if name in ROOMS} - {room_of(path)}


def test_the_table_has_every_room():
    rooms = {room_of(path) for path in FILES} - {"__init__"}

    assert rooms <= set(ROOMS)


def test_the_architecture_page_has_the_same_table():
    told = {}
    for line in (ROOT / "docs" / "architecture.md").read_text().splitlines():
        if row := re.fullmatch(r"\| `(\w+)(?:/|\.py)` \| .* \| ([^|]*) \|", line):
            told[row[1]] = {name for name in re.findall(r"\w+", row[2]) if name in ROOMS}
    assert told.pop("daemon") == set()  # "all above" needs no list
    assert told.pop("cli") == ROOMS["cli"] | WITHIN_FUNCTIONS["cli"]

    assert told == {room: allowed for room, allowed in ROOMS.items() if room not in ("daemon", "cli", "__main__")}


def test_the_table_has_no_circle():
    order: list[str] = []
    while len(order) < len(ROOMS):
        ready = [room for room in ROOMS if room not in order and ROOMS[room] <= set(order)]
        assert ready, f"these import each other: {set(ROOMS) - set(order)}"
        order += ready


def test_a_file_imports_only_what_its_room_may():
    found = {}
    for path in FILES:
        room = room_of(path)
        allowed = ROOMS.get(room, set(ROOMS))
        too_much = rooms_of(path, within_functions=False) - allowed
        too_much |= rooms_of(path, within_functions=True) - allowed - WITHIN_FUNCTIONS.get(room, set())
        if too_much:
            found[_name(path)] = too_much

    assert found == {}


def test_only_green_imports_eventlet():
    importers = {
        room_of(path) for path in FILES for module, _ in imports_of(path) if module.partition(".")[0] in EVENTLET
    }

    assert importers <= {"green"}


def test_the_pure_rooms_touch_neither_sockets_nor_threads():
    pure = {"event", "formats", "protocol", "routing", "errors"}
    worldly = {"socket", "threading", "selectors", "select", "subprocess", "asyncio", "sqlite3"}
    found = {
        (_name(path), module)
        for path in FILES
        if room_of(path) in pure
        for module, _ in imports_of(path)
        if module.partition(".")[0] in worldly
    }

    assert found == set()


def test_no_file_has_grown_into_two_rooms():
    plugins = [path for path in (ROOT / "plugins").rglob("*.py") if "build" not in path.parts]
    long = {_name(path): count for path in FILES + plugins if (count := _lines(path)) > MOST_LINES}

    assert long == {}


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_room_is_called_utils():
    assert [path for path in FILES if path.stem in ("utils", "util", "common", "helpers", "misc")] == []


def test_each_file_has_its_tests_at_the_same_place():
    files = [path.relative_to(HOUSE) for path in FILES if not path.name.startswith("__")]
    twins = [ROOT / "tests" / file.parent / f"test_{file.name}" for file in files]

    assert [_name(twin) for twin in twins if not twin.exists()] == []


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))

"""Pages in a real Chromium publish and subscribe, lose their connection and their daemon, and miss nothing."""

from __future__ import annotations

import contextlib
import http.server
import shutil
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import DaemonProcess
from tests.support.wait import SCALE, until

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
Page = Any

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: make needs")

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    # A name that is not this machine for the browser: pages of such hosts over plain HTTP are not trusted much.
    "--host-resolver-rules=MAP hub.test 127.0.0.1",
]  # fmt: skip

#: An event that is sent again by its page is stored once.
DEDUPE = "[journal]\ndedupe_window = 1h\n"

#: Makes ``client`` and what it went through known to the page.
CONNECT = """async ({ url, options }) => {
    window.module = await import("/eventd.js");
    window.client = new module.Client(url ?? undefined, { backoff: { first: 20, most: 500 }, ...options });
    window.states = [];
    for (const state of ["connected", "disconnected"]) client.addEventListener(state, () => states.push(state));
}"""

#: Iterates over a subscription; what comes is in ``seen``, and gaps are among it.
SUBSCRIBE = """({ types, options }) => {
    window.seen = [];
    window.subscription = client.subscribe(types, options);
    (async function iterate() {
        try {
            for await (const event of subscription) seen.push(event);
        } catch (error) {
            if (!(error instanceof module.Gap)) throw error;
            seen.push({ ...error, name: error.name });
            iterate();
        }
    })();
}"""

#: Publishes without pause, eight at a time, until ``over``; what was acknowledged is in ``acknowledged``.
PUBLISH = """({ type }) => {
    window.over = false;
    window.acknowledged = [];
    let number = 0;
    const publish = async () => {
        while (!over) {
            const id = `${++number}`;
            const { offsets } = await client.publish({ id, type, data: { number } });
            acknowledged.push([offsets[0], id]);
        }
    };
    window.published = Promise.all(Array.from({ length: 8 }, publish));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(20_000 * SCALE)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


class Wire:
    """Stands between the page and the daemon, and can be cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> None:
        """Reset all connections that go through it."""
        with self._lock:
            ends, self._ends = self._ends, []
            for end in ends:
                # Lingering for no time is a reset: what was under way is lost.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        for end in ends:
            end.close()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listening.close()
        self.cut()
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                near.close()
                continue
            with self._lock:
                self._ends += [near, far]
            for one, other in ((near, far), (far, near)):
                self._threads.append(threading.Thread(target=self._carry, args=(one, other)))
                self._threads[-1].start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        # Cut, or ended by one side: then so is the other.
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)


@pytest.fixture
def wire_to() -> Iterator[Callable[[int], Wire]]:
    wires: list[Wire] = []

    def make(port: int) -> Wire:
        wires.append(Wire(port))
        return wires[-1]

    yield make
    for wire in wires:
        wire.close()


def at_one_port(directory: Path, config: str = "") -> DaemonProcess:
    """A daemon that comes back at the port where it was."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return DaemonProcess(directory, f"[listener:http]\nbind = 127.0.0.1:{port}\n{config}")


def connect(page: Page, port: int, host: str = "127.0.0.1", url: str | None = None, **options: Any) -> None:
    """Go to the daemon's own page, and make a client there."""
    page.goto(f"http://{host}:{port}/")
    result_of(page, CONNECT, {"url": url, "options": options})


def subscribe(page: Page, *types: str, **options: Any) -> None:
    page.evaluate(SUBSCRIBE, {"types": list(types), "options": options})


def result_of(page: Page, code: str, given: Any = None) -> Any:
    """What comes of a promise; ``page.evaluate`` alone would wait for it without a deadline."""
    page.evaluate(f"""given => {{
        window.outcome = null;
        Promise.resolve(({code})(given)).then(
            value => {{ window.outcome = {{ value }}; }}, error => {{ window.outcome = {{ error: `${{error}}` }}; }});
    }}""", given)
    outcome = until(lambda: page.evaluate("outcome"), timeout=30, what=code.strip().splitlines()[0])
    assert "error" not in outcome, outcome
    return outcome.get("value")


def count(page: Page, name: str) -> int:
    number: int = page.evaluate(f"{name}.length")
    return number


def wait_for(page: Page, name: str, least: int) -> list[Any]:
    """Wait until the page has so many things in a list."""
    until(lambda: count(page, name) >= least, timeout=30, what=f"{least} {name} of the page")
    return list(page.evaluate(name))


def stop_publishing(page: Page) -> list[tuple[int, str]]:
    """Let all that was published be answered; gives the offset and the id of each event."""
    result_of(page, "() => { window.over = true; return published; }")
    return [(offset, id) for offset, id in page.evaluate("acknowledged")]


def check_nothing_is_missing(page: Page, daemon: DaemonProcess, types: str) -> None:
    """The page has seen what it was promised, and what is in the journal, in that order."""
    acknowledged = stop_publishing(page)
    stored = [each["id"] for each in daemon.events(types)]
    seen = [(each["eventdoffset"], each["id"]) for each in wait_for(page, "seen", len(stored))]
    offsets = [offset for offset, _ in seen]

    assert set(acknowledged) - set(seen) == set()
    assert [id for _, id in seen] == stored
    assert offsets == sorted(set(offsets))
    assert len(set(stored)) == len(stored)
    assert page.evaluate("[subscription.offset, subscription.recovered]") == [offsets[-1] + 1, True]


def test_a_page_publishes_and_gets_what_was_published(page: Page, directory: Path) -> None:
    with DaemonProcess(directory) as daemon:
        connect(page, daemon.port("http"))
        told = result_of(page, """() => client.publish([
            { type: "browser.a", data: { text: "Grüße, 世界 🌍" } },
            { type: "browser.b", data: new Uint8Array([0, 255, 128]) },
        ])""")
        subscribe(page, "browser.>", **{"from": "earliest"})
        text, binary = wait_for(page, "seen", 2)

        assert (told["durability"], told["offsets"]) == ("disk", [text["eventdoffset"], binary["eventdoffset"]])
        assert (text["type"], text["data"]) == ("browser.a", {"text": "Grüße, 世界 🌍"})
        assert text["source"] == f"http://127.0.0.1:{daemon.port('http')}/"
        assert page.evaluate("[...module.bytes(seen[1])]") == [0, 255, 128]
        assert result_of(page, "() => client.presence(['browser.>'])")[0]["types"] == ["browser.>"]
        assert [each["id"] for each in daemon.events()] == [text["id"], binary["id"]]


def test_events_are_pushed_and_filtered_and_end_with_the_subscription(page: Page, directory: Path) -> None:
    with DaemonProcess(directory) as daemon:
        connect(page, daemon.port("http"))
        page.evaluate("""() => {
            window.seen = [];
            window.subscription = client.subscribe("browser.*", { filters: [{ exact: { subject: "mine" } }] });
            subscription.addEventListener("event", ({ detail }) => seen.push(detail.data));
            window.other = client.subscribe("browser.*", { filters: [{ exact: { subject: "mine" } }] });
        }""")
        publish = "({ subject, data }) => client.publish({ type: 'browser.t', subject, data })"
        result_of(page, publish, {"subject": "other", "data": 1})
        result_of(page, publish, {"subject": "mine", "data": 2})
        assert wait_for(page, "seen", 1) == [2]

        result_of(page, "() => subscription.close()")
        result_of(page, publish, {"subject": "mine", "data": 3})
        next_data = "() => other[Symbol.asyncIterator]().next().then(({ value }) => value.data)"
        assert [result_of(page, next_data) for _ in range(2)] == [2, 3]
        assert page.evaluate("seen") == [2]


def test_what_is_refused_is_told_and_costs_nothing_else(page: Page, directory: Path) -> None:
    with DaemonProcess(directory, "[limits]\nmessage_size = 64K\n") as daemon:
        connect(page, daemon.port("http"))
        refused = result_of(page, """async () => {
            const caught = promise => promise.then(() => null, error => error.name);
            const next = subscription => subscription[Symbol.asyncIterator]().next();
            return Promise.all([
                caught(client.publish({ type: "browser.t", time: "yesterday" })),
                caught(client.publish({ type: "browser.t", data: "x".repeat(100_000) })),
                caught(next(client.subscribe("browser..t"))),
                caught(next(client.subscribe("browser.t", { filters: [{ like: {} }] }))),
                caught(client.presence(["browser..t"])),
                caught(client.publish({ type: "browser.t", data: "right" })),
            ]);
        }""")

        assert refused == ["Nacked", "Nacked", "Refused", "Refused", "Refused", None]
        assert [each["data"] for each in daemon.events("browser.>")] == ["right"]


def test_a_page_that_loses_its_connection_misses_nothing(
    page: Page, directory: Path, wire_to: Callable[[int], Wire]
) -> None:
    with DaemonProcess(directory, DEDUPE) as daemon:
        wire = wire_to(daemon.port("http"))
        connect(page, wire.port)
        subscribe(page, "browser.>", credit=50, **{"from": "earliest"})
        page.evaluate(PUBLISH, {"type": "browser.t"})
        for _ in range(10):
            wait_for(page, "seen", count(page, "seen") + 50)
            before = count(page, "states")
            wire.cut()
            # Lost, and back.
            wait_for(page, "states", before + 2)

        check_nothing_is_missing(page, daemon, "browser.>")
        assert page.evaluate("states").count("disconnected") == 10


def test_a_page_whose_daemon_is_killed_misses_nothing(page: Page, directory: Path) -> None:
    with at_one_port(directory, DEDUPE) as daemon:
        connect(page, daemon.port("http"))
        subscribe(page, "browser.>", **{"from": "earliest"})
        page.evaluate(PUBLISH, {"type": "browser.t"})
        for _ in range(3):
            wait_for(page, "seen", count(page, "seen") + 100)
            daemon.kill()
            daemon.start()
            wait_for(page, "acknowledged", count(page, "acknowledged") + 20)

        check_nothing_is_missing(page, daemon, "browser.>")


def test_a_page_comes_back_to_a_daemon_that_was_restarted(page: Page, directory: Path) -> None:
    with at_one_port(directory, DEDUPE) as daemon:
        connect(page, daemon.port("http"))
        subscribe(page, "browser.>", **{"from": "earliest"})
        page.evaluate(PUBLISH, {"type": "browser.t"})
        wait_for(page, "seen", 100)
        assert daemon.stop() == 0
        daemon.start()
        wait_for(page, "acknowledged", count(page, "acknowledged") + 20)

        check_nothing_is_missing(page, daemon, "browser.>")


def test_events_that_cannot_be_had_any_more_are_a_gap(page: Page, directory: Path) -> None:
    with at_one_port(directory) as daemon:
        connect(page, daemon.port("http"))
        subscribe(page, "browser.>", **{"from": "earliest"})
        result_of(page, "() => client.publish([{ type: 'browser.t' }, { type: 'browser.t' }])")
        wait_for(page, "seen", 2)
        epoch = page.evaluate("subscription.epoch")
        daemon.kill()
        shutil.rmtree(directory / "state")
        daemon.start()
        result_of(page, "() => client.publish({ type: 'browser.new' })")
        first, second, gap, new = wait_for(page, "seen", 4)

        assert (first["eventdoffset"], second["eventdoffset"]) == (0, 1)
        assert (gap["name"], gap["start"], new["type"]) == ("Gap", None, "browser.new")
        assert page.evaluate("subscription.epoch") == gap["epoch"] != epoch


def test_what_a_durable_subscription_has_not_settled_comes_again(page: Page, directory: Path) -> None:
    with DaemonProcess(directory) as daemon:
        port = daemon.port("http")
        connect(page, port)
        durable = {"from": "earliest", "name": "billing", "credit": 4}
        subscribe(page, "browser.>", **durable)
        result_of(page, "() => client.publish(Array.from({ length: 10 }, () => ({ type: 'browser.t' })))")
        held = [each["eventdoffset"] for each in wait_for(page, "seen", 4)]
        assert held == [0, 1, 2, 3]

        page.evaluate("subscription.settle(seen.slice(0, 2))")
        held = [each["eventdoffset"] for each in wait_for(page, "seen", 6)]
        assert held == [0, 1, 2, 3, 4, 5]
        until(lambda: daemon.consumer("subscription:billing")["settled"] == 2, what="the place to be written")

        # The page goes away with four that it did not settle.
        connect(page, port)
        subscribe(page, "browser.>", **durable)
        held = [each["eventdoffset"] for each in wait_for(page, "seen", 4)]
        assert held == [2, 3, 4, 5]
        page.evaluate("subscription.settle(seen, 'reject')")
        held = [each["eventdoffset"] for each in wait_for(page, "seen", 8)]
        assert held == [2, 3, 4, 5, 6, 7, 8, 9]
        page.evaluate("subscription.settle(seen.slice(4))")
        until(lambda: daemon.consumer("subscription:billing")["pending"] == 0, what="all to be settled")
        books = daemon.consumer("subscription:billing")
        assert (books["settled"], books["dead"]) == (6, 4)


def test_a_browser_that_is_online_again_comes_back_at_once(
    page: Page, directory: Path, wire_to: Callable[[int], Wire]
) -> None:
    with DaemonProcess(directory) as daemon:
        wire = wire_to(daemon.port("http"))
        connect(page, wire.port, backoff={"first": 600_000, "most": 600_000})
        wait_for(page, "states", 1)
        wire.cut()
        wait_for(page, "states", 2)
        page.context.set_offline(True)
        page.context.set_offline(False)

        assert wait_for(page, "states", 3) == ["connected", "disconnected", "connected"]


def test_a_page_over_plain_http_is_served_too(page: Page, directory: Path) -> None:
    with DaemonProcess(directory) as daemon:
        connect(page, daemon.port("http"), "hub.test")
        assert page.evaluate("[isSecureContext, typeof crypto.randomUUID]") == [False, "undefined"]

        result_of(page, "() => client.publish([{ type: 'browser.t' }, { type: 'browser.t' }])")
        assert len({each["id"] for each in daemon.events()}) == 2


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """The port of a site that has nothing to do with the daemon."""

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("named", [True, False])
def test_a_page_of_another_origin_has_to_be_named(page: Page, directory: Path, elsewhere: int, named: bool) -> None:
    origin = f"http://127.0.0.1:{elsewhere}"
    origins = f"[listener:http]\norigins = {origin}\n" if named else ""
    with DaemonProcess(directory, origins) as daemon:
        hub = f"127.0.0.1:{daemon.port('http')}"
        page.goto(origin)
        from_there = CONNECT.replace("/eventd.js", f"http://{hub}/eventd.js")
        result_of(page, from_there, {"url": f"ws://{hub}", "options": {}})
        assert wait_for(page, "states", 1) == ["connected" if named else "disconnected"]

        if named:
            result_of(page, "() => client.publish({ type: 'browser.t' })")
            assert [each["source"] for each in daemon.events()] == [f"{origin}/"]


def test_a_page_over_its_rate_waits_and_loses_nothing(page: Page, directory: Path) -> None:
    with DaemonProcess(directory, "[limits]\nconnection_events = 50\n") as daemon:
        connect(page, daemon.port("http"))
        result_of(page, """() => Promise.all(Array.from({ length: 120 }, (_, number) =>
            client.publish({ type: "browser.t", data: number })))""")

        assert [each["data"] for each in daemon.events("browser.>")] == list(range(120))
        events = daemon.status()["events"]
        assert events["rejected"]["rate_limited"] == events["received"] - 120 > 0
        assert page.evaluate("states") == ["connected"]


def test_a_page_that_was_turned_away_comes_back_when_there_is_room(page: Page, directory: Path) -> None:
    with DaemonProcess(directory, "[limits]\nconnections = 8\n") as daemon, contextlib.ExitStack() as crowd:
        connect(page, daemon.port("http"))
        result_of(page, "() => client.publish({ type: 'browser.t' })")
        page.evaluate("client.close()")

        def turned_away() -> int:
            count: int = sum(daemon.status()["events"]["faults"].values())
            return count

        def fill() -> int:
            crowd.enter_context(socket.create_connection(("127.0.0.1", daemon.port("http"))))
            return turned_away()

        full = until(fill, what="the daemon to be full")
        page.evaluate("window.client = new module.Client(undefined, { backoff: { first: 20, most: 500 } })")
        page.evaluate("() => { window.later = client.publish({ type: 'browser.later' }); }")
        until(lambda: turned_away() > full, timeout=30, what="the page to be turned away")
        crowd.close()
        result_of(page, "() => later")
        assert len(daemon.events("browser.later")) == 1

"""The handler: which events, which file, when to begin a new one."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import msgspec

from eventd import Batch, Duration, Event, Handler, Logger, Size, StateDirectory
from eventd.formats.json_events import write
from eventd.routing import Patterns

from .archive import Archive
from .linefile import LineFile

__all__ = ["JsonLines"]


class JsonLines(Handler):
    """Appends each event as one line of CloudEvents JSON; a batch is on the disk before it counts as handled.

    A batch that cannot be written (the disk is full, say) raises, so that eventd tries
    it again: events wait in the journal. After a crash, the last batch may be there twice.
    """

    types = (">",)
    #: It blocks in fsync, and in gzip when a file is finished.
    run = "thread"

    class Config(msgspec.Struct):
        """The keys of ``[handler:jsonl]``."""

        #: Patterns of the event types to write.
        types: tuple[str, ...] = (">",)
        #: Where the files are; empty is the handler's own directory below ``state_dir``.
        directory: str = ""
        #: The file's name, without ``.jsonl``.
        name: str = "events"
        #: Begin a new file before this one would be larger; 0 is no limit.
        rotate_size: Size = 64 * 1024 * 1024
        #: Begin a new file in each such span of time, counted from 1970 in UTC (1d: at midnight); 0 is never.
        rotate_age: Duration = 86400.0
        #: How many finished files to keep; 0 is all.
        keep: int = 30
        #: Compress finished files by gzip.
        compress: bool = True
        #: Wait for the disk; with no, a power failure may cost the last events.
        fsync: bool = True

        def __post_init__(self) -> None:
            if not self.name or "/" in self.name or self.name.startswith("."):
                raise ValueError(f"name is {self.name!r}: a file's name without .jsonl, such as events")
            if min(self.rotate_size, self.rotate_age, self.keep) < 0:
                raise ValueError("rotate_size, rotate_age and keep cannot be negative")
            Patterns(self.types)

    def __init__(self, config: Config, log: Logger, own: StateDirectory) -> None:
        self._config = config
        self._log = log
        self._directory = Path(config.directory) if config.directory else own
        self._wanted = Patterns(config.types)
        self._file = LineFile(self._directory / f"{config.name}.jsonl", log, fsync=config.fsync)
        self._archive = Archive(self._directory, config.name, log, keep=config.keep, compress=config.compress)
        self._lock = -1

    def start(self) -> None:
        """Open the file, mend what a crash left, and see that nobody else writes to it.

        :raises OSError: when the directory or the file cannot be used.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        self._archive.tidy()
        self._file.open()

    def handle(self, batch: Batch) -> None:
        """Append the batch; events that cannot be written as JSON fail alone.

        :raises OSError: when nothing of it was written.
        """
        lines = b"".join([self._line(batch, index, event) for index, event in enumerate(batch.events)])
        if not lines:
            return
        self._file.open()
        if self._is_due(len(lines)):
            self._rotate()
        self._file.append(lines)

    def stop(self) -> None:
        """Close the file and let others have it."""
        self._file.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _line(self, batch: Batch, index: int, event: Event) -> bytes:
        if not self._wanted.matches(event.type):
            return b""
        try:
            return write(event) + b"\n"
        except (TypeError, ValueError, RecursionError) as error:
            batch.fail(index, error)
            return b""

    def _is_due(self, more: int) -> bool:
        """Whether a new file is to begin before ``more`` bytes are added."""
        if not self._file.size:
            return False
        if self._config.rotate_size and self._file.size + more > self._config.rotate_size:
            return True
        span = self._config.rotate_age
        return bool(span) and time.time() // span > self._file.modified() // span

    def _rotate(self) -> None:
        try:
            self._archive.take(self._file.path)
        except OSError as error:
            self._log.warning("%s goes on, since it cannot be renamed: %s", self._file.path, error.strerror)
            return
        self._archive.tidy()

    def _take_lock(self) -> None:
        path = self._directory / f"{self._config.name}.lock"
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = -1
            raise BlockingIOError(f"another process writes to {self._file.path}") from None

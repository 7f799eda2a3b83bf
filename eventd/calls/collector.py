"""What handlers, event types and webhooks emit with: gathered until the call is over.

What sources emit with is in ``eventd.dispatch.emitter``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from eventd.errors import PluginError
from eventd.event import UNSET, AttributeValue, Draft, Event
from eventd.formats.blocks import draft_of
from eventd.formats.payloads import Fill

__all__ = ["Collector", "Schemas", "Writer", "source_of"]

Schemas = Mapping[str, type]

#: Bytes that one call may emit: a loop that emits for ever must not fill the memory.
MOST_EMITTED = 64 << 20
#: What a draft costs in memory beside its body.
DRAFT_BYTES = 512


def source_of(node: str, full_name: str) -> str:
    """The ``source`` of what a plugin emits, where it does not say: ``eventd://node/handler/archive``."""
    return f"eventd://{quote(node)}/{quote(full_name.replace(':', '/', 1))}"


class Writer:
    """Base of what plugins emit with: turns what a plugin emits into drafts, checked where the plugin calls."""

    def __init__(self, source: str, schemas: Schemas) -> None:
        self._fill = Fill(source)
        self._schemas = schemas
        self._lock = threading.Lock()

    def __call__(
        self, type: str, data: Any = UNSET, *, subject: str | None = None, **attributes: AttributeValue
    ) -> None:
        if subject is not None:
            attributes["subject"] = subject
        self.emit(Event(type, data, **attributes))

    def emit(self, *events: Event) -> None:
        """Emit events that are built already."""
        if events:
            # A plugin may emit from threads of its own; ids are counted one by one.
            with self._lock:
                draft = draft_of(events, self._schemas, "", fill=self._fill)
            self._put(draft)

    def _put(self, draft: Draft) -> None:
        raise NotImplementedError


class Collector(Writer):
    """Keeps what is emitted during a call, for the one who called."""

    def __init__(self, source: str, schemas: Schemas) -> None:
        super().__init__(source, schemas)
        self._drafts: list[Draft] = []
        self._size = 0
        self._open = False

    def open(self) -> None:
        """Begin to gather, with nothing."""
        self._drafts, self._size = [], 0
        self._open = True

    def close(self) -> list[Draft]:
        """Stop gathering; what was gathered."""
        self._open = False
        drafts, self._drafts = self._drafts, []
        return drafts

    def mark(self) -> int:
        """A place to rewind to."""
        return len(self._drafts)

    def rewind(self, mark: int = 0) -> None:
        """Forget what was emitted since ``mark``."""
        self._size -= sum([len(draft.body) + DRAFT_BYTES for draft in self._drafts[mark:]])
        del self._drafts[mark:]

    def _put(self, draft: Draft) -> None:
        if not self._open:
            raise RuntimeError("emit was called outside of the call that it was given for")
        size = self._size + len(draft.body) + DRAFT_BYTES
        if size > MOST_EMITTED:
            raise PluginError(f"more than {MOST_EMITTED >> 20} MiB were emitted in one call")
        self._size = size
        self._drafts.append(draft)

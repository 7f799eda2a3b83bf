"""Events for tests: a plain one to change, and strategies for any that is valid.

Nothing here is imported by eventd.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from eventd import event as events

__all__ = ["attributes", "extension_names", "json_data", "plain", "raw", "text"]


def plain(**changed: Any) -> dict[str, Any]:
    """The members of a valid event; UNSET as a value leaves one away."""
    members: dict[str, Any] = {
        "specversion": "1.0",
        "id": "a1",
        "source": "/sensors/1",
        "type": "com.example.reading",
        "time": "2026-01-31T12:00:00.5Z",
        "datacontenttype": "application/json",
        "data": {"celsius": 21.5, "sensor": "s1"},
    }
    members.update(changed)
    return {name: value for name, value in members.items() if value is not events.UNSET}


def raw(**changed: Any) -> bytes:
    """The same as JSON."""
    return msgspec.json.encode(plain(**changed))


def text(**sizes: int) -> st.SearchStrategy[str]:
    """Strings that an attribute may be."""
    return st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), **sizes)


extension_names = st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True).filter(
    lambda name: (
        name not in {"data", "id", "source", "type", "time", "subject", "specversion", "dataschema", "datacontenttype"}
    )
)

_unicode: st.SearchStrategy[str] = st.text(st.characters(exclude_categories=["Cs"]))

#: Any JSON value that comes back the same.
json_data = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _unicode,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_unicode, inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def attributes(draw: st.DrawFn) -> dict[str, Any]:
    """The attributes of any valid event, without specversion."""
    found: dict[str, Any] = {
        "id": draw(text(min_size=1)),
        "source": draw(st.sampled_from(["/a", "https://example.com/a?b#c", "urn:x:y", "#f", "../up", "%20"])),
        "type": draw(text(min_size=1)),
    }
    if draw(st.booleans()):
        found["time"] = draw(st.datetimes()).isoformat() + draw(st.sampled_from(["Z", "+01:30", "-23:59"]))
    if draw(st.booleans()):
        found["subject"] = draw(text(min_size=1))
    extension = text() | st.integers(-(2**31), 2**31 - 1) | st.booleans()
    return draw(st.dictionaries(extension_names, extension, max_size=3)) | found

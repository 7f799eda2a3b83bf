"""Breaks off foreign code in a native thread that is not the hub's.

The interpreter raises there, between two instructions, what it is handed for a thread. A
function of C is not interrupted by it: what hangs in one goes on, and what spins in one,
too. On the hub it is the alarm that breaks off.
"""

from __future__ import annotations

import ctypes
import sys
from types import FrameType

from eventd.green.guard import BrokenOff
from eventd.green.stacks import breakable

__all__ = ["break_off"]

#: Looks at a thread that runs on meanwhile.
TRIES = 10

# Not the attribute, which is everybody's: it would have these types for all of them.
_raise_in = ctypes.pythonapi["PyThreadState_SetAsyncExc"]
_raise_in.argtypes = (ctypes.c_ulong, ctypes.py_object)


def break_off(ident: int) -> bool:
    """Raise ``BrokenOff`` in the native thread of this number; false where it is in no foreign code."""
    for _ in range(TRIES):
        place = _place_of(ident)
        if not breakable(place[0]):
            return False
        # It may have run on while it was looked at, and have a lock by now that it would never give back.
        if _place_of(ident) == place:
            _raise_in(ident, BrokenOff)
            return True
    return False


def _place_of(ident: int) -> tuple[FrameType | None, int]:
    """The frame and the instruction at which the thread is."""
    frame = sys._current_frames().get(ident)
    return frame, -1 if frame is None else frame.f_lasti

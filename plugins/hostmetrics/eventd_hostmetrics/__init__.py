"""This machine's own readings as events: CPU, memory, disk and network, each second."""

from __future__ import annotations

from .source import HostMetrics
from .types import EVENT_TYPES, Cpu, Disk, Memory, Network

__all__ = ["EVENT_TYPES", "Cpu", "Disk", "HostMetrics", "Memory", "Network"]

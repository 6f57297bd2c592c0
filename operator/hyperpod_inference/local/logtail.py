"""The end of a log file, for messages about a component that ended."""

from collections import deque
from pathlib import Path

_LINES = 8
_WIDTH = 500


def last_lines(log: Path) -> tuple[str, ...]:
    """The last lines of a log, long ones cut; empty when there is no such file."""
    try:
        with log.open(errors="replace") as lines:
            return tuple(line.rstrip("\n")[:_WIDTH] for line in deque(lines, _LINES))
    except OSError:
        return ()


def quoted(lines: tuple[str, ...], log: Path) -> str:
    """Lines of a log, indented, and where the rest is."""
    return "\n".join((*(f"  {line}" for line in lines), f"The whole log: {log}"))

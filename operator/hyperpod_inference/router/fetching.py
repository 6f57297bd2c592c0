"""Downloads the files of a gated model by presigned URLs: several at a time, each whole or not at all.

What an earlier try left whole is not fetched again. A URL that expired on the way is asked for anew.
"""

import logging
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

AT_ONCE = 8
TRIES = 5
SECONDS = 60.0
"""Of silence after which a download is tried again."""
CHUNK = 4 * 1024 * 1024
_FORBIDDEN = 403

Ask = Callable[[], Iterable[tuple[str, str]]]
"""Path and URL of each file; blocks."""


class Incomplete(Exception):  # noqa: N818 - an outcome
    """Files could not be fetched; the text says which and why."""


class _Expired(Exception):  # noqa: N818 - an outcome
    pass


@dataclass(frozen=True)
class Fetcher:
    """Into one folder. wait: between two tries of a file, for so many seconds."""

    ask: Ask
    folder: Path
    wait: Callable[[float], None] = time.sleep

    def run(self) -> int:
        """Fetch everything; returns the bytes that came. Raises Incomplete, and what `ask` raises."""
        came = 0
        for _ in range(TRIES):
            files = {path: (self.target(path), url) for path, url in self.ask()}
            if not files:
                raise Incomplete("the hub names no file of the model")
            logger.info("%d files", len(files))
            with ThreadPoolExecutor(AT_ONCE) as pool:
                done = list(pool.map(self._tried, *zip(*files.values(), strict=True)))
            came += sum(bytes_ for bytes_ in done if bytes_ is not None)
            if None not in done:
                return came
            logger.info("URLs have expired: new ones are asked for")
        raise Incomplete("the URLs expire before the files have come")

    def target(self, path: str) -> Path:
        """Where a file goes. Raises Incomplete for a path that leads out of the folder."""
        target = (self.folder / path.lstrip("/")).resolve()
        if not path.strip("/") or not target.is_relative_to(self.folder.resolve()):
            raise Incomplete(f"the hub names a file {path!r}, which is not below the model's folder")
        return target

    def _tried(self, target: Path, url: str) -> int | None:
        """The bytes that came; None when the URL has expired."""
        for left in reversed(range(TRIES)):
            try:
                return _fetched(target, url)
            except _Expired:
                return None
            except OSError as error:
                if not left or (isinstance(error, urllib.error.HTTPError) and error.code < 500):
                    raise Incomplete(f"{target.name}: {error}") from error
                logger.warning("%s: %s: tried again", target.name, error)
                self.wait(2.0 ** (TRIES - 1 - left))
        return None


def _fetched(target: Path, url: str) -> int:
    if not url.startswith(("https://", "http://")):
        raise Incomplete(f"{target.name}: the hub names a URL of another kind")
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - checked above
            size = int(answer.headers.get("Content-Length") or -1)
            if target.is_file() and target.stat().st_size == size:
                return 0
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(f"{target.name}.partial")
            with partial.open("wb") as file:
                shutil.copyfileobj(answer, file, CHUNK)
            came = partial.stat().st_size
            if size >= 0 and came != size:
                raise OSError(f"{came} of {size} bytes came")
            partial.replace(target)
    except urllib.error.HTTPError as error:
        if error.code == _FORBIDDEN:
            raise _Expired from error
        raise
    logger.info("%s: %d bytes", target.name, came)
    return came

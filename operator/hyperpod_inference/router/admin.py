"""The port for probes and scrapes: `/healthz`, `/readyz`, `/metrics`; never the traffic's port."""

from collections.abc import Callable

from hyperpod_inference.router import heads
from hyperpod_inference.router.exposition import Collector
from hyperpod_inference.router.proxy import Proxy
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.server import ClientConnection

_METRICS_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Admin:
    """Answers at once, from memory."""

    def __init__(self, proxy: Proxy, collector: Collector) -> None:
        self.draining = False
        self._proxy = proxy
        self._pages: dict[str, Callable[[], tuple[int, bytes, bytes]]] = {
            "/healthz": lambda: (200, b"text/plain", b"ok\n"),
            "/readyz": self._ready,
            "/metrics": lambda: (200, _METRICS_TYPE, collector.text()),
        }

    def handle(self, request: Request, client: ClientConnection) -> None:
        """One of the pages, or 404."""
        page = self._pages.get(request.path)
        if page is None or request.method not in (b"GET", b"HEAD"):
            status, kind, body = 404, b"text/plain", f"GET {', '.join(self._pages)}\n".encode()
        else:
            status, kind, body = page()
        keep = request.keep_alive and not request.old
        head_only = request.method == b"HEAD"
        client.write(heads.own_answer(status, body, content_type=kind, close=not keep, head_only=head_only))
        client.finish(keep=keep)

    def refused(self, status: int) -> None:
        """Not counted."""

    def _ready(self) -> tuple[int, bytes, bytes]:
        """Ready once replicas are known, until draining; replicas may be none at times."""
        if self._proxy.draining:
            return 503, b"text/plain", b"draining\n"
        if not self._proxy.replicas.synced:
            return 503, b"text/plain", b"the replicas are not known yet\n"
        return 200, b"text/plain", f"ok, {len(self._proxy.replicas.everyone)} replicas\n".encode()

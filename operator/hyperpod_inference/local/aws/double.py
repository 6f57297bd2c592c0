"""The double as a server on 127.0.0.1: started, addressed and stopped here.

moto keeps its state in the process, so a process runs one double at a time.
"""

import threading
from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self

from moto.moto_api._internal import mock_random
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from hyperpod_inference.local.aws import ACCOUNT, REGION, managed_policies, simulate
from hyperpod_inference.local.aws.acm import keep_tags
from hyperpod_inference.local.aws.app import App
from hyperpod_inference.local.aws.cbor import speaking_cbor
from hyperpod_inference.local.aws.cloudformation.install import install
from hyperpod_inference.local.aws.elb import at_work
from hyperpod_inference.local.aws.environment import environment
from hyperpod_inference.local.aws.faults import Faults
from hyperpod_inference.local.aws.route53 import zone_ids
from hyperpod_inference.local.aws.sagemaker.endpoints import lift_limits
from hyperpod_inference.local.aws.sagemaker.hub_catalogue import CATALOGUE
from hyperpod_inference.local.aws.world import WORLDS, Clock, Settings, World, utc_now

LOOPBACK = "127.0.0.1"


class AwsDouble:
    """AWS on loopback, as a context manager.

    Args:
        port: 0: a free one.
        host: an address of this machine; clients elsewhere reach the double by it.
        region: that `environment` names; calls to other regions are answered too.
        clock: what time it is for states that change.
        transition: how long CREATING, UPDATING and DELETING last.
        enforcing: whether callers that took a role may do only what its policies say.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = LOOPBACK,
        region: str = REGION,
        clock: Clock = utc_now,
        transition: timedelta = timedelta(0),
        enforcing: bool = False,
    ) -> None:
        install()
        managed_policies.install()
        lift_limits()
        keep_tags()
        zone_ids()
        at_work()
        self._settings = Settings(clock, transition, CATALOGUE, lambda: self.url)
        self.region, self._host = region, host
        self.faults = Faults(lambda: self.world.clock())
        simulate.install(self.faults)
        self.reset()
        moto = DomainDispatcherApplication(create_backend_app)
        self.app = App(moto, ACCOUNT, WORLDS, self.faults)
        self.app.enforcing = enforcing
        served = speaking_cbor(self.app)
        self._server = make_server(host, port, served, threaded=True, request_handler=_Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="aws-double", daemon=True)

    def reset(self) -> None:
        """An empty account again."""
        moto_api_backend.reset()
        mock_random.seed(0)
        WORLDS.reset(self._settings)
        self.faults.clear()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)

    @property
    def url(self) -> str:
        """Where clients find it. By name, for moto knows its own template URLs by `localhost`."""
        name = "localhost" if self._host == LOOPBACK else self._host
        return f"http://{name}:{self.port}"

    @property
    def world(self) -> World:
        """What the extension remembers of the region."""
        return WORLDS.of(ACCOUNT, self.region)

    def environment(self) -> Mapping[str, str]:
        """The variables with which boto3, the CDK and `aws` talk to it, and to nothing else."""
        return environment(self.url, self.region)

    def serve(self) -> None:
        """Serve in this thread until `stop`."""
        self._server.serve_forever()

    def stop(self) -> None:
        """Answer nothing more."""
        self._server.shutdown()
        if self._thread.is_alive():
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()


class _Handler(MotoRequestHandler):
    """moto's request handler, without a line on stderr for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""

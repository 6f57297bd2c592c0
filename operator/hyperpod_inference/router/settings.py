"""What a router is told: one frozen value, built by `main` from options and handed to every other module.

Times are seconds, sizes bytes; 0 switches a limit off only where its docstring says so.
"""

from dataclasses import dataclass, field

STRATEGIES = ("prefixaware", "kvaware", "session", "roundrobin")


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """How much a peer may send before its message has a body, and how long it may take."""

    head_bytes: int = 64 * 1024
    """Request line and headers together; more is answered 431."""
    target_bytes: int = 8 * 1024
    """The request target; more is answered 414."""
    headers: int = 100
    """Header fields; more is answered 431."""
    head_seconds: float = 10.0
    """From the first byte of a request to the end of its headers; then 408."""
    body_seconds: float = 60.0
    """From the end of the headers to the end of the body; then 408."""
    idle_seconds: float = 75.0
    """Between two requests on one connection; longer than the idle time of a load balancer (60)."""
    pipelined: int = 16
    """Requests read ahead on one connection before reading from it stops."""


@dataclass(frozen=True, slots=True)
class Admission:
    """How much work is taken at once (the resource's `requestLimits`)."""

    max_concurrent: int = 0
    """Requests in work at once; 0 = no limit."""
    max_queue: int = 0
    """Requests that may wait for a place; 0 = none."""
    overflow_status: int = 429
    """Status of a refused request."""
    wait_seconds: float = 60.0
    """The longest a request waits in the queue before it is refused."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """When a replica is left out of the choice, and for how long."""

    failures: int = 5
    """Failures in a row that open the breaker."""
    open_seconds: float = 1.0
    """The first time out; doubles with each failed trial."""
    open_cap_seconds: float = 30.0
    """The longest time out."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """The prefix index of `prefixaware`."""

    block_bytes: int = 256
    """Bytes of the prompt that make one block."""
    blocks_per_replica: int = 32_768
    """Blocks remembered for each replica: about 2 million tokens."""
    blocks_in_all: int = 1_048_576
    """Blocks remembered for all replicas; shared out evenly when there are many."""
    bytes_per_token: float = 4.0
    """To turn a replica's cache size from tokens into blocks."""
    pending_weight: float = 1.0
    """How much a block that waits for its prefill on a replica counts against a block to compute."""


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """One router process."""

    strategy: str = "prefixaware"
    """One of `STRATEGIES`."""
    session_key: str = "x-session-id"
    """Header, or field of the JSON body, that names the session; SESSION_KEY in its environment."""
    kv_events_port: int = 0
    """Port of the replicas' KV event streams, for `kvaware`; 0 = none."""
    kv_replay_port: int = 0
    """Port where missed events can be asked for; 0 = the next one."""
    replica_metrics_seconds: float = 0.0
    """Between two looks at a replica's own `/metrics`; 0 = never."""
    max_body_bytes: int = 32 * 1024 * 1024
    """A larger request body is answered 413."""
    request_seconds: float = 600.0
    """From the whole request to the whole answer; then 504, or the connection is cut; 0 = no limit."""
    routing_threshold: int | None = None
    """Prompts of so many estimated tokens and more are prefilled on other servers; None: there are none."""
    prefill_seconds: float = 120.0
    """The longest a prefill server may take, at most half of `request_seconds`."""
    connect_seconds: float = 2.0
    """To open a connection to a replica."""
    retries: int = 2
    """Further replicas tried while nothing was sent back."""
    retry_statuses: frozenset[int] = frozenset({502, 503})
    """Answers of a replica after which another one is tried."""
    idle_upstreams: int = 256
    """Unused connections kept for each replica."""
    upstream_idle_seconds: float = 55.0
    """Unused connections are closed after that; shorter than a model server's own (uvicorn's is 5 by default,
    a closed one costs a silent retry)."""
    drain_delay: float = 5.0
    """Between the signal to stop and closing the door, so that load balancers stop sending first."""
    drain_seconds: float = 300.0
    """For requests in work to end after that."""
    head: HeadLimits = field(default_factory=HeadLimits)
    admission: Admission = field(default_factory=Admission)
    breaker: Breaker = field(default_factory=Breaker)
    prefix: Prefix = field(default_factory=Prefix)

    def __post_init__(self) -> None:
        """Raises ValueError for a strategy that does not exist."""
        if self.strategy not in STRATEGIES:
            raise ValueError(f"strategy: got {self.strategy!r}, expected one of {', '.join(STRATEGIES)}")

"""The annotations of an Ingress as the AWS Load Balancer Controller reads them, in its own words.

Pure. What has no effect here is kept as remarks.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from hyperpod_inference.api.names import ALB_PREFIX
from hyperpod_inference.local.alb.remarks import remarks

SCHEMES: Final = ("internal", "internet-facing")
PROTOCOLS: Final = ("HTTP", "HTTPS")
ALGORITHMS: Final = ("round_robin", "least_outstanding_requests", "weighted_random")
TRAFFIC_PORT: Final = "traffic-port"
IDLE: Final = "idle_timeout.timeout_seconds"
IDLE_SECONDS: Final = 60


class BuildError(ValueError):
    """No load balancer can be made of the Ingress; the text is the controller's."""


@dataclass(frozen=True, slots=True)
class Health:
    """How targets are checked. Times in seconds; `port` None: where the traffic goes."""

    path: str = "/"
    port: int | None = None
    protocol: str = "HTTP"
    interval: int = 15
    timeout: int = 5
    healthy: int = 2
    unhealthy: int = 2
    codes: str = "200"

    def accepts(self, status: int) -> bool:
        """Whether a status is one of `codes`, such as `200`, `200,302` or `200-299`."""
        ranges = (part.partition("-") for part in self.codes.split(","))
        return any(int(low) <= status <= int(high or low) for low, _, high in ranges)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the annotations ask for."""

    scheme: str = "internal"
    listeners: tuple[tuple[int, str], ...] = ((80, "HTTP"),)
    certificates: tuple[str, ...] = ()
    ssl_policy: str = ""
    backend_protocol: str = "HTTP"
    health: Health = field(default_factory=Health)
    attributes: Mapping[str, str] = field(default_factory=dict)
    target_attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def idle_seconds(self) -> int:
        """Without a byte on a connection, until it is closed."""
        return int(self.attributes.get(IDLE, IDLE_SECONDS))

    @property
    def algorithm(self) -> str:
        """How a target is chosen."""
        return self.target_attributes.get("load_balancing.algorithm.type", ALGORITHMS[0])

    @property
    def access_logs(self) -> tuple[str, str] | None:
        """Bucket and prefix of the access logs; None: there are none."""
        if self.attributes.get("access_logs.s3.enabled") != "true":
            return None
        return self.attributes.get("access_logs.s3.bucket", ""), self.attributes.get(
            "access_logs.s3.prefix", ""
        )


def read(annotations: Mapping[str, str]) -> Settings:
    """The settings; annotations of others are left alone. Raises BuildError."""
    own = {
        name.removeprefix(f"{ALB_PREFIX}/"): value
        for name, value in annotations.items()
        if name.startswith(f"{ALB_PREFIX}/")
    }
    certificates = tuple(_split(own.get("certificate-arn", "")))
    protocol = _one_of(
        own, "backend-protocol", PROTOCOLS, "backend protocol must be within [HTTP, HTTPS]: {}"
    )
    if own.get("target-type", "instance") not in ("ip", "instance"):
        raise BuildError(f"unknown targetType: {own['target-type']}")
    if own.get("target-type") != "ip":
        raise BuildError(
            "TargetGroup port is empty. When using Instance targets, your service must be of type 'NodePort'"
            " or 'LoadBalancer' (local nodes have no node ports: set target-type to ip)"
        )
    if (version := own.get("backend-protocol-version", "HTTP1")) != "HTTP1":
        raise BuildError(f"backend protocol version must be HTTP1 on the local cluster: {version}")
    settings = Settings(
        scheme=_one_of(own, "scheme", SCHEMES, "unknown scheme: {}"),
        listeners=_listeners(own, tls=bool(certificates)),
        certificates=certificates,
        ssl_policy=own.get("ssl-policy", ""),
        backend_protocol=protocol,
        health=_health(own, protocol),
        attributes=_pairs(own, "load-balancer-attributes"),
        target_attributes=_pairs(own, "target-group-attributes"),
        tags=_pairs(own, "tags"),
        remarks=remarks(own),
    )
    return _checked(settings)


def _one_of(own: Mapping[str, str], name: str, allowed: tuple[str, ...], words: str) -> str:
    value = own.get(name, allowed[0])
    if value not in allowed:
        raise BuildError(words.format(value))
    return value


def _listeners(own: Mapping[str, str], *, tls: bool) -> tuple[tuple[int, str], ...]:
    raw = own.get("listen-ports")
    if raw is None:
        return ((443, "HTTPS"),) if tls else ((80, "HTTP"),)
    try:
        entries = [(int(port), str(protocol)) for each in json.loads(raw) for protocol, port in each.items()]
    except (ValueError, TypeError, AttributeError) as error:
        raise BuildError(f"failed to parse listen-ports configuration: `{raw}`: {error}") from error
    if not entries:
        raise BuildError(f"empty listen-ports configuration: `{raw}`")
    for port, protocol in entries:
        if not 1 <= port <= 65535:
            raise BuildError(f"listen port must be within [1, 65535]: {port}")
        if protocol not in PROTOCOLS:
            raise BuildError(f"listen protocol must be within [HTTP, HTTPS]: {protocol}")
    return tuple(sorted(dict(entries).items()))


def _health(own: Mapping[str, str], backend: str) -> Health:
    protocol = own.get("healthcheck-protocol", backend)
    if protocol not in PROTOCOLS:
        raise BuildError("healthCheckProtocol must be within [HTTP, HTTPS]")
    port, codes = own.get("healthcheck-port", TRAFFIC_PORT), own.get("success-codes", "200")
    if port != TRAFFIC_PORT and not port.isdigit():
        raise BuildError(f"failed to resolve healthCheckPort: {port} (here: a number, or {TRAFFIC_PORT})")
    if not all(part.replace("-", "", 1).isdigit() for part in codes.split(",")):
        raise BuildError(f"success-codes: HttpCode must be like 200 | 200-399 | 200,201: {codes}")
    return Health(
        path=own.get("healthcheck-path", "/"),
        port=int(port) if port.isdigit() else None,
        protocol=protocol,
        interval=_number(own, "healthcheck-interval-seconds", 15),
        timeout=_number(own, "healthcheck-timeout-seconds", 5),
        healthy=_number(own, "healthy-threshold-count", 2),
        unhealthy=_number(own, "unhealthy-threshold-count", 2),
        codes=codes,
    )


def _number(own: Mapping[str, str], name: str, default: int) -> int:
    raw = own.get(name, str(default))
    if not raw.isdigit():
        raise BuildError(f"failed to parse int64 annotation, {ALB_PREFIX}/{name}: {raw}")
    return int(raw)


def _pairs(own: Mapping[str, str], name: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in _split(own.get(name, ""))]
    if any(not sign or not key.strip() for key, sign, _ in pairs):
        raise BuildError(f"failed to parse stringMap annotation, {ALB_PREFIX}/{name}: {own[name]}")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _checked(settings: Settings) -> Settings:
    """What single annotations do not show: those that contradict each other."""
    health, idle = settings.health, settings.attributes.get(IDLE, str(IDLE_SECONDS))
    if not idle.isdigit() or not 1 <= int(idle) <= 4000:
        raise BuildError(f"{IDLE} must be within [1, 4000]: {idle}")
    if health.timeout >= health.interval:
        raise BuildError(
            f"Health check interval must be greater than the timeout: {health.interval} and {health.timeout}"
        )
    if settings.algorithm not in ALGORITHMS:
        raise BuildError(
            f"load_balancing.algorithm.type must be one of {', '.join(ALGORITHMS)}: {settings.algorithm}"
        )
    secure = any(protocol == "HTTPS" for _, protocol in settings.listeners)
    if secure and not settings.certificates:
        raise BuildError("A certificate must be specified for HTTPS listeners: set certificate-arn")
    if settings.access_logs is not None and not settings.access_logs[0]:
        raise BuildError("access_logs.s3.enabled is true and access_logs.s3.bucket names no bucket")
    return settings

"""Access logs as an ALB writes them: a line for each request, in objects of a documented name. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime

# As documented; the quoted ones may hold spaces.
FIELDS = (
    "type", "time", "elb", "client:port", "target:port", "request_processing_time", "target_processing_time",
    "response_processing_time", "elb_status_code", "target_status_code", "received_bytes", "sent_bytes",
    "request", "user_agent", "ssl_cipher", "ssl_protocol", "target_group_arn", "trace_id", "domain_name",
    "chosen_cert_arn", "matched_rule_priority", "request_creation_time", "actions_executed", "redirect_url",
    "error_reason", "target:port_list", "target_status_code_list", "classification", "classification_reason",
    "conn_trace_id", "transformed_host", "transformed_uri", "request_transform_status",
)  # fmt: skip
_QUOTED = """
request user_agent trace_id domain_name chosen_cert_arn actions_executed redirect_url error_reason
target:port_list target_status_code_list classification classification_reason transformed_host
transformed_uri request_transform_status
"""
QUOTED = frozenset(_QUOTED.split())
NONE = "-"
NEVER = -1.0
"""A time that did not come about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request. Times in seconds, `NEVER` where there was no target; sizes in bytes; '' is told as `-`."""

    ended: datetime
    created: datetime
    balancer: str
    client: str
    secure: bool
    method: str
    url: str
    status: int
    received: int
    sent: int
    user_agent: str = ""
    cipher: str = ""
    protocol: str = ""
    server_name: str = ""
    certificate: str = ""
    trace: str = ""
    connection: str = ""
    priority: int = 0
    action: str = "forward"
    group: str = ""
    target: str = ""
    target_status: int = 0
    before_target: float = NEVER
    at_target: float = NEVER
    after_target: float = NEVER


def line(entry: Entry) -> str:
    """The line, without its end."""
    values = _values(entry)
    return " ".join(_quoted(values[name]) if name in QUOTED else values[name] for name in FIELDS)


def _values(entry: Entry) -> dict[str, str]:
    target, status = entry.target or NONE, str(entry.target_status or NONE)
    nothing = dict.fromkeys(FIELDS, NONE)
    return nothing | {
        "type": "https" if entry.secure else "http",
        "time": _time(entry.ended),
        "elb": entry.balancer,
        "client:port": entry.client,
        "target:port": target,
        "request_processing_time": _seconds(entry.before_target),
        "target_processing_time": _seconds(entry.at_target),
        "response_processing_time": _seconds(entry.after_target),
        "elb_status_code": str(entry.status),
        "target_status_code": status,
        "received_bytes": str(entry.received),
        "sent_bytes": str(entry.sent),
        "request": f"{entry.method} {entry.url} HTTP/1.1",
        "user_agent": entry.user_agent or NONE,
        "ssl_cipher": entry.cipher or NONE,
        "ssl_protocol": entry.protocol or NONE,
        "target_group_arn": entry.group or NONE,
        "trace_id": entry.trace or NONE,
        "domain_name": entry.server_name or NONE,
        "chosen_cert_arn": entry.certificate or NONE,
        "matched_rule_priority": str(entry.priority),
        "request_creation_time": _time(entry.created),
        "actions_executed": entry.action or NONE,
        "target:port_list": target,
        "target_status_code_list": status,
        "conn_trace_id": entry.connection or NONE,
    }


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _seconds(value: float) -> str:
    return "-1" if value < 0 else f"{value:.3f}"


def _quoted(value: str) -> str:
    r"""In quotes; what would end them or the line is written as \xNN, as ALBs do."""
    return '"' + re.sub(r'["\\\x00-\x1f\x7f]', lambda found: f"\\x{ord(found[0]):02x}", value) + '"'


@dataclass(frozen=True, slots=True)
class Place:
    """Where the logs of one load balancer go. load_balancer: its ARN."""

    bucket: str
    prefix: str
    load_balancer: str

    @property
    def root(self) -> str:
        """What all keys of the account begin with."""
        return "/".join(part for part in (self.prefix.strip("/"), "AWSLogs", self._parts[4]) if part)

    @property
    def _parts(self) -> list[str]:
        return self.load_balancer.split(":", 5)

    def test_key(self) -> str:
        """Of the object that ELB writes when logs are switched on."""
        return f"{self.root}/ELBAccessLogTestFile"

    def key(self, end: datetime, address: str, chance: str) -> str:
        """Of one file. address: of the node that wrote it; chance: 8 characters."""
        region, account = self._parts[3], self._parts[4]
        identity = self.load_balancer.rpartition("loadbalancer/")[2].replace("/", ".")
        day, node = f"{region}/{end:%Y/%m/%d}", f"{end:%Y%m%dT%H%MZ}_{address}_{chance}"
        name = f"{account}_elasticloadbalancing_{region}_{identity}_{node}.log.gz"
        return f"{self.root}/elasticloadbalancing/{day}/{name}"

"""Access logs: the fields that AWS documents, in its order, and the names of the objects."""

import gzip
import shlex
from datetime import UTC, datetime

from hyperpod_inference.local.alb.access_log import FIELDS, QUOTED, Entry, Place, line
from hyperpod_inference.local.alb.logs import AccessLogs

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
ARN = (
    "arn:aws:elasticloadbalancing:us-west-2:111122223333:loadbalancer/app/k8s-default-chat-1/50dc6c495c0c9188"
)
ENTRY = Entry(
    ended=MOMENT,
    created=MOMENT.replace(second=4),
    balancer="app/k8s-default-chat-1/50dc6c495c0c9188",
    client="10.0.0.9:4711",
    secure=True,
    method="POST",
    url="https://chat.example.com:443/v1/chat/completions?x=1",
    status=200,
    received=523,
    sent=1789,
    user_agent='curl/8.5.0 "quoted"',
    cipher="TLS_AES_256_GCM_SHA384",
    protocol="TLSv1.3",
    server_name="chat.example.com",
    certificate="arn:aws:acm:us-west-2:111122223333:certificate/0000",
    trace="Root=1-58337262-36d228ad5d99923122bbe354",
    connection="TID_1234abcd5678ef90",
    priority=1,
    group="arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/chat/73e2d6bc24d8a067",
    target="10.244.0.5:8080",
    target_status=200,
    before_target=0.0004,
    at_target=0.25,
    after_target=0.001,
)
# As AWS's "Access logs for your Application Load Balancer" has it.
DOCUMENTED = """
type time elb client:port target:port request_processing_time target_processing_time response_processing_time
elb_status_code target_status_code received_bytes sent_bytes "request" "user_agent" ssl_cipher ssl_protocol
target_group_arn "trace_id" "domain_name" "chosen_cert_arn" matched_rule_priority request_creation_time
"actions_executed" "redirect_url" "error_reason" "target:port_list" "target_status_code_list"
"classification" "classification_reason" conn_trace_id "transformed_host" "transformed_uri"
"request_transform_status"
"""


def fields(text: str) -> dict[str, str]:
    return dict(zip(FIELDS, shlex.split(text), strict=True))


def test_the_fields_are_those_that_are_documented_in_their_order() -> None:
    told = [f'"{field}"' if field in QUOTED else field for field in FIELDS]
    assert told == DOCUMENTED.split()


def test_a_line_holds_every_field() -> None:
    assert line(ENTRY) == (
        "https 2026-01-02T03:04:05.678901Z app/k8s-default-chat-1/50dc6c495c0c9188 10.0.0.9:4711"
        " 10.244.0.5:8080 0.000 0.250 0.001 200 200 523 1789"
        ' "POST https://chat.example.com:443/v1/chat/completions?x=1 HTTP/1.1"'
        r' "curl/8.5.0 \x22quoted\x22" TLS_AES_256_GCM_SHA384 TLSv1.3'
        " arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/chat/73e2d6bc24d8a067"
        ' "Root=1-58337262-36d228ad5d99923122bbe354" "chat.example.com"'
        ' "arn:aws:acm:us-west-2:111122223333:certificate/0000" 1 2026-01-02T03:04:04.678901Z'
        ' "forward" "-" "-"'
        ' "10.244.0.5:8080" "200" "-" "-" TID_1234abcd5678ef90 "-" "-" "-"'
    )


def test_what_did_not_come_about_is_a_dash_or_minus_one() -> None:
    refused = Entry(
        ended=MOMENT, created=MOMENT, balancer="app/x/1", client="10.0.0.9:1", secure=False, method="GET",
        url="http://x:80/", status=503, received=80, sent=200,
    )  # fmt: skip
    found = fields(line(refused))
    times = ("request_processing_time", "target_processing_time", "response_processing_time")
    assert [found[each] for each in times] == ["-1", "-1", "-1"]
    assert {found[each] for each in ("target:port", "target_status_code", "ssl_cipher", "user_agent")} == {
        "-"
    }
    assert found["type"] == "http"


def test_objects_are_named_as_documented() -> None:
    place = Place("captures", "data-capture/0123/alb", ARN)
    assert place.test_key() == "data-capture/0123/alb/AWSLogs/111122223333/ELBAccessLogTestFile"
    assert place.key(MOMENT, "10.244.0.9", "2d4e6f80") == (
        "data-capture/0123/alb/AWSLogs/111122223333/elasticloadbalancing/us-west-2/2026/01/02/"
        "111122223333_elasticloadbalancing_us-west-2_app.k8s-default-chat-1.50dc6c495c0c9188_20260102T0304Z_"
        "10.244.0.9_2d4e6f80.log.gz"
    )
    assert Place("captures", "", ARN).test_key().startswith("AWSLogs/")


async def test_lines_are_written_together_and_kept_while_s3_refuses_them() -> None:
    put: list[tuple[str, str, bytes]] = []
    refusing = True

    def s3(bucket: str, key: str, content: bytes) -> None:
        if refusing:
            raise OSError("Access Denied")
        put.append((bucket, key, content))

    logs = AccessLogs(
        Place("captures", "", ARN), s3, address="10.244.0.9", seconds=3600.0, now=lambda: MOMENT
    )
    logs.start()
    logs.add(ENTRY)
    await logs.flush()
    logs.add(ENTRY)
    refusing = False
    await logs.close()
    ((bucket, key, content),) = put
    assert bucket == "captures"
    assert key.endswith(".log.gz")
    assert gzip.decompress(content).decode().splitlines() == [line(ENTRY), line(ENTRY)]

"""CloudWatch as AWS's Go SDK asks it: Smithy's RPC v2 with CBOR, here written and read by botocore."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.faults import Fault
from hyperpod_inference.local.aws.wire import service_model

PROTOCOL = "smithy-rpc-v2-cbor"
NOW = datetime.now(UTC).replace(second=0, microsecond=0)


def ask(double: AwsDouble, operation: str, **params: Any) -> dict[str, Any]:
    model = service_model("cloudwatch").operation_model(operation)
    asked = create_serializer(PROTOCOL).serialize_to_request(params, model)
    request = AWSRequest(asked["method"], double.url + asked["url_path"], asked["headers"], asked["body"])
    SigV4Auth(Credentials("AKIAIOSFODNN7EXAMPLE", "example"), "monitoring", "us-west-2").add_auth(request)
    answer = URLLib3Session().send(request.prepare())
    whole = {"status_code": answer.status_code, "headers": answer.headers, "body": answer.content}
    assert whole["headers"]["smithy-protocol"] == "rpc-v2-cbor"
    parsed: dict[str, Any] = create_parser(PROTOCOL).parse(whole, model.output_shape)
    return parsed


def query(name: str) -> dict[str, Any]:
    metric = {"Namespace": "Example", "MetricName": name, "Dimensions": [{"Name": "Name", "Value": "chat"}]}
    return {"Id": "c1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": True}


def test_what_was_put_in_json_is_got_in_cbor_newest_first(
    double: AwsDouble, client: Callable[[str], Any]
) -> None:
    for ago, value in ((2, 1.5), (1, 4)):
        point = {
            "MetricName": "Asked",
            "Dimensions": [{"Name": "Name", "Value": "chat"}],
            "Timestamp": NOW - timedelta(minutes=ago),
            "Value": value,
        }
        client("cloudwatch").put_metric_data(Namespace="Example", MetricData=[point])
    span = {"StartTime": NOW - timedelta(minutes=5), "EndTime": NOW, "ScanBy": "TimestampDescending"}
    (found,) = ask(double, "GetMetricData", MetricDataQueries=[query("Asked")], **span)["MetricDataResults"]
    assert (found["Id"], found["Values"], found["StatusCode"]) == ("c1", [4.0, 1.5], "Complete")
    assert found["Timestamps"] == [NOW - timedelta(minutes=1), NOW - timedelta(minutes=2)]
    (none,) = ask(double, "GetMetricData", MetricDataQueries=[query("Other")], **span)["MetricDataResults"]
    assert none["Values"] == []


def test_an_error_says_its_code(double: AwsDouble) -> None:
    span = {"StartTime": NOW, "EndTime": NOW - timedelta(minutes=5)}
    error = ask(double, "GetMetricData", MetricDataQueries=[query("Asked")], **span)["Error"]
    assert error["Code"] == "ValidationError"
    assert "EndTime must be greater than StartTime" in error["Message"]


def test_a_fault_that_was_asked_for_strikes_it_too(double: AwsDouble) -> None:
    double.faults.add(Fault("cloudwatch:GetMetricData", "AccessDenied", "no", 403))
    span = {"StartTime": NOW - timedelta(minutes=5), "EndTime": NOW}
    error = ask(double, "GetMetricData", MetricDataQueries=[query("Asked")], **span)["Error"]
    assert error["Code"] == "AccessDenied"

"""The operator's settings: from its environment and back."""

import pytest

from hyperpod_inference.api.settings import OperatorSettings, SettingsError

ENVIRONMENT = {
    "AWS_REGION": "us-west-2",
    "EXECUTION_ROLE_ARN": "arn:aws:iam::111122223333:role/Inference",
    "JUMPSTART_GATED_MODEL_DOWNLOAD_ARN": "arn:aws:iam::111122223333:role/Gated",
    "EKS_CLUSTER_NAME": "demo",
    "HYPERPOD_CLUSTER_ARN": "arn:aws:sagemaker:us-west-2:111122223333:cluster/abc123",
    "TLS_CERTIFICATE_OUTPUT_S3URI": "s3://hyperpod-tls-demo/certificates",
    "ENABLE_CUSTOM_SERVICE_ACCOUNTS": "true",
    "OPERATOR_SERVICE_ACCOUNT_NAME": "operator",
    "OPERATOR_NAMESPACE": "inference",
    "ROUTER_IMAGE": "example.com/router:1",
    "METRICS_PORT": "8443",
    "HEALTH_PORT": "8081",
    "WEBHOOK_PORT": "9443",
    "ENABLE_WEBHOOKS": "true",
    "ENABLE_CLOUDWATCH_METRICS": "true",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel-collector.monitoring:4318",
    "SIDECAR_IMAGE": "mirror.example/sidecar:1",
    "METRICS_COLLECTOR_IMAGE": "mirror.example/collector:1",
    "SAGEMAKER_ENDPOINT_IMAGE": "111122223333.dkr.ecr.us-west-2.amazonaws.com/router:1",
    "SAGEMAKER_ENDPOINT_INSTANCE_TYPE": "ml.m5.large",
}


def test_what_is_written_is_what_is_read() -> None:
    assert OperatorSettings.from_env(ENVIRONMENT).to_env() == ENVIRONMENT


def test_nothing_set_gives_the_names_of_a_plain_installation() -> None:
    settings = OperatorSettings.from_env({"PATH": "/bin", "AWS_REGION": " "})
    assert settings == OperatorSettings()
    assert settings.namespace == "hyperpod-inference-system"
    assert settings.service_account_name == "hyperpod-inference-controller-manager"
    assert (settings.metrics_port, settings.health_port) == (8443, 8081)


def test_what_belongs_to_one_pod_is_read_but_never_written() -> None:
    settings = OperatorSettings.from_env({"POD_NAME": "operator-0", "POD_IP": "10.244.0.7"})
    assert (settings.pod_name, settings.pod_ip) == ("operator-0", "10.244.0.7")
    assert not {"POD_NAME", "POD_IP"} & set(settings.to_env())


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("AWS_REGION", "us west", "a region such as us-west-2"),
        ("EXECUTION_ROLE_ARN", "role/x", "a role such as arn:aws:iam::111122223333:role/NAME"),
        ("TLS_CERTIFICATE_OUTPUT_S3URI", "https://x", "a location such as s3://"),
        ("OPERATOR_NAMESPACE", "Team_A", "lower-case letters"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "an address such as http://otel-"),
        ("METRICS_PORT", "0", "greater than or equal to 1"),
        ("METRICS_PORT", "http", "valid integer"),
        ("ENABLE_CUSTOM_SERVICE_ACCOUNTS", "maybe", "valid boolean"),
    ],
)
def test_a_wrong_value_is_told_with_its_variable_and_what_is_allowed(
    name: str, value: str, expected: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        OperatorSettings.from_env({name: value})
    assert str(caught.value).startswith(f"environment variable {name}: got {value!r}, expected ")
    assert expected in str(caught.value)


def test_all_wrong_values_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        OperatorSettings.from_env({"AWS_REGION": "x", "HEALTH_PORT": "y"})
    assert "AWS_REGION" in str(caught.value)
    assert "HEALTH_PORT" in str(caught.value)

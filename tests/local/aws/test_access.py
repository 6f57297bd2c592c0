"""Access entries and pod identity associations of the double, and what a kubeconfig is made of."""

from typing import Any

import pytest

from hyperpod_inference.local.aws.double import AwsDouble

ADMIN = "arn:aws:iam::111122223333:role/team/Admin"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


def test_an_entry_of_a_role_with_a_path_is_made_described_changed_and_removed(eks: Any) -> None:
    made = eks.create_access_entry(clusterName="example", principalArn=ADMIN, kubernetesGroups=["admins"])
    assert made["accessEntry"]["type"] == "STANDARD"
    assert made["accessEntry"]["username"] == ADMIN
    eks.update_access_entry(clusterName="example", principalArn=ADMIN, kubernetesGroups=["viewers"])
    described = eks.describe_access_entry(clusterName="example", principalArn=ADMIN)["accessEntry"]
    assert described["kubernetesGroups"] == ["viewers"]
    eks.delete_access_entry(clusterName="example", principalArn=ADMIN)
    with pytest.raises(eks.exceptions.ResourceNotFoundException):
        eks.describe_access_entry(clusterName="example", principalArn=ADMIN)


def test_a_policy_is_associated_once_in_its_scope_and_can_be_taken_away(eks: Any) -> None:
    eks.create_access_entry(clusterName="example", principalArn=ADMIN)
    scope = {"type": "namespace", "namespaces": ["models"]}
    for _ in range(2):
        eks.associate_access_policy(
            clusterName="example", principalArn=ADMIN, policyArn=VIEW, accessScope=scope
        )
    found = eks.list_associated_access_policies(clusterName="example", principalArn=ADMIN)
    assert [p["accessScope"] for p in found["associatedAccessPolicies"]] == [scope]
    assert eks.list_access_entries(clusterName="example", associatedPolicyArn=VIEW)["accessEntries"] == [
        ADMIN
    ]
    eks.disassociate_access_policy(clusterName="example", principalArn=ADMIN, policyArn=VIEW)
    assert eks.list_access_entries(clusterName="example", associatedPolicyArn=VIEW)["accessEntries"] == []


def test_an_unknown_policy_and_a_second_entry_are_refused(eks: Any) -> None:
    eks.create_access_entry(clusterName="example", principalArn=ADMIN)
    with pytest.raises(eks.exceptions.ResourceInUseException):
        eks.create_access_entry(clusterName="example", principalArn=ADMIN)
    with pytest.raises(eks.exceptions.InvalidParameterException, match="NoSuchPolicy"):
        eks.associate_access_policy(
            clusterName="example",
            principalArn=ADMIN,
            policyArn=VIEW.replace("AmazonEKSViewPolicy", "NoSuchPolicy"),
            accessScope={"type": "cluster"},
        )
    names = [p["name"] for p in eks.list_access_policies()["accessPolicies"]]
    assert "AmazonSagemakerHyperpodInferenceMonitoringPolicy" in names


def test_a_service_account_has_one_role(eks: Any) -> None:
    wanted = {"clusterName": "example", "namespace": "keda", "serviceAccount": "keda-operator"}
    made = eks.create_pod_identity_association(**wanted, roleArn="arn:aws:iam::111122223333:role/one")
    identifier = made["association"]["associationId"]
    with pytest.raises(eks.exceptions.ResourceInUseException, match=identifier):
        eks.create_pod_identity_association(**wanted, roleArn="arn:aws:iam::111122223333:role/two")
    other = "arn:aws:iam::111122223333:role/two"
    eks.update_pod_identity_association(clusterName="example", associationId=identifier, roleArn=other)
    described = eks.describe_pod_identity_association(clusterName="example", associationId=identifier)
    assert described["association"]["roleArn"] == other
    eks.delete_pod_identity_association(clusterName="example", associationId=identifier)
    assert eks.list_pod_identity_associations(clusterName="example")["associations"] == []


def test_a_cluster_with_a_real_api_server_behind_it_names_that(eks: Any, double: AwsDouble) -> None:
    double.world.api_servers["example"] = ("https://127.0.0.1:6443", "Q0E=")
    cluster = eks.describe_cluster(name="example")["cluster"]
    assert (cluster["endpoint"], cluster["certificateAuthority"]["data"]) == (
        "https://127.0.0.1:6443",
        "Q0E=",
    )
    assert cluster["accessConfig"]["authenticationMode"] == "CONFIG_MAP"

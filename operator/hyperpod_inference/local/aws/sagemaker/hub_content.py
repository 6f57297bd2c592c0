"""One model of the hub as a value, and the document that DescribeHubContent carries for it.

The documents have the shape of the public hub's (schema 2.3.0): the image and its environment, per-family
variants, resource requirements, supported instance types, the licence, the gated bucket. Their contents are
this project's own; no document of AWS is copied.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

SCHEMA_VERSION: Final = "2.3.0"
_REGISTRY: Final = "111122223333.dkr.ecr.{region}.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Server:
    """A kind of model server: its image, the framework's name, its environment.

    `{gpus}`, `{tokens}` and `{model}` are filled in; `neuron` is the image on Inferentia and Trainium.
    """

    framework: str
    image: str
    environment: Mapping[str, str]
    neuron: str | None = None
    invocations: str = '{"inputs": "I believe the meaning of life is", "parameters": {"max_new_tokens": 64}}'


SERVERS: Final[Mapping[str, Server]] = {
    "lmi": Server(
        framework="djl",
        image="djl-inference:0.33.0-lmi15.0.0-cu128",
        neuron="djl-inference:0.30.0-neuronx-sdk2.20.1",
        environment={
            "OPTION_MODEL_ID": "{model}",
            "OPTION_ROLLING_BATCH": "vllm",
            "OPTION_TENSOR_PARALLEL_DEGREE": "{gpus}",
            "OPTION_MAX_MODEL_LEN": "{tokens}",
        },
    ),
    "tgi": Server(
        framework="huggingface",
        image="huggingface-pytorch-tgi-inference:2.7.0-tgi3.3.4-gpu-py311-cu124-ubuntu22.04-v2.0",
        neuron="huggingface-pytorch-tgi-inference:2.1.2-optimum0.0.28-neuronx-py310-ubuntu22.04",
        environment={
            "HF_MODEL_ID": "{model}",
            "SM_NUM_GPUS": "{gpus}",
            "MAX_TOTAL_TOKENS": "{tokens}",
            "ENDPOINT_SERVER_TIMEOUT": "3600",
        },
    ),
    "vllm": Server(
        framework="vllm",
        image="vllm:0.11.0-gpu-py312-cu128-ubuntu22.04-sagemaker-v1.1",
        environment={
            "SM_VLLM_MODEL": "{model}",
            "SM_VLLM_TENSOR_PARALLEL_SIZE": "{gpus}",
            "SM_VLLM_MAX_MODEL_LEN": "{tokens}",
        },
        invocations='{"messages": [{"role": "user", "content": "What is the capital of France?"}]}',
    ),
    "tei": Server(
        framework="huggingface",
        image="tei:2.0.1-tei1.8.2-gpu-py310-cu122-ubuntu22.04",
        environment={"HF_MODEL_ID": "{model}", "MAX_BATCH_TOKENS": "{tokens}"},
        invocations='{"inputs": "How is the weather today?"}',
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModel:
    """One model.

    Attributes:
        id: as `spec.model.modelId` names it.
        title: for people.
        task: of the hub's search, such as text-generation.
        server: a key of SERVERS.
        gpus: accelerators for one replica, by the smallest types; 0 for a model that needs none.
        memory: MiB of memory for one replica.
        tokens: longest sequence.
        types: supported instance types, the default first.
        gated: weights in a bucket that only CreateHubContentPresignedUrls opens.
        eula: whether a licence must be accepted.
        versions: oldest first.
    """

    id: str
    title: str
    task: str
    server: str
    gpus: int
    memory: int
    tokens: int
    types: tuple[str, ...]
    gated: bool = False
    eula: bool = False
    versions: tuple[str, ...] = ("1.0.0",)

    def artifact(self, region: str, version: str) -> str:
        """Where the weights are: a prefix in the public or the gated bucket."""
        bucket = "jumpstart-private-cache-prod" if self.gated else "jumpstart-cache-prod"
        return f"s3://{bucket}-{region}/{self.server}/{self.id}/artifacts/inference-prepack/v{version}/"

    def document(self, region: str, version: str) -> str:
        """The HubContentDocument, as JSON text."""
        server = SERVERS[self.server]
        document: dict[str, Any] = {
            "Url": f"https://huggingface.co/{self.id}",
            "MinSdkVersion": "2.225.0",
            "TrainingSupported": False,
            "IncrementalTrainingSupported": False,
            "Task": self.task,
            "Framework": server.framework,
            "ModelTypes": ["open_weights"],
            "HostingEcrUri": _image(server.image, region),
            "HostingArtifactUri": self.artifact(region, version),
            "HostingArtifactS3DataType": "S3Prefix",
            "HostingArtifactCompressionType": "None",
            "HostingUseScriptUri": False,
            "InferenceDependencies": [],
            "InferenceEnvironmentVariables": self._environment(server),
            "InferenceEnableNetworkIsolation": True,
            "InferenceVolumeSize": max(32, 2 * self.memory // 1024),
            "DefaultInferenceInstanceType": self.types[0],
            "SupportedInferenceInstanceTypes": sorted(self.types),
            "HostingResourceRequirements": self._requirements(self.gpus),
            "HostingInstanceTypeVariants": {"Aliases": {}, "Variants": self._variants(server, region)},
            "DynamicContainerDeploymentSupported": True,
            "ModelDataDownloadTimeout": "3600",
            "ContainerStartupHealthCheckTimeout": "3600",
            "GatedBucket": self.gated,
            "DefaultPayloads": {
                "Default": {"ContentType": "application/json", "Body": json.loads(server.invocations)}
            },
        }
        if self.eula:
            document["HostingEulaUri"] = f"s3://jumpstart-cache-prod-{region}/fmhMetadata/eula/{self.id}.txt"
            document["License"] = "custom"
        return json.dumps(document)

    def _environment(self, server: Server) -> list[dict[str, Any]]:
        values = {name: self._filled(text, self.gpus) for name, text in server.environment.items()}
        values |= {"SAGEMAKER_MODEL_SERVER_WORKERS": "1", "SAGEMAKER_PROGRAM": "inference.py"}
        return [
            {
                "Name": name,
                "Type": "text",
                "Default": value,
                "Scope": "container",
                "RequiredForModelClass": True,
            }
            for name, value in values.items()
        ]

    def _filled(self, text: str, gpus: int) -> str:
        return text.format(gpus=max(gpus, 1), tokens=self.tokens, model="/opt/ml/model")

    def _requirements(self, accelerators: int) -> dict[str, int]:
        requirements = {"MinMemoryMb": self.memory}
        return requirements | ({"NumAccelerators": accelerators} if accelerators else {})

    def _variants(self, server: Server, region: str) -> dict[str, Any]:
        """By instance family or type: another image, environment or requirement than the common one."""
        variants: dict[str, Any] = {}
        for instance_type in self.types:
            family = instance_type.split(".")[1]
            neuron = family.startswith(("inf", "trn"))
            image = server.neuron if neuron else server.image
            if image is not None:
                variants.setdefault(family, {"Properties": {"ImageUri": _image(image, region)}})
            if neuron:
                variants[instance_type] = self._neuron_variant(server, instance_type)
        return variants

    def _neuron_variant(self, server: Server, instance_type: str) -> dict[str, Any]:
        cores = 12 if instance_type.endswith(("24xlarge", "48xlarge")) else 2
        key = "OPTION_TENSOR_PARALLEL_DEGREE" if self.server == "lmi" else "HF_NUM_CORES"
        return {
            "Properties": {
                "EnvironmentVariables": {key: str(cores)},
                "ResourceRequirements": {"NumAccelerators": cores // 2, "MinMemoryMb": self.memory},
            }
        }


def _image(repository: str, region: str) -> str:
    return f"{_REGISTRY.format(region=region)}/{repository}"

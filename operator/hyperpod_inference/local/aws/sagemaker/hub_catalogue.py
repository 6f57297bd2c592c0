"""The models of the double's public hub: one line for each in `hub_models.txt`, written for this project.

Ids, tasks and instance types have the form of the public hub's; sizes are round. `hub_content` makes the
documents of them.
"""

from collections.abc import Iterator
from importlib import resources
from typing import Final

from hyperpod_inference.local.aws.sagemaker.hub_content import HubModel

# Sets of instance types by what a replica needs; the first is the default.
_TYPES: Final = {
    "cpu": "ml.m5.xlarge ml.m5.2xlarge ml.c5.2xlarge ml.c5.4xlarge ml.g5.2xlarge",
    "small": (
        "ml.g5.2xlarge ml.g5.xlarge ml.g5.4xlarge ml.g5.8xlarge ml.g6.2xlarge ml.g6.8xlarge ml.p4d.24xlarge"
    ),
    "one": (
        "ml.g5.8xlarge ml.g5.4xlarge ml.g5.12xlarge ml.g5.24xlarge "
        "ml.g6.12xlarge ml.p4d.24xlarge ml.p5.48xlarge"
    ),
    "neuron": "ml.g5.8xlarge ml.g5.12xlarge ml.p4d.24xlarge ml.inf2.xlarge ml.inf2.24xlarge ml.trn1.32xlarge",
    "four": (
        "ml.g5.12xlarge ml.g5.24xlarge ml.g5.48xlarge ml.g6.12xlarge "
        "ml.g6.48xlarge ml.p4d.24xlarge ml.p5.48xlarge"
    ),
    "eight": (
        "ml.p4d.24xlarge ml.g5.48xlarge ml.p4de.24xlarge ml.p5.48xlarge ml.p5e.48xlarge ml.p5en.48xlarge"
    ),
    "huge": "ml.p5.48xlarge ml.p5e.48xlarge ml.p5en.48xlarge ml.p6-b200.48xlarge",
}

_TASKS: Final = {
    "text": "text-generation",
    "chat": "text-generation",
    "vision": "vlm",
    "embed": "text-embedding",
    "rank": "text-ranking",
    "asr": "automatic-speech-recognition",
    "class": "text-classification",
}

_TABLE: Final = "hub_models.txt"


def _models() -> Iterator[HubModel]:
    table = resources.files(__package__).joinpath(_TABLE).read_text()
    for line in table.splitlines()[1:]:
        name, title, task, server, gpus, memory, tokens, types, notes = (x.strip() for x in line.split("|"))
        words = notes.split()
        yield HubModel(
            id=name,
            title=title,
            task=_TASKS[task],
            server=server,
            gpus=int(gpus),
            memory=int(memory),
            tokens=int(tokens),
            types=tuple(_TYPES[types].split()),
            gated="gated" in words,
            eula="eula" in words,
            versions=tuple(word for word in words if word[0].isdigit()),
        )


CATALOGUE: Final = {model.id: model for model in _models()}

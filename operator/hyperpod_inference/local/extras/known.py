"""Every extra by its name, and their programs as images."""

from collections.abc import Mapping
from pathlib import Path

from hyperpod_inference.local.extras.alb import ALB
from hyperpod_inference.local.extras.cert_manager import CERT_MANAGER
from hyperpod_inference.local.extras.extra import Extra
from hyperpod_inference.local.extras.keda import KEDA
from hyperpod_inference.local.images import TABLE, Image

EXTRAS: Mapping[str, Extra] = {each.name: each for each in (ALB, CERT_MANAGER, KEDA)}


def image_table(cache: Path) -> tuple[Image, ...]:
    """The images that local nodes know: the usual ones, and the extras that are built."""
    built = [
        Image(image, (str(program.path(cache)),), extra.about)
        for extra in EXTRAS.values()
        for image, program in extra.programs.items()
        if program.is_built(cache)
    ]
    return (*TABLE, *built)

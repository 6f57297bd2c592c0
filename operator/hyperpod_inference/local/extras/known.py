"""Every extra by its name, and their programs as images."""

from collections.abc import Mapping
from pathlib import Path

from hyperpod_inference.local.extras.alb import ALB
from hyperpod_inference.local.extras.cert_manager import CERT_MANAGER
from hyperpod_inference.local.extras.extra import Extra
from hyperpod_inference.local.images import TABLE, Image

EXTRAS: Mapping[str, Extra] = {each.name: each for each in (ALB, CERT_MANAGER)}


def image_table(cache: Path) -> tuple[Image, ...]:
    """The images that local nodes know: the usual ones, and the extras that are built."""
    built = [
        Image(each.image, (str(each.program.path(cache)),), each.about)
        for each in EXTRAS.values()
        if each.program is not None and each.program.is_built(cache)
    ]
    return (*TABLE, *built)

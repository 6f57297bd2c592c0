"""Marks on fields that say from which version of the API on they exist.

`v1` is the storage version; `v1alpha1` is the same without the fields marked SINCE_V1, with the few
differences that `crd.py` lists. Fields of the gateway and other later additions need no mark: they are in v1.
"""

from typing import Any

from hyperpod_inference.api.base import schema

SINCE = "x-since"
SINCE_V1: Any = schema(x_since="v1")

# In the CRD's list of required fields although it has a default, as AWS publishes it.
REQUIRED_MARK = "x-required"
REQUIRED: Any = schema(x_required=True)

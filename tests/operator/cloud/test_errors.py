"""botocore's exceptions as ours: by AWS's code, with the action and AWS's words."""

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, NoCredentialsError

from hyperpod_inference.cloud.errors import (
    CloudError,
    Denied,
    Exists,
    Missing,
    NoCredentials,
    Throttled,
    Unreachable,
    told,
    translated,
)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("NoSuchEntity", Missing),
        ("ResourceNotFoundException", Missing),
        ("AccessDeniedException", Denied),
        ("ResourceInUseException", Exists),
        ("EntityAlreadyExists", Exists),
        ("ThrottlingException", Throttled),
        ("ExpiredTokenException", NoCredentials),
        ("InvalidParameterException", CloudError),
    ],
)
def test_the_code_decides_the_kind_and_the_text_names_call_code_and_words(
    code: str, kind: type[CloudError]
) -> None:
    with pytest.raises(CloudError) as caught, translated("eks:CreateAddon"):
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "CreateAddon")
    assert type(caught.value) is kind
    assert str(caught.value) == f"eks:CreateAddon: {code}: no"


def test_without_an_answer_the_text_says_so() -> None:
    with pytest.raises(Unreachable, match="eks:ListAddons"), translated("eks:ListAddons"):
        raise ConnectTimeoutError(endpoint_url="http://127.0.0.1:1")
    with pytest.raises(NoCredentials, match="eks:ListAddons"), translated("eks:ListAddons"):
        raise NoCredentialsError


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "RequestTimeTooSkewed",
            "The difference between the request time and the current is too large.",
        ),
        ("InvalidSignatureException", "Signature expired: 20261126T1200Z is now earlier than 20261126T1205Z"),
        ("InvalidSignatureException", "Signature not yet current: 20261126T121000Z is still later than ..."),
    ],
)
def test_a_clock_that_is_wrong_is_told_as_such(code: str, message: str) -> None:
    words = told(CloudError("acm:ImportCertificate", code, message), "a-role")
    step = "The clock of the operator's node is wrong: have it set (chronyd, NTP)."
    assert words.endswith(f"{step} It is tried again by itself.")

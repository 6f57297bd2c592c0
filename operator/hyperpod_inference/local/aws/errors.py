"""What an operation of the double raises: an error of the service's model, with AWS's code and words."""

from typing import Any


class AwsError(Exception):
    """An answer that botocore raises as a `ClientError`.

    Args:
        code: a name of the service's model, such as ResourceNotFoundException, or a common one such as
            ValidationException.
        message: what AWS says.
        status: the HTTP status; that of the model where it names one.
        members: further members of the error, such as `clusterName`.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members

"""The error for input that a person can put right; apart from the models, so that commands start fast."""


class InputError(ValueError):
    """What a person gave cannot be used. `lines` holds one line for each finding; the text is the first."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        super().__init__(lines[0] + more)

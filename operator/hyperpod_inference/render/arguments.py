"""Arguments over arguments: those of a role replace the same flags of the worker's, the rest is appended."""

from collections.abc import Iterator, Sequence


def overridden(given: Sequence[str], over: Sequence[str]) -> tuple[str, ...]:
    """`given` with the flags of `over` in their places: --a-b, --a_b and --a-b=c are the same flag."""
    wanted = [*_groups(over)]
    replacing = {_flag(group[0]): group for group in wanted if _flag(group[0])}
    made: list[str] = []
    placed: set[str] = set()
    for group in _groups(given):
        name = _flag(group[0])
        if name in placed:
            continue  # a flag that came twice comes once now
        if name in replacing:
            placed.add(name)
        made += replacing.get(name, group)
    return (*made, *(word for group in wanted if _flag(group[0]) not in placed for word in group))


def _groups(words: Sequence[str]) -> Iterator[list[str]]:
    """A flag with its values, or one word before the first flag."""
    group: list[str] = []
    for word in words:
        if group and (_flag(word) or not _flag(group[0])):
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _flag(word: str) -> str:
    """The name of a flag, '' for a value: -1 is a number."""
    is_flag = word.startswith("--") or (word.startswith("-") and word[1:2].isalpha())
    return word.partition("=")[0].replace("_", "-") if is_flag else ""

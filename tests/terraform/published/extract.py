"""Writes the arguments of the resources that terraform/ uses, from PyPI's generated bindings of the AWS
provider.

    pip download --no-deps cdktf-cdktf-provider-aws==21.22.1
    python tests/terraform/published/extract.py cdktf_cdktf_provider_aws-21.22.1-py3-none-any.whl

The bindings are generated from the provider's own schema; the wheel holds 457 MB of them, too much to
install for a
test, so the facts are kept: one line a block, `*` behind the name of an argument that is required.
"""

import ast
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_META = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners"}


def used() -> list[str]:
    """`data.aws_eks_cluster`, `aws_eks_addon` and so on, in the module."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "terraform").rglob("*.tf")))
    found = re.findall(r'^(resource|data) "(\w+)"', text, re.M)
    return sorted({("data." if kind == "data" else "") + name for kind, name in found})


def blocks(source: str, name: str) -> Iterator[str]:
    """The lines for one resource and its nested blocks."""
    classes = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
    top = next(
        each for each in classes if each.endswith("Config") and "connection" in _arguments(classes[each])
    )
    yield from _block(classes, top, name)


def _block(classes: dict[str, ast.ClassDef], name: str, path: str) -> Iterator[str]:
    arguments = {key: value for key, value in _arguments(classes[name]).items() if key not in _META}
    yield f"{path}: " + " ".join(f"{key}{'*' if must else ''}" for key, (must, _) in arguments.items())
    for key, (_, annotation) in arguments.items():
        nested = [word for word in re.findall(r"\w+", annotation) if word in classes]
        if nested:
            yield from _block(classes, nested[0], f"{path}.{key}")


def _arguments(node: ast.ClassDef) -> dict[str, tuple[bool, str]]:
    init = next(each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__")
    pairs = zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True)
    return {
        argument.arg.rstrip("_"): (
            default is None,
            ast.unparse(argument.annotation) if argument.annotation else "",
        )
        for argument, default in pairs
    }


def main(wheel: str) -> None:
    """Print the facts, with the version of the provider first."""
    lines, version = [], ""
    with zipfile.ZipFile(wheel) as archive:
        for name in used():
            module = name.replace("data.", "data_") if name.startswith("data.") else name.removeprefix("aws_")
            source = archive.read(f"cdktf_cdktf_provider_aws/{module}/__init__.py").decode()
            version = re.search(r"hashicorp/aws/([\d.]+)/docs", source)[1]  # type: ignore[index]
            lines += blocks(source, name)
    text = f"# Arguments in version {version} of the AWS provider; * is required.\n" + "\n".join(lines) + "\n"
    Path(__file__).with_name("aws-provider.txt").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1])

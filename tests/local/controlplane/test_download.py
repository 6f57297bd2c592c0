import hashlib
import io
import tarfile
from collections.abc import Callable

import pytest

from hyperpod_inference.local.inside.components import CONTROL_PLANE
from hyperpod_inference.local.programs import cached, download
from hyperpod_inference.local.programs.goprogram import architecture

VERSION = cached.DOWNLOAD_VERSION
HERE = download.Publishers("index", "envtest", "kubernetes")


def archive(*names: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(f"controller-tools/envtest/{name}")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    return packed.getvalue()


@pytest.fixture
def published() -> dict[str, bytes]:
    """What the publishers have: a URL to its content."""
    machine = architecture()
    file = f"envtest-{VERSION}-linux-{machine}.tar.gz"
    packed = archive("etcd", "kube-apiserver", "kubectl", "LICENSE")
    index = f"releases:\n  {VERSION}:\n    {file}:\n      hash: {hashlib.sha512(packed).hexdigest()}\n"
    files = {"index": index.encode(), f"envtest/envtest-{VERSION}/{file}": packed}
    for name in ("kube-controller-manager", "kube-scheduler"):
        url = f"kubernetes/{VERSION}/bin/linux/{machine}/{name}"
        files[url] = name.encode()
        files[f"{url}.sha256"] = hashlib.sha256(name.encode()).hexdigest().encode() + b"\n"
    return files


def fetch_from(files: dict[str, bytes]) -> Callable[[str], bytes]:
    def fetch(url: str) -> bytes:
        if url not in files:
            raise OSError(f"{url}: name not known")
        return files[url]

    return fetch


def test_the_two_publishers_together_give_the_whole_control_plane(tmp_path, told, published) -> None:
    found = download.download(tmp_path, told.append, HERE, fetch_from(published))
    directory = cached.download_path(tmp_path)
    assert found.commands == {name: (str(directory / name),) for name in CONTROL_PLANE}
    assert sorted(path.name for path in directory.iterdir()) == sorted((*CONTROL_PLANE, "kubectl"))
    assert (directory / "kube-scheduler").read_text() == "kube-scheduler"
    assert [one.state for one in told] == ["started", "done"]


def test_a_closed_network_is_passed_over_quietly_and_leaves_nothing(tmp_path, told) -> None:
    with pytest.raises(cached.NotHereError, match="out of reach: index: name not known") as caught:
        download.download(tmp_path, told.append, HERE, fetch_from({}))
    assert not caught.value.worth_telling
    assert told == []
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("altered", ["tar.gz", "kube-scheduler"])
def test_content_with_another_checksum_is_not_used(tmp_path, told, published, altered: str) -> None:
    url = next(url for url in published if url.endswith(altered))
    published[url] += b"more"
    with pytest.raises(cached.NotHereError, match=f"{altered} has the sha.* its publisher says") as caught:
        download.download(tmp_path, told.append, HERE, fetch_from(published))
    assert caught.value.worth_telling
    assert not cached.download_path(tmp_path).exists()


def test_a_release_without_this_architecture_is_out_of_reach(tmp_path, told, published) -> None:
    published["index"] = b"releases: {}"
    with pytest.raises(cached.NotHereError, match="not in the envtest index"):
        download.download(tmp_path, told.append, HERE, fetch_from(published))

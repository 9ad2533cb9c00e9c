"""The official CIFAR archives, written here in their own format."""

from __future__ import annotations

import hashlib
import http.server
import io
import pickle
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from modelstitch.data.load import load_data
from modelstitch.data.sources import cifar
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

FINE = [0, 1, 2, 3] * 5


def batch(seed: int, n: int = 20, fine: bool = False) -> dict[str, Any]:
    data = np.random.default_rng(seed).integers(0, 256, (n, 3072), dtype=np.uint8)
    labels = FINE[:n]
    if fine:
        return {"data": data, "fine_labels": labels, "coarse_labels": [label // 2 for label in labels]}
    return {"data": data, "labels": labels}


def files(name: str) -> dict[str, dict[str, Any]]:
    if name == "cifar10":
        parts = {f"data_batch_{i}": batch(i) for i in range(1, 6)} | {"test_batch": batch(9)}
        return parts | {"batches.meta": {"label_names": ["a", "b", "c", "d"]}}
    names = {"fine_label_names": ["oak", "pine", "car", "bus"], "coarse_label_names": ["tree", "vehicle"]}
    return {"train": batch(1, fine=True), "test": batch(2, fine=True), "meta": names}


def old(content: bytes) -> bytes:
    """Name numpy's module as it was when the official archives were written."""
    return content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def archive(path: Path, name: str, contents: dict[str, Any]) -> Path:
    target = path / cifar.ARCHIVES[name].url.rpartition("/")[2]
    with tarfile.open(target, "w:gz") as tar:
        for file, content in contents.items():
            written = content if isinstance(content, bytes) else old(pickle.dumps(content, protocol=2))
            member = tarfile.TarInfo(f"{cifar.ARCHIVES[name].folder}/{file}")
            member.size = len(written)
            tar.addfile(member, io.BytesIO(written))
    return target


@pytest.mark.parametrize("unpacked", [False, True])
def test_images_and_labels_of_cifar10(tmp_path: Path, unpacked: bool) -> None:
    path = archive(tmp_path, "cifar10", files("cifar10"))
    if unpacked:
        with tarfile.open(path) as tar:
            tar.extractall(tmp_path, filter="data")
        path = tmp_path / "cifar-10-batches-py"
    data = load_data(DataSpec(source=str(path)))
    assert (data.name, data.classes, len(data.train), len(data.heldout)) == (
        "cifar10",
        ("a", "b", "c", "d"),
        100,
        20,
    )
    wanted = torch.from_numpy(batch(2)["data"].reshape(-1, 3, 32, 32))
    assert torch.equal(data.train.images[20:40], wanted)
    assert data.train.labels[20:40].tolist() == FINE


def test_cifar100_has_a_coarser_label_set(tmp_path: Path) -> None:
    path = archive(tmp_path, "cifar100", files("cifar100"))
    data = load_data(DataSpec(source=str(path)))
    assert data.classes == ("oak", "pine", "car", "bus")
    (coarse,) = data.label_sets
    assert (coarse.name, coarse.classes, coarse.label_of) == ("coarse", ("tree", "vehicle"), (0, 0, 1, 1))
    assert load_data(DataSpec(source=str(path), labels="coarse")).classes == ("tree", "vehicle")


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("this must not run",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"data": Harmful()},
            r"cannot read '.*data_batch_1': expected arrays, got (builtins|__builtin__)\.print",
        ),
        (b"", "cannot read '.*data_batch_1'"),
        (b"hello", "cannot read '.*data_batch_1'"),
        ([1, 2], "expected a dictionary, got list"),
    ],
)
def test_a_file_that_is_something_else_is_not_run(
    tmp_path: Path, content: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = files("cifar10") | {"data_batch_1": content}
    with pytest.raises(DataError, match=message):
        load_data(DataSpec(source=str(archive(tmp_path, "cifar10", contents))))
    assert "must not run" not in capsys.readouterr().out


def test_archives_that_are_cut_short_or_lack_a_file(tmp_path: Path) -> None:
    contents = files("cifar10")
    del contents["test_batch"]
    path = archive(tmp_path, "cifar10", contents)
    with pytest.raises(DataError, match=r"as cifar-10-python\.tar\.gz: .*test_batch"):
        load_data(DataSpec(source=str(path)))
    path = archive(tmp_path, "cifar10", files("cifar10"))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"cannot read '.*cifar-10-python\.tar\.gz'"):
        load_data(DataSpec(source=str(path)))


def test_files_that_hold_something_else_are_refused(tmp_path: Path) -> None:
    contents = files("cifar10") | {"test_batch": {"data": batch(1)["data"]}}
    with pytest.raises(DataError, match=r"do not hold what the official ones do \('labels'\)"):
        load_data(DataSpec(source=str(archive(tmp_path, "cifar10", contents))))


@contextmanager
def server(content: bytes) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            return

    running = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/cifar-10-python.tar.gz"
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


def test_an_archive_is_fetched_once_and_its_hash_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = archive(tmp_path, "cifar10", files("cifar10")).read_bytes()
    cache = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    with server(content) as url:
        known = replace(cifar.ARCHIVES["cifar10"], url=url, sha256=hashlib.sha256(content).hexdigest())
        wrong = replace(known, sha256="0" * 64)
        with pytest.raises(DataError, match="is not the official archive: expected SHA-256 000"):
            cifar.fetch(wrong)
        assert list((cache / "modelstitch").iterdir()) == []
        path = cifar.fetch(known)
        assert path.read_bytes() == content
    assert cifar.fetch(known) == path  # the server is gone: it comes from the cache
    monkeypatch.setitem(cifar.ARCHIVES, "cifar10", known)
    assert len(load_data(DataSpec(source="cifar10")).train) == 100
    path.write_bytes(b"damaged")
    with pytest.raises(
        DataError, match=r"cannot download http://127.*give the path of cifar-10-python\.tar\.gz"
    ):
        load_data(DataSpec(source="cifar10"))

"""The reader of CIFAR-10's python archive, on a small archive in that format, and where it looks."""

from __future__ import annotations

import hashlib
import http.server
import pickle
import tarfile
import threading
from typing import ClassVar

import numpy as np
import pytest

from mpsharp import datasets
from mpsharp.datasets import _cache, cifar10
from mpsharp.errors import DatasetError, MissingDatasetError

LABELS = [[3, 5, 0, 3, 9], [5, 5, 1], [3, 2], [7, 5], [3, 8, 5]]


class Python2Pickler(pickle._Pickler):
    """Writes what Python 2 and its NumPy wrote, as the original batches have it: str, int flags in dtypes."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_str(self, data):
        self.write(b"T" + len(data).to_bytes(4, "little") + data)

    def save_array(self, data):
        rows, columns = data.shape
        self.write(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R")
        self.write(b"(K\x01K" + bytes([rows]) + b"M" + columns.to_bytes(2, "little") + b"\x86")
        self.write(b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R")
        self.write(b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89")
        self.save_str(data.tobytes())
        self.write(b"tb")

    dispatch[bytes] = save_str
    dispatch[np.ndarray] = save_array


def write_batches(folder):
    """Five small batches; returns the pixels, (15, 3072), and labels of all samples in order."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    pixels = []
    for i, labels in enumerate(LABELS, 1):
        data = rng.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
        with (folder / f"data_batch_{i}").open("wb") as file:
            Python2Pickler(file, protocol=2).dump(
                {b"batch_label": b"training", b"labels": labels, b"data": data}
            )
        pixels.append(data)
    return np.concatenate(pixels), np.concatenate(LABELS)


def write_archive(path):
    folder = path.parent / cifar10.FOLDER
    pixels, labels = write_batches(folder)
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, cifar10.FOLDER)
    for batch in folder.iterdir():
        batch.unlink()
    folder.rmdir()
    return pixels, labels


def check(data, pixels, labels):
    chosen = (labels == 3) | (labels == 5)
    assert (data.name, data.classes) == ("cifar10-cat-dog", ("cat", "dog"))
    np.testing.assert_array_equal(data.samples, pixels[chosen].reshape(-1, 3, 32, 32))
    np.testing.assert_array_equal(data.labels, np.where(labels[chosen] == 3, 1, -1))


def test_reads_the_unpacked_folder(tmp_path):
    pixels, labels = write_batches(tmp_path / cifar10.FOLDER)
    check(datasets.load("cifar10-cat-dog", directory=tmp_path), pixels, labels)


def test_the_unpacked_folder_itself_may_be_named(tmp_path):
    folder = tmp_path / "by another name"
    pixels, labels = write_batches(folder)
    check(datasets.load("cifar10-cat-dog", directory=folder), pixels, labels)
    assert datasets.source("cifar10-cat-dog", directory=folder) == folder


def test_reads_the_archive(tmp_path):
    pixels, labels = write_archive(tmp_path / cifar10.ARCHIVE)
    check(datasets.load("cifar10-cat-dog", directory=str(tmp_path)), pixels, labels)


@pytest.mark.usefixtures("no_data")
def test_reads_the_subset_that_the_environment_names(tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)
    labels = np.array([1, -1, -1, 1], dtype=np.int8)
    np.savez(tmp_path / cifar10.SUBSET, images=images, labels=labels)
    monkeypatch.setenv("MPSHARP_DATA", str(tmp_path))
    data = datasets.load("cifar10-cat-dog")
    np.testing.assert_array_equal(data.samples, images)
    np.testing.assert_array_equal(data.labels, labels)


def test_a_named_folder_comes_before_the_environment(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for name, first in (("a", 1), ("b", 2)):
        images = np.full((2, 3, 32, 32), first, dtype=np.uint8)
        np.savez(tmp_path / name / cifar10.SUBSET, images=images, labels=np.array([1, -1], dtype=np.int8))
    monkeypatch.setenv("MPSHARP_DATA", str(tmp_path / "a"))
    assert datasets.load("cifar10-cat-dog", directory=tmp_path / "b").samples.max() == 2
    assert datasets.load("cifar10-cat-dog").samples.max() == 1


@pytest.mark.usefixtures("no_data")
def test_absent_data_says_where_it_looked(tmp_path):
    with pytest.raises(DatasetError) as caught:
        datasets.load("cifar10-cat-dog", directory=tmp_path)
    message = str(caught.value)
    for part in (
        str(tmp_path),
        str(_cache.cache_folder()),
        *cifar10_names(),
        "MPSHARP_DATA",
        "download=True",
        cifar10.URL,
    ):
        assert part in message
    assert isinstance(caught.value, MissingDatasetError)
    with pytest.raises(DatasetError, match=r"data directory: expected a folder, got .*nowhere"):
        datasets.load("cifar10-cat-dog", directory=tmp_path / "nowhere")


def cifar10_names():
    return [cifar10.FOLDER, cifar10.ARCHIVE, cifar10.SUBSET]


# --- damaged and hostile files ------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0, 10, 200, 4000, -100])
def test_truncated_archives(tmp_path, keep):
    path = tmp_path / cifar10.ARCHIVE
    write_archive(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DatasetError, match="not the CIFAR-10 python archive"):
        datasets.load("cifar10-cat-dog", directory=tmp_path)


def test_damaged_archive(tmp_path):
    path = tmp_path / cifar10.ARCHIVE
    write_archive(path)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 64] = bytes(64)
    path.write_bytes(raw)
    with pytest.raises(DatasetError, match="not the CIFAR-10 python archive"):
        datasets.load("cifar10-cat-dog", directory=tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {b"data": b"", b"labels": [3]},
        {b"labels": [3]},
        {b"data": bytes(3072), b"labels": [3, 5]},
        {b"data": np.full((1, 3072), 0.5), b"labels": [3]},
        {b"data": np.zeros((2, 1536), dtype=np.uint8), b"labels": [3]},
        {b"data": np.zeros((2, 3072), dtype=np.uint8), b"labels": [3]},
        None,
    ],
)
def test_foreign_batches(tmp_path, content):
    write_batches(tmp_path / cifar10.FOLDER)
    (tmp_path / cifar10.FOLDER / "data_batch_3").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(DatasetError, match="not the CIFAR-10 python archive"):
        datasets.load("cifar10-cat-dog", directory=tmp_path)


def test_missing_batch(tmp_path):
    write_batches(tmp_path / cifar10.FOLDER)
    (tmp_path / cifar10.FOLDER / "data_batch_4").unlink()
    with pytest.raises(DatasetError, match="data_batch_4") as caught:
        datasets.load("cifar10-cat-dog", directory=tmp_path)
    assert not isinstance(caught.value, MissingDatasetError)  # there is data, to be mended


def test_batches_cannot_run_code(tmp_path):
    write_batches(tmp_path / cifar10.FOLDER)
    victim = tmp_path / "made"
    code = b"cposix\nmkdir\nX" + len(str(victim)).to_bytes(4, "little") + str(victim).encode() + b"\x85R."
    (tmp_path / cifar10.FOLDER / "data_batch_1").write_bytes(code)
    with pytest.raises(DatasetError, match="has no place in a CIFAR-10 batch"):
        datasets.load("cifar10-cat-dog", directory=tmp_path)
    assert not victim.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nonsense", "other", "shape"])
def test_damaged_subset(tmp_path, content):
    path = tmp_path / cifar10.SUBSET
    if content == "other":
        np.savez(path, other=np.ones(3))
    elif content == "shape":
        np.savez(path, images=np.ones((2, 5)), labels=np.array([1, -1]))
    else:
        path.write_bytes(content)
    with pytest.raises(DatasetError):
        datasets.load("cifar10-cat-dog", directory=tmp_path)


# --- the download -------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path):
    """A web server on this machine that offers one archive and counts the requests."""
    source = tmp_path / "upstream"
    source.mkdir()
    contents = write_archive(source / cifar10.ARCHIVE)
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(source))

        def log_message(self, *args):
            requests.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{running.server_port}/{cifar10.ARCHIVE}"
        yield url, hashlib.md5((source / cifar10.ARCHIVE).read_bytes()).hexdigest(), requests, contents
        running.shutdown()
        thread.join()


@pytest.mark.usefixtures("no_data")
def test_downloads_once_and_only_when_allowed(server, monkeypatch, capfd):
    url, md5, requests, contents = server
    monkeypatch.setattr(cifar10, "URL", url)
    monkeypatch.setattr(cifar10, "MD5", f"md5:{md5}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(DatasetError, match="allow the download"):
        datasets.load("cifar10-cat-dog")
    assert not requests
    for _ in range(2):
        check(datasets.load("cifar10-cat-dog", download=True), *contents)
    check(datasets.load("cifar10-cat-dog"), *contents)
    assert len(requests) == 1
    assert "100%" in capfd.readouterr().err  # its progress is shown


@pytest.mark.usefixtures("no_data")
def test_a_wrong_checksum_is_an_error(server, monkeypatch):
    url, _, _, _ = server
    monkeypatch.setattr(cifar10, "URL", url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(DatasetError, match=r"download of .* failed"):
        datasets.load("cifar10-cat-dog", download=True)
    assert not list(_cache.cache_folder().glob("*"))


@pytest.mark.usefixtures("no_data")
def test_no_network(monkeypatch):
    monkeypatch.setattr(cifar10, "URL", "http://127.0.0.1:1/" + cifar10.ARCHIVE)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(DatasetError, match=r"download of .* failed"):
        datasets.load("cifar10-cat-dog", download=True)


def test_real_cats_and_dogs(cats_and_dogs):
    assert cats_and_dogs.samples.shape[1:] == (3, 32, 32)
    assert cats_and_dogs.samples.dtype == np.uint8
    X, y = cats_and_dogs.balanced_subset(100, np.random.default_rng(0))
    assert X.shape == (100, 3072)
    assert y.sum() == 0
    # σ₁²/n lies near 760 over such subsets, with a standard deviation of 92: six of them either way.
    assert abs(np.linalg.norm(X, 2) ** 2 / 100 - 760) < 6 * 92

"""The reader of Speech Commands, on a few recordings in the original layout."""

from __future__ import annotations

import io
import tarfile
import wave

import numpy as np
import pytest

from mpsharp import datasets
from mpsharp.datasets import speech_commands
from mpsharp.datasets.mel import mel_decibels
from mpsharp.errors import DatasetError


def wav(samples, rate=16000, channels=1):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.asarray(samples, dtype="<i2").tobytes())
    return buffer.getvalue()


def recordings():
    """Two of each word; one too short, one a copy, one longer than a second, one of another word."""
    rng = np.random.default_rng(0)
    sounds = rng.integers(-(2**15), 2**15, (4, 16000), dtype=np.int16)
    files = {
        "yes/a_nohash_0.wav": sounds[0],
        "yes/b_nohash_0.wav": np.concatenate([sounds[1], sounds[0][:99]]),
        "yes/c_nohash_0.wav": sounds[0],
        "no/a_nohash_0.wav": sounds[2],
        "no/a_nohash_1.wav": sounds[3][:15999],
        "no/b_nohash_0.wav": sounds[3],
        "up/a_nohash_0.wav": sounds[1],
    }
    return sounds, {name: wav(samples) for name, samples in files.items()}


def write_folder(folder, files):
    for name, contents in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(contents)


def write_archive(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, contents in sorted(files.items(), reverse=True):
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(contents)
            archive.addfile(member, io.BytesIO(contents))


def check(data, sounds):
    assert (data.name, data.classes) == ("speech-yes-no", ("yes", "no"))
    assert data.labels.tolist() == [1, 1, -1, -1]
    np.testing.assert_array_equal(data.samples, mel_decibels(sounds / 32768)[:, None])
    X, _ = data.balanced_subset(4, np.random.default_rng(0))
    assert X.shape == (4, 2048)  # one channel: standardised globally
    assert abs(X.mean()) < 8192 * 2.0**-52
    assert abs(X.std() - 1) < 8192 * 2.0**-52


@pytest.mark.parametrize("version", ["v0.01", "v0.02"])
def test_reads_the_unpacked_folder(tmp_path, version):
    sounds, files = recordings()
    write_folder(tmp_path / f"speech_commands_{version}", files)
    check(datasets.load("speech-yes-no", directory=tmp_path), sounds)


def test_reads_the_archive_unpacked_without_a_folder(tmp_path):
    sounds, files = recordings()
    write_folder(tmp_path, files)
    check(datasets.load("speech-yes-no", directory=tmp_path), sounds)


def test_hidden_files_are_no_recordings(tmp_path):
    sounds, files = recordings()
    files["yes/._a_nohash_0.wav"] = b"\0\5\x16\7 as macOS leaves them"
    write_folder(tmp_path / "a" / "speech_commands_v0.02", files)
    check(datasets.load("speech-yes-no", directory=tmp_path / "a"), sounds)
    (tmp_path / "b").mkdir()
    write_archive(tmp_path / "b" / speech_commands.ARCHIVE, files)
    check(datasets.load("speech-yes-no", directory=tmp_path / "b"), sounds)


def test_reads_the_archive(tmp_path):
    sounds, files = recordings()
    write_archive(tmp_path / speech_commands.ARCHIVE, files)
    check(datasets.load("speech-yes-no", directory=tmp_path), sounds)


def test_reads_a_subset(tmp_path):
    sounds, _ = recordings()
    np.savez(tmp_path / speech_commands.SUBSET, waveforms=sounds, labels=np.array([1, 1, -1, -1]))
    check(datasets.load("speech-yes-no", directory=tmp_path), sounds)


@pytest.mark.usefixtures("no_data")
def test_absent_data_names_the_archive(tmp_path):
    with pytest.raises(DatasetError, match=r"speech_commands_v0\.02\.tar\.gz"):
        datasets.load("speech-yes-no", directory=tmp_path)


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"RIFF nonsense",
        wav(np.zeros(16000))[:-7],
        wav(np.zeros(16000), rate=8000),
        wav(np.zeros(32000), channels=2),
    ],
)
def test_damaged_and_foreign_recordings(tmp_path, contents):
    _, files = recordings()
    write_folder(tmp_path / "speech_commands_v0.02", {**files, "yes/d_nohash_0.wav": contents})
    with pytest.raises(DatasetError, match=r"not the Speech Commands \(yes/d_nohash_0\.wav"):
        datasets.load("speech-yes-no", directory=tmp_path)


@pytest.mark.parametrize("keep", [0, 100, 50_000, -4])
def test_truncated_archive(tmp_path, keep):
    path = tmp_path / speech_commands.ARCHIVE
    write_archive(path, recordings()[1])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DatasetError, match="not the Speech Commands"):
        datasets.load("speech-yes-no", directory=tmp_path)


def test_what_cannot_be_read_is_not_blamed_on_another_recording(tmp_path):
    write_folder(tmp_path / "speech_commands_v0.02", recordings()[1])
    (tmp_path / "speech_commands_v0.02" / "no" / "d.wav").mkdir()
    with pytest.raises(DatasetError, match=r"not the Speech Commands \([^:]*directory: '.*no/d\.wav'\)"):
        datasets.load("speech-yes-no", directory=tmp_path)


def test_one_word_alone(tmp_path):
    files = {name: contents for name, contents in recordings()[1].items() if name.startswith("yes/")}
    write_folder(tmp_path / "speech_commands_v0.02", files)
    with pytest.raises(DatasetError, match=r"yes/ and in no/, got 2 and 0"):
        datasets.load("speech-yes-no", directory=tmp_path)


def test_a_subset_of_another_shape(tmp_path):
    np.savez(tmp_path / speech_commands.SUBSET, waveforms=np.zeros((2, 9)), labels=np.array([1, -1]))
    with pytest.raises(DatasetError, match="expected waveforms"):
        datasets.load("speech-yes-no", directory=tmp_path)


def test_real_recordings(real_speech):
    X, y = real_speech.balanced_subset(100, np.random.default_rng(0))
    assert X.shape == (100, 2048)
    assert y.sum() == 0

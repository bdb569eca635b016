import json
import logging

import pytest

from stemdist_ray.errors import ArtifactError
from stemdist_ray.system.seal import (
    file_hash,
    read_kept,
    read_sealed,
    read_sealed_bytes,
    write_sealed,
    write_sealed_bytes,
)


def flipped(content, bit):
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.fixture
def sealed(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"abc")
    (tmp_path / "notes.md").write_text("mine")
    write_sealed(
        tmp_path / "s.json", {"version": 4, "x": [1.5, float("nan")]}, ["a.bin", "notes.md"]
    )
    return tmp_path / "s.json"


def test_round_trip(sealed):
    tree = read_sealed(sealed, "restore it")
    assert tree["x"] == [1.5, None]
    assert tree["files"]["a.bin"] == file_hash(sealed.parent / "a.bin")
    assert json.loads(sealed.read_text()) == tree


def test_every_bit_and_every_truncation_of_the_json_is_found(sealed):
    content = sealed.read_bytes()
    changed = [flipped(content, bit) for bit in range(8 * len(content))]
    for text in [*changed, *(content[:length] for length in range(len(content)))]:
        sealed.write_bytes(text)
        with pytest.raises(ArtifactError, match=r"s\.json is damaged: .*; restore it"):
            read_sealed(sealed, "restore it", unsealed=(None, 1, 2, 3))


def test_files_it_vouches_for(sealed, caplog):
    with caplog.at_level(logging.WARNING):
        (sealed.parent / "notes.md").write_text("edited")
        read_sealed(sealed, "restore it", loose={"notes.md"})
    assert "notes.md is not as it was written" in caplog.text
    with pytest.raises(ArtifactError, match="damaged: notes.md is not as it was written; restore"):
        read_sealed(sealed, "restore it")
    (sealed.parent / "a.bin").unlink()
    with pytest.raises(ArtifactError, match="damaged: a.bin is missing"):
        read_sealed(sealed, "restore it")
    elsewhere = sealed.parent / "b.bin"
    elsewhere.write_bytes(b"abc")
    at = {"a.bin": elsewhere, "notes.md": sealed.parent / "notes.md"}.__getitem__
    read_sealed(sealed, "restore it", loose={"notes.md"}, at=at)


def test_releases_that_did_not_seal(tmp_path):
    path = tmp_path / "s.json"
    path.write_text('{"version": 3}')
    assert read_sealed(path, "x", unsealed=(3,)) == {"version": 3}
    for text in ('{"version": 4}', "[]", '{"sha256": 3}'):
        path.write_text(text)
        with pytest.raises(ArtifactError, match="damaged"):
            read_sealed(path, "x", unsealed=(3,))
    with pytest.raises(FileNotFoundError):
        read_sealed(tmp_path / "none.json", "x")


def test_bytes(tmp_path):
    path = tmp_path / "state"
    write_sealed_bytes(path, b"PK" + bytes(40))
    content = path.read_bytes()
    assert read_sealed_bytes(path, "x") == b"PK" + bytes(40)
    changed = [flipped(content, bit) for bit in range(8 * len(content))]
    for other in [*changed, *(content[:length] for length in range(len(content)))]:
        path.write_bytes(other)
        with pytest.raises(ArtifactError, match="state is damaged: it is not as it was written; x"):
            read_sealed_bytes(path, "x", unsealed=b"PK")
    path.write_bytes(b"PK old")
    assert read_sealed_bytes(path, "x", unsealed=b"PK") == b"PK old"


def test_what_was_kept_is_read_or_made_again(tmp_path, caplog):
    path = tmp_path / "kept"
    assert read_kept(path, bytes.decode) is None
    assert not caplog.text
    write_sealed_bytes(path, b"text")
    assert read_kept(path, bytes.decode) == "text"
    assert read_kept(path, int) is None  # whole, and no number
    assert "it is trained again" in caplog.text
    caplog.clear()
    path.write_bytes(path.read_bytes()[:-1] + b"T")
    assert read_kept(path, bytes.decode) is None
    assert "it is trained again" in caplog.text

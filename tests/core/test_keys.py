"""The core's keys are made once, for their owner alone."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from core.keys import (
    PLATE_KEY_BYTES,
    KeyFileError,
    load_or_create_plate_key,
    load_or_create_signing_key,
    load_plate_key,
    load_public_key,
    load_signing_key,
    public_key_path,
)


def test_a_key_is_made_once_and_its_public_half_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "core.key"
    key = load_or_create_signing_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert load_or_create_signing_key(path).private_bytes_raw() == key.private_bytes_raw()
    assert load_public_key(public_key_path(path)).public_bytes_raw() == key.public_key().public_bytes_raw()
    assert sorted(one.name for one in path.parent.iterdir()) == ["core.key", "core.key.pub"]


def test_a_lost_public_half_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "core.key"
    key = load_or_create_signing_key(path)
    public_key_path(path).write_text("something else")
    load_or_create_signing_key(path)
    assert load_public_key(public_key_path(path)).public_bytes_raw() == key.public_key().public_bytes_raw()


def test_a_key_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "core.key"
    load_or_create_signing_key(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_signing_key(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ],
)
def test_a_damaged_or_foreign_key_is_refused_and_never_replaced(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "core.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="backup"):
        load_or_create_signing_key(path)
    assert path.read_bytes() == content


def test_a_missing_key_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="anju core init"):
        load_signing_key(tmp_path / "none")
    with pytest.raises(KeyFileError, match="copy"):
        load_public_key(tmp_path / "none.pub")


def test_the_plate_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "plates.key"
    key = load_or_create_plate_key(path)
    assert len(key) == PLATE_KEY_BYTES
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_create_plate_key(path) == load_plate_key(path) == key
    assert load_plate_key(tmp_path / "none.key") is None
    assert load_or_create_plate_key(tmp_path / "other.key") != key
    path.chmod(0o604)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_or_create_plate_key(path)


@pytest.mark.parametrize("content", [b"", b"no base64!", base64.b64encode(b"k" * 31), base64.b64encode(b"k" * 33)])
def test_a_damaged_plate_key_is_refused_and_never_replaced(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "plates.key"
    path.write_bytes(content)
    path.chmod(0o600)
    for read in (load_or_create_plate_key, load_plate_key):
        with pytest.raises(KeyFileError, match="entered again"):
            read(path)
    assert path.read_bytes() == content


def test_a_new_key_is_on_disk_with_its_name_before_anything_rests_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    really = os.fsync

    def note(handle: int) -> None:
        really(handle)
        named = (tmp_path / "core.key").exists()
        synced.append(named and stat.S_ISDIR(os.fstat(handle).st_mode))

    monkeypatch.setattr(os, "fsync", note)
    load_or_create_signing_key(tmp_path / "core.key")
    assert synced[:2] == [False, True], "first the file, then the folder that names it"

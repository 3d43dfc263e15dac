"""Where the site key comes from; no second one is ever made while the first lies elsewhere."""

from __future__ import annotations

import base64
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.backends.null import Keyring as ForgetfulKeyring
from keyring.errors import KeyringLocked

from core.contract.ids import EdgeId
from edge import site_key
from edge.keys import EdgeKeys, KeyFileError, edge_dir, load_or_create

EDGE = EdgeId("gate-1")


class MemoryKeystore(KeyringBackend):
    """A keystore as the system's would be, without the system."""

    priority: float = 9

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


class PlaintextKeystore(MemoryKeystore):
    priority = 0.5


class LockedKeystore(MemoryKeystore):
    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked(f"{service} {username}")


class SilentKeystore(MemoryKeystore):
    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.let_go.wait(30)
        return None


@pytest.fixture
def keystore() -> Iterator[MemoryKeystore]:
    before = keyring.get_keyring()
    memory = MemoryKeystore()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


def in_file(tmp_path: Path) -> Path:
    return edge_dir(tmp_path, EDGE) / "site.key"


def from_keystore(tmp_path: Path) -> EdgeKeys:
    return load_or_create(tmp_path, EDGE, "keystore")


def text(keys: EdgeKeys) -> str:
    return base64.b64encode(keys.site_key).decode()


def test_a_keystore_keeps_the_key_and_no_file_does(tmp_path: Path, keystore: MemoryKeystore) -> None:
    made = from_keystore(tmp_path)
    assert keystore.entries == {("anju", "gate-1"): text(made)}
    assert from_keystore(tmp_path).site_key == made.site_key
    files = list(edge_dir(tmp_path, EDGE).iterdir())
    assert not in_file(tmp_path).exists()
    assert all(text(made).encode() not in path.read_bytes() for path in files)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


def test_two_edges_of_one_machine_have_an_entry_each(tmp_path: Path, keystore: MemoryKeystore) -> None:
    one = from_keystore(tmp_path)
    other = load_or_create(tmp_path, EdgeId("gate-2"), "keystore")
    assert one.site_key != other.site_key
    assert set(keystore.entries) == {("anju", "gate-1"), ("anju", "gate-2")}


def test_a_key_that_an_administrator_put_into_the_keystore_is_used(tmp_path: Path, keystore: MemoryKeystore) -> None:
    keystore.set_password("anju", "gate-1", base64.b64encode(bytes(range(32))).decode())
    assert from_keystore(tmp_path).site_key == bytes(range(32))


def test_a_key_in_a_file_is_not_replaced_by_a_new_one_in_the_keystore(tmp_path: Path, keystore: MemoryKeystore) -> None:
    kept = load_or_create(tmp_path, EDGE)
    with pytest.raises(KeyFileError, match=r"keyring set anju gate-1.*then remove the file"):
        from_keystore(tmp_path)
    assert keystore.entries == {}
    keystore.set_password("anju", "gate-1", in_file(tmp_path).read_text())
    in_file(tmp_path).unlink()
    assert from_keystore(tmp_path).site_key == kept.site_key


def test_the_same_key_in_both_is_used_and_another_is_refused(tmp_path: Path, keystore: MemoryKeystore) -> None:
    kept = load_or_create(tmp_path, EDGE)
    keystore.set_password("anju", "gate-1", text(kept))
    assert from_keystore(tmp_path).site_key == kept.site_key
    keystore.set_password("anju", "gate-1", base64.b64encode(bytes(32)).decode())
    with pytest.raises(KeyFileError, match="another key than the keystore"):
        from_keystore(tmp_path)


def test_a_key_in_the_keystore_is_not_replaced_by_a_new_file(tmp_path: Path, keystore: MemoryKeystore) -> None:
    made = from_keystore(tmp_path)
    with pytest.raises(KeyFileError, match="site_key to 'keystore' again"):
        load_or_create(tmp_path, EDGE)
    assert not in_file(tmp_path).exists()
    in_file(tmp_path).write_text(text(made))
    in_file(tmp_path).chmod(0o600)
    assert load_or_create(tmp_path, EDGE).site_key == made.site_key
    assert keystore.entries == {("anju", "gate-1"): text(made)}


def test_a_keystore_that_lost_the_key_is_told_and_gets_no_new_one(tmp_path: Path, keystore: MemoryKeystore) -> None:
    from_keystore(tmp_path)
    keystore.entries.clear()
    with pytest.raises(KeyFileError, match="any more: put it back"):
        from_keystore(tmp_path)
    assert keystore.entries == {}


@pytest.mark.parametrize("entry", ["", "AAAA", "not base64 !", "密钥"])
def test_what_is_no_key_is_refused_and_left(tmp_path: Path, keystore: MemoryKeystore, entry: str) -> None:
    keystore.set_password("anju", "gate-1", entry)
    with pytest.raises(KeyFileError, match="not a key") as told:
        from_keystore(tmp_path)
    assert keystore.entries == {("anju", "gate-1"): entry}
    assert not entry or entry not in str(told.value)


@pytest.mark.parametrize("backend", [NoKeyring, ForgetfulKeyring, PlaintextKeystore])
def test_what_keeps_nothing_or_keeps_it_readable_is_no_keystore(
    tmp_path: Path, keystore: MemoryKeystore, backend: type[KeyringBackend]
) -> None:
    keyring.set_keyring(backend())
    with pytest.raises(KeyFileError, match="no keystore to keep a site key in"):
        from_keystore(tmp_path)


def test_a_locked_keystore_is_told(tmp_path: Path, keystore: MemoryKeystore) -> None:
    keyring.set_keyring(LockedKeystore())
    with pytest.raises(KeyFileError, match=r"does not answer \(KeyringLocked\): unlock it"):
        from_keystore(tmp_path)


def test_a_keystore_that_says_nothing_is_not_waited_for_for_ever(
    tmp_path: Path, keystore: MemoryKeystore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_key, "KEYSTORE_TIMEOUT_S", 0.05)
    silent = SilentKeystore()
    keyring.set_keyring(silent)
    with pytest.raises(KeyFileError, match="does not answer"):
        from_keystore(tmp_path)
    silent.let_go.set()


def test_systemd_hands_the_key_over_and_it_is_never_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> EdgeKeys:
        return load_or_create(tmp_path / "state", EDGE, "credential")

    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(KeyFileError, match="LoadCredentialEncrypted=anju-site-key"):
        load()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(KeyFileError, match="add LoadCredentialEncrypted"):
        load()
    credential = tmp_path / "anju-site-key"
    credential.mkdir()
    with pytest.raises(KeyFileError, match="the unit's user must be able to read it"):
        load()
    credential.rmdir()
    credential.write_text("AAAA")
    with pytest.raises(KeyFileError, match="not a key"):
        load()
    credential.write_bytes(base64.b64encode(bytes(range(32))) + b"\n")
    assert load().site_key == bytes(range(32))
    assert not in_file(tmp_path / "state").exists()
    with pytest.raises(KeyFileError, match="site_key to 'credential' again"):
        load_or_create(tmp_path / "state", EDGE)

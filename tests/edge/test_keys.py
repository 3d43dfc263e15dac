"""An edge's keys: made once, kept to their owner, refused when others could have read them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from core.contract.ids import EdgeId
from core.contract.sealing import edge_fingerprint
from edge.keys import EdgeKeys, KeyFileError, edge_dir, load_or_create

EDGE = EdgeId("gate-1")
FILES = ("edge-signing.key", "edge.key", "site.key")


def test_keys_are_made_once_and_loaded_ever_after(tmp_path: Path) -> None:
    first = load_or_create(tmp_path, EDGE)
    again = load_or_create(tmp_path, EDGE)
    assert again.private.private_bytes_raw() == first.private.private_bytes_raw()
    assert again.signing.private_bytes_raw() == first.signing.private_bytes_raw()
    assert again.site_key == first.site_key
    assert len(first.site_key) == 32


def test_key_files_are_for_their_owner_alone_and_nothing_else_is_left(tmp_path: Path) -> None:
    load_or_create(tmp_path, EDGE)
    folder = edge_dir(tmp_path, EDGE)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == dict.fromkeys(FILES, 0o600)


def test_two_edges_have_nothing_in_common(tmp_path: Path) -> None:
    one, other = load_or_create(tmp_path, EDGE), load_or_create(tmp_path, EdgeId("gate-2"))
    assert one.site_key != other.site_key
    assert one.private.private_bytes_raw() != other.private.private_bytes_raw()
    assert one.signing.private_bytes_raw() != other.signing.private_bytes_raw()


def test_an_edge_from_before_receipts_were_signed_keeps_its_other_keys(tmp_path: Path) -> None:
    first = load_or_create(tmp_path, EDGE)
    (edge_dir(tmp_path, EDGE) / "edge-signing.key").unlink()
    upgraded = load_or_create(tmp_path, EDGE)
    assert upgraded.private.private_bytes_raw() == first.private.private_bytes_raw()
    assert upgraded.site_key == first.site_key
    assert upgraded.signing.private_bytes_raw() != first.signing.private_bytes_raw()


def test_the_fingerprint_to_compare_covers_both_public_keys(tmp_path: Path) -> None:
    first = load_or_create(tmp_path, EDGE)
    assert first.fingerprint == edge_fingerprint(first.private.public_key(), first.signing.public_key())
    for name in ("edge.key", "edge-signing.key"):
        before = load_or_create(tmp_path, EDGE).fingerprint
        (edge_dir(tmp_path, EDGE) / name).unlink()
        assert load_or_create(tmp_path, EDGE).fingerprint != before


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_file_others_can_read_or_change_is_refused(tmp_path: Path, name: str, mode: int) -> None:
    load_or_create(tmp_path, EDGE)
    path = edge_dir(tmp_path, EDGE) / name
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"chmod 600 .*{name}"):
        load_or_create(tmp_path, EDGE)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"", b"AAAA", b"not base64 !", b"\xff" * 44])
def test_a_damaged_key_is_refused_and_left_as_it_is(tmp_path: Path, name: str, content: bytes) -> None:
    load_or_create(tmp_path, EDGE)
    path = edge_dir(tmp_path, EDGE) / name
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match=f"{name}: not a key"):
        load_or_create(tmp_path, EDGE)
    assert path.read_bytes() == content


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFileError, match="edge-gate-1"):
        load_or_create(tmp_path / "file", EDGE)


def test_keys_are_not_printed(tmp_path: Path) -> None:
    keys = load_or_create(tmp_path, EDGE)
    assert repr(keys) == "EdgeKeys()"
    assert keys.site_key.hex() not in repr(keys)


def test_each_purpose_has_its_own_key(tmp_path: Path) -> None:
    keys: EdgeKeys = load_or_create(tmp_path, EDGE)
    assert keys.derive(b"a") == keys.derive(b"a")
    assert len({keys.derive(b"a"), keys.derive(b"b"), keys.site_key}) == 3

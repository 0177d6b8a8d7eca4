"""Files by their sha256: only what was checked is given out, and the folder stays within its size."""

import os
import resource
from pathlib import Path

import pytest

from fleet import Blob, FleetError, MessageError
from fleet.blob_store import BlobStore, blob_messages, file_messages
from fleet.messages import PIECE_BYTES


def put(store: BlobStore, data: bytes, source: str = "somebody") -> str | None:
    blob = Blob.of(data)
    last = None
    for message in blob_messages(blob.digest, data):
        last = store.add_piece(source, message)
    return last


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, 2 * PIECE_BYTES + 7])
def test_a_file_arrives_piece_by_piece_and_goes_on_the_same_way(tmp_path: Path, size: int) -> None:
    store = BlobStore(tmp_path / "a", 1 << 24, 1 << 25)
    data = os.urandom(size)
    digest = put(store, data)
    assert digest == Blob.of(data).digest
    path = store.path(digest)
    assert path is not None
    assert path.read_bytes() == data
    assert b"".join(message["data"] for message in file_messages(digest, path)) == data
    assert put(store, data) == digest, "the same again"


def test_a_file_with_another_content_than_its_name_says_is_refused(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "a", 1 << 24, 1 << 25)
    digest = Blob.of(b"right").digest
    (message,) = blob_messages(digest, b"wrong")
    with pytest.raises(MessageError, match="has the sha256"):
        store.add_piece("somebody", message)
    assert store.path(digest) is None


def test_what_is_too_large_is_refused_before_it_is_here(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "a", 1000, 5000)
    with pytest.raises(MessageError, match="a file of 1001 bytes, at most 1000 are allowed"):
        put(store, bytes(1001))


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", "0" * 63, 7, None])
def test_only_digests_are_names(tmp_path: Path, name: object) -> None:
    store = BlobStore(tmp_path / "a", 1000, 5000)
    with pytest.raises(MessageError, match="is no sha256"):
        store.add_piece("somebody", {"op": "blob", "digest": name, "offset": 0, "total": 1, "data": b"x"})


def test_pieces_have_to_follow_each_other(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "a", 1 << 24, 1 << 25)
    first, second, third = blob_messages(Blob.of(bytes(3 * PIECE_BYTES)).digest, bytes(3 * PIECE_BYTES))
    assert store.add_piece("somebody", first) is None
    with pytest.raises(MessageError, match="does not follow"):
        store.add_piece("somebody", third)
    with pytest.raises(MessageError, match="does not follow"):
        store.add_piece("somebody", second)


def test_the_least_recently_used_goes_but_not_what_is_needed(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "a", 1000, 2500)
    old, used, new = (os.urandom(1000) for _ in range(3))
    put(store, old)
    put(store, used)
    store.pin([Blob.of(old).digest])
    put(store, new)
    assert store.missing([Blob.of(data).digest for data in (old, used, new)]) == [Blob.of(used).digest]
    store.pin([Blob.of(new).digest])
    with pytest.raises(MessageError, match="no room"):
        put(store, used)
    store.unpin([Blob.of(old).digest])
    assert put(store, used) == Blob.of(used).digest


def test_a_file_that_somebody_touched_is_not_given_out(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "a", 1000, 5000)
    digest = put(store, b"program")
    assert digest is not None
    path = store.path(digest)
    assert path is not None
    path.chmod(0o755)
    path.write_bytes(b"PROGRAM")
    assert store.path(digest) is None
    assert put(store, b"program") == digest


def test_a_source_that_ends_takes_nothing_from_one_of_a_similar_name(tmp_path: Path) -> None:
    """`ann-2` is how the tracker calls the second client of ann's."""
    store = BlobStore(tmp_path / "a", 1 << 24, 1 << 25)
    data = os.urandom(2 * PIECE_BYTES)
    digest = Blob.of(data).digest
    first, second = blob_messages(digest, data)
    assert store.add_piece("ann-2", first) is None
    store.drop_source("ann")
    assert store.add_piece("ann-2", second) == digest


def test_a_source_that_ended_within_a_known_file_can_send_it_anew(tmp_path: Path) -> None:
    size = 2 * PIECE_BYTES
    store = BlobStore(tmp_path / "a", size, size)
    data = os.urandom(size)
    digest = put(store, data)
    assert digest is not None
    first, second = blob_messages(digest, data)
    assert store.add_piece("ann", first) is None
    store.drop_source("ann")
    put(store, os.urandom(size))
    assert store.path(digest) is None, "it had to go"
    assert store.add_piece("ann", first) is None
    assert store.add_piece("ann", second) == digest
    assert store.path(digest) is not None


@pytest.mark.parametrize("size", [1000, PIECE_BYTES])
def test_a_disk_that_takes_no_more_is_told_of_and_leaves_nothing(tmp_path: Path, size: int) -> None:
    """A limit on the size of files, which writing meets as it does a full disk."""
    store = BlobStore(tmp_path / "a", 1 << 24, 1 << 25)
    data = os.urandom(size)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, limits[1]))
    try:
        with pytest.raises(MessageError, match=f"cannot keep a file of {size} bytes"):
            put(store, data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list((tmp_path / "a").iterdir()) == []
    assert put(store, data) == Blob.of(data).digest


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FleetError, match=r"cannot make a folder for the files of jobs.*Not a directory"):
        BlobStore(tmp_path / "file" / "a", 1000, 5000)

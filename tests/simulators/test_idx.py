import gzip
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patchlaw.simulators.datasets import DatasetError
from patchlaw.simulators.datasets.idx import read_idx, read_split
from tests.idx_files import idx_bytes

# The folder is shared between examples on purpose: every example overwrites the file it reads.
on_disk = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def image_files(draw: st.DrawFn) -> tuple[tuple[int, int, int], bytes]:
    n, rows, columns = (draw(st.integers(1, high)) for high in (4, 5, 5))
    size = n * rows * columns
    return (n, rows, columns), draw(st.binary(min_size=size, max_size=size))


def write_split(folder: Path, *, images: bytes | None = None, labels: bytes | None = None) -> None:
    """Write a valid training split of three images, or the bytes given in its place."""
    default_images = idx_bytes((3, 28, 28), bytes(3 * 28 * 28))
    (folder / "train-images-idx3-ubyte").write_bytes(default_images if images is None else images)
    default_labels = idx_bytes((3,), bytes([0, 9, 4]))
    (folder / "train-labels-idx1-ubyte").write_bytes(default_labels if labels is None else labels)


@given(image_files(), st.booleans())
@on_disk
def test_every_element_lands_at_its_row_major_place(tmp_path, file, compressed):
    """Only this catches a header field read little-endian, or axes in another order."""
    shape, elements = file
    content = idx_bytes(shape, elements)
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(content) if compressed else content)
    array = read_idx(path, 3)
    assert array.dtype == np.uint8
    assert array.shape == shape
    _, rows, columns = shape
    for (i, row, column), value in np.ndenumerate(array):
        assert value == elements[(i * rows + row) * columns + column]


@given(image_files(), st.booleans(), st.data())
@on_disk
def test_any_strict_prefix_is_refused(tmp_path, file, compressed, data):
    """Only this catches a reader that fills up, or silently shortens, a file cut anywhere."""
    content = idx_bytes(*file)
    if compressed:
        content = gzip.compress(content)
    length = data.draw(st.integers(0, len(content) - 1))
    path = tmp_path / "images"
    path.write_bytes(content[:length])
    with pytest.raises(DatasetError, match=r"images: truncated: expected .*, found .*again"):
        read_idx(path, 3)


@given(image_files(), st.binary(min_size=1, max_size=8))
@on_disk
def test_trailing_bytes_are_refused(tmp_path, file, extra):
    content = idx_bytes(*file)
    path = tmp_path / "images"
    path.write_bytes(content + extra)
    expected = f"trailing bytes: expected {len(content)} .*found {len(content) + len(extra)} bytes"
    with pytest.raises(DatasetError, match=expected):
        read_idx(path, 3)


def test_a_damaged_gzip_stream_is_refused(tmp_path):
    content = bytearray(gzip.compress(idx_bytes((2, 2, 2), bytes(range(8)))))
    content[-6] ^= 0xFF  # inside the CRC-32 of the trailer
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"images\.gz: damaged: expected a valid gzip stream"):
        read_idx(path, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n", "wrong magic number: expected 0x00000803, found 0x89504e47"),
        (idx_bytes((1,), b"\0", type_code=0x07), "wrong magic number: .*0x00000701; this is not"),
        (idx_bytes((1, 1, 1), bytes(4), type_code=0x0D), r"expected code 0x08 .*0x0d \(32-bit fl"),
        (idx_bytes((2,), b"\1\2"), r"0x00000803 \(images\), found 0x00000801 \(labels\).*swapped"),
        (idx_bytes((1, 1), b"\1"), r"found 0x00000802 \(2 dimensions\)"),
    ],
    ids=["not idx", "unknown type code", "float elements", "labels for images", "two dimensions"],
)
def test_a_wrong_header_is_named(tmp_path, content, message):
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=f"images: .*{message}"):
        read_idx(path, 3)


def test_a_header_that_promises_too_much_is_refused(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(idx_bytes((2**32 - 1, 2**32 - 1, 2**32 - 1), b"\1"))
    with pytest.raises(DatasetError, match=f"truncated: expected {16 + (2**32 - 1) ** 3} bytes"):
        read_idx(path, 3)


@pytest.mark.parametrize("joint", ["-", "."])
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
def test_a_split_is_found_under_each_of_its_names(tmp_path, joint, compressed):
    pixels = np.random.default_rng(5).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    end = ".gz" if compressed else ""
    for name, content in (
        (f"t10k-images{joint}idx3-ubyte{end}", idx_bytes((3, 28, 28), pixels.tobytes())),
        (f"t10k-labels{joint}idx1-ubyte{end}", idx_bytes((3,), bytes([0, 9, 4]))),
    ):
        (tmp_path / name).write_bytes(gzip.compress(content) if compressed else content)
    split = read_split(tmp_path, "t10k")
    np.testing.assert_array_equal(split.images, pixels)
    assert split.labels.tolist() == [0, 9, 4]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"labels": idx_bytes((2,), bytes(2))},
            "labels-idx1-ubyte: wrong count: expected 3 .*found 2",
        ),
        (
            {"labels": idx_bytes((3,), bytes([3, 10, 11]))},
            r"label out of range: expected 0\.\.9, found 10 at index 1",
        ),
        (
            {"images": idx_bytes((3, 28, 14), bytes(3 * 28 * 14))},
            "images-idx3-ubyte: wrong image size: expected 28x28, found 28x14",
        ),
        (
            {"images": idx_bytes((0, 28, 28), b""), "labels": idx_bytes((0,), b"")},
            "expected at least one image, found none",
        ),
    ],
    ids=["count", "label", "size", "empty"],
)
def test_a_split_that_does_not_fit_together_is_refused(tmp_path, files, message):
    write_split(tmp_path, **files)
    with pytest.raises(DatasetError, match=message):
        read_split(tmp_path, "train")


def test_a_missing_file_is_named_with_the_names_looked_for(tmp_path):
    write_split(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(
        DatasetError, match=r"labels-idx1-ubyte: .*labels\.idx1-ubyte\.gz\), found no such file"
    ):
        read_split(tmp_path, "train")
    with pytest.raises(DatasetError, match="found no such folder; give the folder"):
        read_split(tmp_path / "absent", "train")


def test_reading_a_path_that_is_no_file_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="expected an IDX file, found nothing"):
        read_idx(tmp_path / "absent", 1)
    with pytest.raises(DatasetError, match="expected an IDX file, found a folder"):
        read_idx(tmp_path, 1)


def zeros_in_gzip(head: bytes, n_zeros: int) -> bytes:
    """Gzip of the head and a great many zeros, made a megabyte at a time."""
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(head)]
    parts += [packer.compress(bytes(2**20)) for _ in range(n_zeros // 2**20)]
    return b"".join([*parts, packer.flush()])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 2, 2), r"trailing bytes: expected 24 bytes .* found 25 bytes"),
        ((2**17, 28, 28), r"truncated: expected 102760464 bytes for shape .* which cannot hold"),
        ((2**31, 28, 28), r"too large: expected at most 1,000,000,000 bytes .* promises 1,683,6"),
    ],
    ids=["more than promised", "more than gzip can hold", "gigabytes promised"],
)
def test_a_gzip_file_is_expanded_no_further_than_its_header_promises(tmp_path, shape, message):
    """64 MB of zeros in 64 KB: only this catches the whole of them in memory before the refusal.

    The trailer says 5 bytes, which a reader that trusts it would allocate.
    """
    content = zeros_in_gzip(idx_bytes(shape, b""), 64 * 2**20)
    path = tmp_path / "images.gz"
    path.write_bytes(content[:-4] + struct.pack("<I", 5))
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match=message):
            read_idx(path, 3)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * 2**20


def test_a_gzip_file_of_another_kind_is_refused_by_its_header_alone(tmp_path):
    """255 dimensions of 2^32 - 1: a promise that no integer of a file's size holds."""
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx_bytes((2**32 - 1,) * 255, b"")))
    with pytest.raises(DatasetError, match=r"wrong magic number: .*\(255 dimensions\)"):
        read_idx(path, 3)

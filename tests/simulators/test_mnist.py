import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from patchlaw.simulators.datasets import DatasetError, load_mnist
from patchlaw.simulators.datasets.embedded import (
    PooledDataset,
    manifest_path,
    read_packed,
    write_packed,
)
from patchlaw.simulators.datasets.mnist import EMBEDDED_FILE
from patchlaw.simulators.datasets.packing import pack_sums, unpack_sums
from patchlaw.simulators.datasets.pooling import pool_sums, sums_to_angles
from tests.idx_files import write_split
from tests.strategies import examples

ABOUT = {"name": "toy", "source": "drawn", "licence": "none"}
on_disk = settings(examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])


def arrays_of(dtype: type, high: int, side: int) -> st.SearchStrategy[np.ndarray]:
    """Draw one to three images with a drawn background, so that zeros and runs both occur."""
    return hnp.arrays(
        dtype,
        st.integers(1, 3).map(lambda n: (n, side, side)),
        elements=st.integers(0, high),
        fill=st.sampled_from([0, high]),
    )


pooled_images = arrays_of(np.uint16, 1020, 14)


@st.composite
def datasets(draw: st.DrawFn) -> PooledDataset:
    def labels(sums: np.ndarray) -> np.ndarray:
        return draw(hnp.arrays(np.uint8, len(sums), elements=st.integers(0, 9)))

    train, test = draw(pooled_images), draw(pooled_images)
    return PooledDataset(train, labels(train), test, labels(test))


@pytest.fixture(scope="module")
def mnist():
    return load_mnist()


@pytest.fixture
def packed(tmp_path) -> Path:
    """A valid packed file of a small data set."""
    rng = np.random.default_rng(11)
    sums = rng.integers(0, 1021, (3, 14, 14), dtype=np.uint16)
    labels = rng.integers(0, 10, 3, dtype=np.uint8)
    path = tmp_path / "toy.safetensors"
    write_packed(path, PooledDataset(sums, labels, sums[:2], labels[:2]), **ABOUT)
    return path


# --- pooling and scaling


@given(arrays_of(np.uint8, 255, 28))
@examples(40)
def test_angles_are_torch_average_pooling_of_scaled_pixels(images):
    """What the author did, by torch's own pooling.

    Only this catches blocks summed along the wrong axes, and a wrong factor of 4, 255 or 2 pi / 8.
    """
    scaled = torch.from_numpy(images.astype(np.float64)) / 255 * 2 * math.pi / 8
    expected = torch.nn.functional.avg_pool2d(scaled[:, None], kernel_size=2, stride=2)[:, 0]
    angles = sums_to_angles(pool_sums(images))
    assert angles.dtype == np.float32
    # One rounding to float32 is at most half a unit in the last place, 2**-24 relative.
    np.testing.assert_allclose(angles, expected.numpy(), rtol=2**-24 * 1.01, atol=0)


def test_the_range_of_angles_is_closed_at_both_ends():
    extremes = np.array([[[0]], [[255]]], dtype=np.uint8) * np.ones((1, 28, 28), dtype=np.uint8)
    angles = sums_to_angles(pool_sums(extremes))
    assert np.all(angles[0] == 0)
    assert np.all(angles[1] == np.float32(math.pi / 4))


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((1, 28, 28), np.float32), TypeError, "dtype uint8 .*got float32"),
        (np.zeros((28, 28), np.uint8), ValueError, r"\(N, 28, 28\), got \(28, 28\)"),
        (np.zeros((1, 28, 30), np.uint8), ValueError, r"got \(1, 28, 30\)"),
    ],
    ids=["float", "single image", "wide"],
)
def test_pooling_refuses_other_images(images, error, message):
    with pytest.raises(error, match=message):
        pool_sums(images)


def test_a_sum_above_1020_has_no_angle():
    with pytest.raises(ValueError, match=r"0\.\.1020, got 1021"):
        sums_to_angles(np.array([3, 1021], dtype=np.uint16))


# --- packing


@given(pooled_images)
@settings(deadline=None)
def test_packing_is_lossless(sums):
    restored = unpack_sums(*pack_sums(sums), len(sums))
    assert restored.dtype == np.uint16
    np.testing.assert_array_equal(restored, sums)


def test_packed_bits_by_hand():
    """Fixes the format itself, which a round trip cannot: a change of bit order fails here."""
    sums = np.zeros((1, 14, 14), dtype=np.uint16)
    sums[0, 0, 1], sums[0, 13, 13] = 1020, 1
    mask, values = pack_sums(sums)
    assert mask.tolist() == [0b0100_0000, *[0] * 23, 0b0001_0000]  # pixel 195 = byte 24, bit 3
    assert values.tolist() == [0b1111_1111, 0b00_000000, 0b0001_0000]


@pytest.mark.parametrize(
    ("sums", "error", "message"),
    [
        (np.zeros((1, 14, 14), np.int64), TypeError, "dtype uint16, got int64"),
        (np.zeros((14, 14), np.uint16), ValueError, r"\(N, 14, 14\), got \(14, 14\)"),
        (np.full((1, 14, 14), 1021, np.uint16), ValueError, r"0\.\.1020, got 1021"),
    ],
    ids=["dtype", "shape", "value"],
)
def test_packing_refuses_what_it_cannot_hold(sums, error, message):
    with pytest.raises(error, match=message):
        pack_sums(sums)


@pytest.mark.parametrize("part", ["mask", "values"])
def test_unpacking_refuses_parts_that_do_not_fit(part):
    mask, values = pack_sums(np.full((2, 14, 14), 7, dtype=np.uint16))
    parts = {"mask": mask, "values": values}
    parts[part] = parts[part][:-1]
    with pytest.raises(ValueError, match=f"{part}: expected uint8 of shape"):
        unpack_sums(**parts, n_images=2)


# --- the packed file


@given(datasets())
@on_disk
def test_the_packed_file_is_lossless_and_reproducible(tmp_path, dataset):
    path, again = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    assert write_packed(path, dataset, **ABOUT) == write_packed(again, dataset, **ABOUT)
    assert path.read_bytes() == again.read_bytes()
    assert manifest_path(path).read_bytes() == manifest_path(again).read_bytes()
    restored, manifest = read_packed(path)
    for field in dataclasses.fields(PooledDataset):
        np.testing.assert_array_equal(getattr(restored, field.name), getattr(dataset, field.name))
    assert (manifest.n_train, manifest.n_test) == (
        len(dataset.train_labels),
        len(dataset.test_labels),
    )
    assert len(list(tmp_path.iterdir())) == 4  # no temporary file left


@given(st.data())
@on_disk
def test_any_flipped_bit_is_a_checksum_mismatch(packed, data):
    """Only this catches a checksum taken over part of the file, or not compared."""
    content = bytearray(packed.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    damaged = packed.with_name("damaged.safetensors")
    damaged.write_bytes(content)
    manifest_path(damaged).write_bytes(manifest_path(packed).read_bytes())
    with pytest.raises(DatasetError, match=r"damaged\.safetensors: checksum mismatch: "):
        load_mnist(damaged)


@given(st.data())
@on_disk
def test_any_strict_prefix_of_the_packed_file_is_refused(packed, data):
    content = packed.read_bytes()
    short = packed.with_name("short.safetensors")
    short.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    manifest_path(short).write_bytes(manifest_path(packed).read_bytes())
    with pytest.raises(DatasetError, match=r"checksum mismatch: .*; rebuild it from the IDX files"):
        read_packed(short)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m | {"n_test": 3}, "wrong count: expected 3 .* 3 test images, found 3 and 2"),
        (lambda m: m | {"n_test": "2"}, "expected <class 'int'> for 'n_test', found '2'"),
        (lambda m: m | {"extra": 1}, r"expected the fields \[.*found .*'extra'"),
        (lambda m: list(m), r"expected the fields \[.*found list"),
    ],
    ids=["count", "type", "field", "list"],
)
def test_a_manifest_that_does_not_fit_is_refused(packed, change, message):
    beside = manifest_path(packed)
    beside.write_text(json.dumps(change(json.loads(beside.read_text()))))
    with pytest.raises(DatasetError, match=message):
        read_packed(packed)


def test_a_missing_packed_file_is_refused_with_the_way_to_build_it(packed):
    packed.unlink()
    with pytest.raises(
        DatasetError,
        match=r"toy\.safetensors: expected a packed data file, found nothing; check the path or ",
    ):
        read_packed(packed)


def test_a_damaged_or_missing_manifest_is_refused(packed):
    manifest_path(packed).write_text("{")
    with pytest.raises(DatasetError, match=r"toy\.json: expected JSON, found something else"):
        read_packed(packed)
    manifest_path(packed).unlink()
    with pytest.raises(DatasetError, match=r"toy\.json: expected the manifest of toy.safetensors"):
        read_packed(packed)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not safetensors", "expected a safetensors file, found something else"),
        ("other names", r"expected the tensors \['test_labels'.*found \['x'\]"),
        ("label 10", r"expected train_labels as a row of uint8 in 0\.\.9"),
        ("short mask", r"train_mask: expected uint8 of shape \(25,\), got uint8 of \(24,\)"),
        ("sum 1023", r"expected train sums 0\.\.1020, found 1023"),
    ],
)
def test_contents_are_checked_even_where_the_checksum_holds(packed, content, message):
    import hashlib

    from safetensors.numpy import save

    sums = np.full((1, 14, 14), 7, dtype=np.uint16)
    mask, values = pack_sums(sums)
    tensors = {f"{s}_{k}": v for s in ("train", "test") for k, v in (("mask", mask),)}
    tensors |= {"train_values": values, "test_values": values}
    tensors |= {"train_labels": np.zeros(1, np.uint8), "test_labels": np.zeros(1, np.uint8)}
    match content:
        case "other names":
            tensors = {"x": mask}
        case "label 10":
            tensors["train_labels"] = np.array([10], np.uint8)
        case "short mask":
            tensors["train_mask"] = mask[:-1]
        case "sum 1023":
            tensors["train_values"] = np.full_like(values, 0xFF)
    packed.write_bytes(content if isinstance(content, bytes) else save(tensors))
    manifest = json.loads(manifest_path(packed).read_text())
    manifest["sha256"] = hashlib.sha256(packed.read_bytes()).hexdigest()
    manifest_path(packed).write_text(json.dumps(manifest))
    with pytest.raises(DatasetError, match=message):
        read_packed(packed)


def test_a_failed_write_keeps_the_files_that_were_there(packed, monkeypatch):
    before = {path.name: path.read_bytes() for path in packed.parent.iterdir()}
    dataset, _ = read_packed(packed)
    other = dataclasses.replace(dataset, train_labels=(dataset.train_labels + 1) % 10)

    def full_disk(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_packed(packed, other, **ABOUT)
    assert {path.name: path.read_bytes() for path in packed.parent.iterdir()} == before


def test_writing_refuses_names_it_cannot_use(packed, tmp_path):
    dataset, _ = read_packed(packed)
    with pytest.raises(ValueError, match=r"ending in \.json.*use the suffix \.safetensors"):
        write_packed(tmp_path / "x.json", dataset, **ABOUT)
    (tmp_path / "y.json").mkdir()
    with pytest.raises(IsADirectoryError, match=r"y\.json: expected a file to write"):
        write_packed(tmp_path / "y.safetensors", dataset, **ABOUT)
    assert not (tmp_path / "y.safetensors").exists()
    short = dataclasses.replace(dataset, test_labels=dataset.test_labels[:1])
    with pytest.raises(ValueError, match=r"test_labels: expected uint8 of shape \(2,\)"):
        write_packed(tmp_path / "z.safetensors", short, **ABOUT)


# --- load_mnist


def test_embedded_mnist_has_the_published_counts(mnist):
    """Label counts from the literature on MNIST.

    Only this catches a split swapped, shortened or shuffled against its labels' file.
    """
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert torch.bincount(mnist.train_labels).tolist() == train
    assert torch.bincount(mnist.test_labels).tolist() == test
    assert mnist.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def test_embedded_mnist_has_the_published_mean_and_shape(mnist):
    """The mean pixel 0.1307 that everybody normalises MNIST with; pooling keeps the mean."""
    assert mnist.train_images.shape == (60_000, 14, 14)
    assert mnist.test_images.shape == (10_000, 14, 14)
    assert mnist.train_images.dtype == mnist.test_images.dtype == torch.float32
    assert mnist.train_labels.dtype == mnist.test_labels.dtype == torch.int64
    mean = mnist.train_images.double().mean().item() / (math.pi / 4)
    assert mean == pytest.approx(0.1307, abs=5e-5)
    for images in (mnist.train_images, mnist.test_images):
        assert images.min() == 0
        assert images.max() == np.float32(math.pi / 4)


def test_images_belong_to_their_labels(mnist):
    """Nearest class mean scores about 82 % on MNIST and 10 % on shuffled labels."""
    images, labels = mnist.train_images.flatten(1), mnist.train_labels
    means = torch.stack([images[labels == digit].mean(0) for digit in range(10)])
    nearest = torch.cdist(mnist.test_images.flatten(1), means).argmin(1)
    assert (nearest == mnist.test_labels).double().mean() > 0.8


def test_the_embedded_file_is_what_its_own_contents_pack_to(tmp_path):
    """Byte for byte reproducibility, on the real file, without the IDX files."""
    dataset, manifest = read_packed(EMBEDDED_FILE)
    about = {key: getattr(manifest, key) for key in ("name", "source", "licence")}
    again = tmp_path / "again.safetensors"
    assert write_packed(again, dataset, **about) == manifest
    assert again.read_bytes() == EMBEDDED_FILE.read_bytes()
    assert manifest_path(again).read_bytes() == manifest_path(EMBEDDED_FILE).read_bytes()


def test_any_mnist_format_folder_loads(tmp_path):
    images = np.random.default_rng(2).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    write_split(tmp_path, "train", images, bytes([1, 0, 9, 3, 3]))
    write_split(tmp_path, "t10k", images[3:], bytes([4, 7]))
    data = load_mnist(str(tmp_path))
    block = images[2, 26:28, 0:2].astype(int).sum()
    assert data.train_images[2, 13, 0].item() == pytest.approx(block / 1020 * math.pi / 4, rel=1e-7)
    assert torch.equal(data.test_images, data.train_images[3:])
    assert data.train_labels.tolist() == [1, 0, 9, 3, 3]
    assert data.test_labels.tolist() == [4, 7]


def test_a_source_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="absent: expected a folder of IDX files or a packed"):
        load_mnist(tmp_path / "absent")


def test_the_loaded_tensors_are_the_callers_own(packed):
    first = load_mnist(packed)
    first.train_images.zero_()
    assert load_mnist(packed).train_images.any()

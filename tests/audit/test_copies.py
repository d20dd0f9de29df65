"""Copies of drawn images: what counts as one, their groups and their order."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from ieg.audit import find_copies
from ieg.audit.alignment import aligned_correlation

Pixels = NDArray[np.uint8]


def drawing(seed: int, side: int = 192) -> NDArray[np.float64]:
    """Blobs and edges in gray, like a photograph: most of the energy at low frequencies."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=[side, side])
    layers = [ndimage.gaussian_filter(noise, s, mode="wrap") * s for s in (3, 8, 20)]
    pixels = np.sum(layers, axis=0)
    left, top = rng.integers(0, side // 2, 2)
    pixels[top : top + side // 3, left : left + side // 3] += pixels.std()
    low, high = pixels.min(), pixels.max()
    return 20 + 190 * (pixels - low) / (high - low)


def small(image: NDArray[np.float64], side: int = 48) -> Pixels:
    """A thumbnail; blurred before it is sampled, as averaging would."""
    zoom = np.array([side, side]) / image.shape
    blurred = ndimage.gaussian_filter(image, 0.4 / zoom)
    places = np.meshgrid(*[(np.arange(side) + 0.5) / z - 0.5 for z in zoom], indexing="ij")
    sampled = ndimage.map_coordinates(blurred, places, order=1, mode="nearest")
    return sampled.round().clip(0, 255).astype(np.uint8)


def changed(image: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    return {
        "crop": image[2:184, 8:190],
        "wide crop": image[20:, 4:180],
        "mirror": image[:, ::-1],
        "mirrored crop": image[5:187, :182][:, ::-1],
        "half": image.reshape(96, 2, 96, 2).mean(axis=(1, 3)),
        "bright": np.minimum(image * 1.1, 255),
        "noisy": image + rng.normal(size=image.shape) * 8,
    }


def features(groups: list[int], seed: int = 0) -> NDArray[np.float32]:
    """Rows near each other for images of one number."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=[max(groups) + 1, 64])
    return (centers[groups] + 0.1 * rng.normal(size=[len(groups), 64])).astype(np.float32)


@pytest.mark.parametrize("kind", changed(drawing(0)))
def test_a_changed_image_is_a_copy(kind: str) -> None:
    image = drawing(1)
    others = [small(drawing(seed)) for seed in range(2, 6)]
    thumbnails = np.stack([small(image), *others, small(changed(image)[kind])])
    (group,) = find_copies(features([0, 1, 2, 3, 4, 0]), thumbnails)
    assert group.rows.tolist() == [0, 5] and group.kind == "near"
    assert group.similarity[0] == 1 and group.similarity[1] > 0.988


def test_other_images_are_none_whatever_their_features() -> None:
    thumbnails = np.stack([small(drawing(seed)) for seed in range(12)])
    assert find_copies(features([0] * 12), thumbnails) == []


def test_equal_pictures_of_distant_features_are_none() -> None:
    thumbnails = np.stack([small(drawing(0))] * 2)
    opposite = np.array([[1, 0], [0, 1]], np.float32)
    assert find_copies(opposite, thumbnails) == []
    (group,) = find_copies(opposite, thumbnails, digests=[b"same", b"same"])
    assert group.kind == "exact" and group.similarity.tolist() == [1, 1]


def test_blank_pictures_are_copies_only_if_their_pixels_are_equal() -> None:
    thumbnails = np.full([4, 32, 32], 255, np.uint8)
    (group,) = find_copies(features([0] * 4), thumbnails, digests=[b"a", b"b", b"a", b"c"])
    assert group.rows.tolist() == [0, 2] and group.kind == "exact"


def test_groups_hold_all_copies_and_wrong_labels_come_first_then_leaks() -> None:
    images = [drawing(seed) for seed in range(3)]
    bright = [changed(image)["bright"] for image in images]
    mirrored = changed(images[2])["mirror"]
    pixels = [images[0], images[1], images[2], *bright, mirrored, images[2]]
    groups = find_copies(
        features([0, 1, 2, 0, 1, 2, 2, 2]),
        np.stack([small(image) for image in pixels]),
        digests=[b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"2"],
        labels=["rose", "rose", "daisy", "rose", "rose", "daisy", "rose", "daisy"],
        split=[0, 0, 0, 0, 1, 0, 0, 0],
    )
    assert [g.rows.tolist() for g in groups] == [[2, 5, 6, 7], [1, 4], [0, 3]]
    assert [(g.labels_differ, g.leak) for g in groups] == [
        (True, False),
        (False, True),
        (False, False),
    ]
    assert {g.kind for g in groups} == {"near"}


def test_more_equal_images_than_neighbors_are_one_group_with_their_copy() -> None:
    image = drawing(0)
    thumbnails = np.stack([small(image)] * 40 + [small(changed(image)["crop"])])
    (group,) = find_copies(features([0] * 41), thumbnails, digests=[b"equal"] * 40 + [b"crop"])
    assert group.rows.tolist() == list(range(41)) and group.kind == "near"


def test_a_chain_of_crops_is_not_one_group() -> None:
    """Each window shows most of the one before, and the last nothing of the first."""
    scene = np.concatenate([drawing(seed) for seed in range(3)], axis=1)
    windows = np.stack([small(scene[:, first : first + 192]) for first in range(0, 385, 12)])
    groups = find_copies(features([0] * len(windows)), windows)
    assert len(groups) > 4
    for group in groups:
        others = group.rows[group.rows != group.reference]
        assert np.abs(others - group.reference).max() <= 4  # steps: a quarter is the largest shift
    rows = np.concatenate([group.rows for group in groups])
    assert len(rows) == len(set(rows.tolist()))


def test_alignment_finds_scale_and_shift_and_does_not_depend_on_contrast() -> None:
    image = drawing(3)
    whole, part = (
        ndimage.gaussian_filter(small(x).astype(np.float32), 1) for x in (image, image[12:188, 4:])
    )
    pair = whole[np.newaxis], part[np.newaxis]
    plain = np.corrcoef(whole.ravel(), part.ravel())[0, 1]
    (found,) = aligned_correlation(*pair)
    assert plain < 0.95 < 0.995 < found <= 1 + 1e-6
    (negative,) = aligned_correlation(pair[0], 255 - pair[1])
    assert negative < 0.5
    (scaled,) = aligned_correlation(pair[0], 0.3 * pair[1] + 90)
    assert scaled == pytest.approx(found, abs=1e-3)


def test_wrong_arguments() -> None:
    thumbnails = np.zeros([2, 32, 32], np.uint8)
    with pytest.raises(ValueError, match="expected labels of 2 images, got 3"):
        find_copies(features([0, 1]), thumbnails, labels=[1, 2, 3])
    with pytest.raises(ValueError, match="uint8, got float64"):
        find_copies(features([0, 1]), thumbnails.astype(float))
    with pytest.raises(ValueError, match="at least 16 pixels"):
        find_copies(features([0, 1]), thumbnails[:, :8])
    assert find_copies(np.zeros([0, 4], np.float32), thumbnails[:0]) == []

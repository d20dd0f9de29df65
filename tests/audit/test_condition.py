"""Condition of images: measurements by hand, and findings relative to a set or not."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from ieg.audit import condition
from ieg.audit.condition import Measurement, Thresholds

GOOD = Measurement(
    width=300,
    height=200,
    brightness=0.9,
    clipped=0.0,
    contrast=0.2,
    sharpness=2.0,
    colorfulness=0.3,
)


def found(*rows: Measurement | None, limits: Thresholds | None = None) -> list[tuple[int, str]]:
    """Findings in a set of these images, and of six good ones behind them."""
    return [(one.index, one.kind) for one in condition.find([*rows, *[GOOD] * 6], limits)]


def photo(seed: int = 0, side: int = 100) -> np.ndarray:
    """Colored rectangles of all sizes."""
    rng = np.random.default_rng(seed)
    image = np.full([side, side, 3], 128, np.uint8)
    for _ in range(60):
        (y, x), (h, w) = rng.integers(side, size=2), rng.integers(side // 20, side // 3, size=2)
        image[y : y + h, x : x + w] = rng.integers(20, 220, size=3)
    return image


def test_light_and_contrast_by_hand() -> None:
    image = np.zeros([4, 50, 3], np.uint8)
    image[:, 10:] = 100
    image[0, 10:20] = (255, 100, 100)
    row = condition.measure(image)
    # 40 of 200 pixels are 0, ten are 0.299 · 255 + 0.701 · 100 = 146, and 150 are 100.
    assert (row.width, row.height, row.clipped) == (50, 4, 0.05)
    assert row.brightness == pytest.approx(146 / 255)
    mean = (150 * 100 + 10 * 146) / 200
    variance = (40 * mean**2 + 150 * (100 - mean) ** 2 + 10 * (146 - mean) ** 2) / 200
    assert row.contrast == pytest.approx(variance**0.5 / 255)


def test_colorfulness_by_hand() -> None:
    """Half red, half green: rg is ±1 and yb is 1/2 everywhere."""
    image = np.zeros([10, 10, 3], np.uint8)
    image[:5, :, 0] = image[5:, :, 1] = 255
    assert condition.measure(image).colorfulness == pytest.approx(1 + 0.3 * 0.5)
    grey = np.repeat(photo()[..., :1], 3, axis=2)
    assert condition.measure(grey).colorfulness == 0


def test_sharpness_of_an_edge_by_hand() -> None:
    """Beside a step of 200 |Laplacian| is 200 and the central difference 100."""
    image = np.zeros([20, 20, 3], np.uint8)
    image[:, 10:] = 200
    assert condition.measure(image).sharpness == pytest.approx(200 / 101)
    ramp = np.repeat(np.arange(0, 200, 10, dtype=np.uint8)[np.newaxis, :, np.newaxis], 20, axis=0)
    # The slope is 10 inside, and the Laplacian is 10 at both ends alone, which are 2 columns of 20.
    assert condition.measure(np.repeat(ramp, 3, axis=2)).sharpness == pytest.approx(10 / 11)


def test_sharpness_depends_neither_on_contrast_nor_on_size() -> None:
    image = photo(side=600)
    sharp = condition.measure(image).sharpness
    pale = (image // 2 + 60).astype(np.uint8)
    assert condition.measure(pale).sharpness == pytest.approx(sharp, rel=0.1)
    small = np.asarray(Image.fromarray(image).resize((300, 300), Image.Resampling.BOX))
    assert condition.measure(small).sharpness == pytest.approx(sharp, rel=0.1)
    blurred = np.asarray(Image.fromarray(small).filter(ImageFilter.GaussianBlur(4)))
    assert condition.measure(blurred).sharpness < 0.4 * sharp


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (3000, 1)])
def test_any_size_is_measured(shape: tuple[int, int]) -> None:
    row = condition.measure(np.full([*shape, 3], 200, np.uint8))
    assert (row.height, row.width) == shape and row.sharpness == row.contrast == 0
    assert row.brightness == pytest.approx(200 / 255)


@pytest.mark.parametrize(
    "image", [np.zeros([5, 5]), np.zeros([5, 5, 4], np.uint8), np.zeros([0, 5, 3], np.uint8)]
)
def test_no_image(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected an image \[h, w, 3\] of uint8, got"):
        condition.measure(image)


def test_files(tmp_path: Path) -> None:
    image = photo()
    Image.fromarray(image).save(tmp_path / "whole.png")
    assert condition.measure_file(tmp_path / "whole.png") == condition.measure(image)
    Image.fromarray(image).convert("L").save(tmp_path / "grey.png")
    row = condition.measure_file(str(tmp_path / "grey.png"))
    assert row is not None and row.colorfulness == 0
    content = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.jpg").write_text("no image")
    for name in ("half.png", "text.jpg", "missing.jpg"):
        assert condition.measure_file(tmp_path / name) is None


def test_every_kind_is_found_where_it_was_planted() -> None:
    photos = [photo(seed) for seed in range(12)]
    photos[0] = np.full_like(photos[0], 77)
    photos[1] //= 8
    photos[2] = np.minimum(photos[2].astype(int) * 4, 255).astype(np.uint8)
    photos[3] = np.asarray(Image.fromarray(photos[3]).filter(ImageFilter.GaussianBlur(5)))
    photos[4] = np.repeat(photos[4][..., 1:2], 3, axis=2)
    photos[5] = photo(5, side=30)
    photos[6] = photos[6][:30]
    rows: list[Measurement | None] = [condition.measure(image) for image in photos]
    findings = condition.find([*rows, None])
    assert [(one.kind, one.index) for one in findings] == [
        ("damaged", 12),
        ("constant", 0),
        ("dark", 1),
        ("overexposed", 2),
        ("blurred", 3),
        ("grey", 4),
        ("size", 5),
        ("shape", 6),
    ]


def test_values_and_thresholds_of_this_set() -> None:
    blurred, dull = GOOD._replace(sharpness=0.5), GOOD._replace(sharpness=0.7)
    first, second = condition.find([dull, blurred, *[GOOD] * 6])
    assert (first.index, first.kind, first.value) == (1, "blurred", 0.5)
    assert (second.index, second.value) == (0, 0.7)  # the worst comes first
    assert first.threshold == second.threshold == pytest.approx(0.4 * 2.0)
    (huge,) = condition.find([GOOD._replace(width=3000, height=2000), *[GOOD] * 6])
    side = 60_000**0.5
    assert (huge.kind, huge.value) == ("size", pytest.approx(10 * side))
    assert huge.threshold == pytest.approx(2 * side)  # all others are alike
    tiny, *_ = condition.find([GOOD._replace(width=30, height=20), *[GOOD] * 6])
    assert tiny.threshold == pytest.approx(side / 2)


def test_sizes_that_vary_are_not_odd() -> None:
    sizes = [GOOD._replace(width=w, height=w) for w in (50, 100, 200, 400, 800, 1600, 3200)]
    assert condition.find(sizes) == []
    # In octaves from the median: -3 to 3, absolute deviations 0 1 1 2 2 3 3, their median 2.
    limits = {one.index: one.threshold for one in condition.find(sizes, Thresholds(size=1.0))}
    assert limits.keys() == {0, 6}
    assert limits[6] == pytest.approx(400 * 2 ** (2 * 1.4826))


def test_standing_and_lying_images_have_one_shape() -> None:
    turned = GOOD._replace(width=200, height=300)
    assert found(turned) == []
    assert found(GOOD._replace(width=300, height=80, brightness=0.9)) == [(0, "shape")]


def test_without_light_nothing_is_said_of_blur_and_color() -> None:
    spoiled = {"sharpness": 0.1, "colorfulness": 0.0}
    assert found(GOOD._replace(**spoiled)) == [(0, "blurred"), (0, "grey")]
    assert found(GOOD._replace(**spoiled, brightness=0.1)) == [(0, "dark")]
    assert found(GOOD._replace(**spoiled, clipped=0.9)) == [(0, "overexposed")]
    assert found(GOOD._replace(**spoiled, contrast=0.0, brightness=0.1)) == [(0, "constant")]


@pytest.mark.parametrize(("kind", "change"), [("grey", "colorfulness"), ("overexposed", "clipped")])
def test_a_style_is_no_finding_where_it_is_common(kind: str, change: str) -> None:
    odd = GOOD._replace(**{change: 0.0 if kind == "grey" else 0.9})
    assert found(*[odd] * 5) == [(i, kind) for i in range(5)]
    assert found(*[odd] * 6) == []
    assert found(*[odd] * 5, limits=Thresholds(common=0.4)) == []
    dark = GOOD._replace(brightness=0.1)
    assert len(found(*[dark] * 20)) == 20


def test_only_damaged_images_and_none() -> None:
    assert condition.find([]) == []
    assert [one.kind for one in condition.find([None, None])] == ["damaged"] * 2


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("dark", 1.5, r"dark=1.5 must lie in \[0, 1\]"),
        ("constant", 0.6, r"constant=0.6 must lie in \[0, 0.5\]"),
        ("size", 0.0, "size=0 must be above 0"),
        ("grey", -1.0, "grey=-1 must be at least 0"),
        ("common", float("nan"), r"common=nan must lie in \[0, 1\]"),
    ],
)
def test_thresholds_in_their_ranges(name: str, value: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(Thresholds(), **{name: value})

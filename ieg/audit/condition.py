"""Images in bad condition: damaged, constant, dark, overexposed, blurred, grey, of odd proportions.

`measure` looks at one image, `find` compares the measurements of a set. Networks see photographs
at about `SIDE` pixels, so everything but size and shape is measured there: a blur that scaling
down removes does no harm.

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> photos = [rng.integers(256, size=[40, 60, 3]).astype(np.uint8) for _ in range(3)]
>>> photos[1] //= 8
>>> measurements = [measure(photos[0]), measure(photos[1]), None, measure(photos[2])]
>>> [(finding.index, finding.kind) for finding in find(measurements)]
[(2, 'damaged'), (1, 'dark')]
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ieg import decoding

FloatArray = NDArray[np.float64]
Band = NDArray[np.float32]

#: Kinds of findings, in the order in which `find` returns them.
KINDS = ("damaged", "constant", "dark", "overexposed", "blurred", "grey", "size", "shape")
#: Larger images are scaled down to SIDE² pixels before they are measured.
SIDE = 224
#: Values from here on have reached the top of their range; JPEG may take 1 off 255.
_CLIPPED = 254
#: One pixel of a hundred may be anything: a reflection, noise, the date in a corner.
_UPPER = 0.99
#: Sizes and shapes within this factor of the median are never odd, however alike the others are.
_ALIKE = 2.0
#: Standard deviation of a normal distribution / its median absolute deviation.
_NORMAL = 1.4826
#: Without light, neither blur nor color can be judged.
_HIDING = ("constant", "dark", "overexposed")
_OUTLINES = ("size", "shape")
_STYLES = ("overexposed", "grey")
_TINY = 1e-9


class Measurement(NamedTuple):
    """Measured condition of one image.

    Attributes:
      width, height: in pixels, above 0.
      brightness: in [0, 1], 99th percentile of luma (0.299 R + 0.587 G + 0.114 B).
      clipped: in [0, 1], share of pixels with a channel at the top of its range.
      contrast: in [0, 0.5], standard deviation of luma (RMS contrast).
      sharpness: 99th percentile of |Laplacian| / 99th percentile of |gradient| of luma, at least 0:
        scaling the contrast changes neither, and of a photograph with a blurred background the
        subject counts. Grain and sharp frames count too, and hide a blur.
      colorfulness: at least 0, sqrt(σ_rg² + σ_yb²) + 0.3 sqrt(μ_rg² + μ_yb²) with rg = R - G and
        yb = (R + G) / 2 - B in [-1, 1]; 0 for grey.

    Reference: D. Hasler and S. Süsstrunk, "Measuring Colorfulness in Natural Images", Human Vision
    and Electronic Imaging VIII, 2003. The Laplacian as a measure of focus: J. L. Pech-Pacheco et
    al., "Diatom Autofocusing in Brightfield Microscopy", ICPR 2000.
    """

    width: int
    height: int
    brightness: float
    clipped: float
    contrast: float
    sharpness: float
    colorfulness: float


def measure(image: NDArray[np.uint8]) -> Measurement:
    """Measure one decoded image, of any size, in about a millisecond.

    Args:
      image: [h, w, 3] uint8 RGB, h and w above 0.
    Raises:
      ValueError: another shape or type.

    >>> half = np.zeros([10, 10, 3], np.uint8)
    >>> half[:, 5:] = 255
    >>> found = measure(half)
    >>> found.brightness, found.clipped, found.contrast, found.colorfulness
    (1.0, 0.5, 0.5, 0.0)
    """
    if image.ndim != 3 or image.shape[2] != 3 or not image.size or image.dtype != np.uint8:
        raise ValueError(
            f"expected an image [h, w, 3] of uint8, got {image.dtype} of shape {image.shape}"
        )
    height, width = image.shape[:2]
    small = _scaled_down(Image.fromarray(image))
    luma = np.asarray(small.convert("L"), np.float32)
    red, green, blue = (np.asarray(band, np.float32) for band in small.split())
    highest = np.maximum(np.maximum(red, green), blue)
    return Measurement(
        width,
        height,
        brightness=_upper(luma) / 255,
        clipped=float((highest >= _CLIPPED).mean()),
        contrast=float(luma.std()) / 255,
        sharpness=_sharpness(luma),
        colorfulness=_colorfulness(red, green, blue),
    )


def measure_file(path: str | Path) -> Measurement | None:
    """Measure an image file; None if it cannot be decoded to its end.

    Args:
      path: in one of `ieg.decoding.FORMATS`; of an animation the first picture counts.
    """
    try:
        return measure(decoding.pixels(Path(path).read_bytes()))
    except (OSError, ValueError):
        return None


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """Limits between good and bad condition.

    Those of constant and dark images are absolute: of few levels of grey a network makes little,
    whatever the other images are like. Grey and overexposed images are a matter of style where they
    are common, and are then left out. The other limits are relative to the set, since drawings,
    microscopy and photographs have sharpness and sizes of their own.

    Attributes:
      constant: contrast below which an image shows nothing, in [0, 0.5].
      dark: brightness below which it is dark, in [0, 1].
      overexposed: share of clipped pixels above which it is overexposed, in [0, 1].
      blurred: sharpness below which it is blurred, as a share of the median sharpness, in [0, 1].
      size: distance of log(width · height) / 2 from its median, in robust standard deviations
        (1.4826 times the median absolute deviation), above which it is odd; above 0. An image of
        half to twice the median is never odd.
      shape: the same for the longer side divided by the shorter one.
      grey: colorfulness below which it is grey, at least 0.
      common: share of all images in [0, 1]; from there on grey or overexposed ones are no findings.
    Raises:
      ValueError: a limit is outside its range.
    """

    constant: float = 0.01
    dark: float = 0.25
    overexposed: float = 0.4
    blurred: float = 0.4
    size: float = 5.0
    shape: float = 5.0
    grey: float = 0.02
    common: float = 0.5

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if name in _OUTLINES:
                fits, wanted = value > 0, "be above 0"
            elif name == "grey":
                fits, wanted = value >= 0, "be at least 0"
            else:
                highest = 0.5 if name == "constant" else 1.0
                fits, wanted = 0 <= value <= highest, f"lie in [0, {highest:g}]"
            if not fits:
                raise ValueError(f"{name}={value:g} must {wanted}")


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one image.

    Attributes:
      index: of the image in the list of measurements.
      kind: one of `KINDS`.
      value: brightness, share of clipped pixels, contrast, sharpness, sqrt(width · height), longer
        side / shorter side, or colorfulness; None for a damaged file.
      threshold: limit for `value` in this set of images.
    """

    index: int
    kind: str
    value: float | None
    threshold: float | None


def find(
    measurements: Iterable[Measurement | None], thresholds: Thresholds | None = None
) -> list[Finding]:
    """Find the images of a set that are in bad condition.

    An image may have several findings, but no kind after constant, dark or overexposed except size
    and shape: without light neither blur nor color can be judged.

    Args:
      measurements: of n images, None for files that could not be read.
      thresholds: limits; None for `Thresholds()`.
    Returns:
      findings in the order of `KINDS`, within a kind the worst first.
    """
    rows, limits = list(measurements), thresholds or Thresholds()
    findings = [Finding(i, "damaged", None, None) for i, row in enumerate(rows) if row is None]
    readable = [i for i, row in enumerate(rows) if row is not None]
    if not readable:
        return findings
    table = np.array([row for row in rows if row is not None], np.float64)
    columns = dict(zip(Measurement._fields, table.T, strict=True))
    hidden = np.zeros(len(readable), bool)
    for kind, (values, low, high) in _compared(columns, limits).items():
        bad = (values < low) | (values > high)
        if kind not in _OUTLINES:
            bad &= ~hidden
        if kind in _STYLES and bad.mean() >= limits.common:
            continue
        if kind in _HIDING:
            hidden |= bad
        beyond = np.where(values < low, low / np.maximum(values, _TINY), values / max(high, _TINY))
        for row in sorted(np.flatnonzero(bad), key=lambda row: -beyond[row]):
            limit = low if values[row] < low else high
            findings.append(Finding(readable[row], kind, float(values[row]), float(limit)))
    return findings


def _compared(
    columns: Mapping[str, FloatArray], limits: Thresholds
) -> dict[str, tuple[FloatArray, float, float]]:
    """Kind → values [n], lowest and highest good value; in the order of `KINDS`."""
    width, height = columns["width"], columns["height"]
    side, sharpness = np.sqrt(width * height), columns["sharpness"]
    ratio = np.maximum(width, height) / np.minimum(width, height)
    return {
        "constant": (columns["contrast"], limits.constant, math.inf),
        "dark": (columns["brightness"], limits.dark, math.inf),
        "overexposed": (columns["clipped"], -math.inf, limits.overexposed),
        "blurred": (sharpness, limits.blurred * float(np.median(sharpness)), math.inf),
        "grey": (columns["colorfulness"], limits.grey, math.inf),
        "size": (side, *_usual(side, limits.size)),
        "shape": (ratio, *_usual(ratio, limits.shape)),
    }


def _usual(values: FloatArray, deviations: float) -> tuple[float, float]:
    """Lowest and highest value that is not odd, of positive ones that vary by factors."""
    logs = np.log(values)
    median = float(np.median(logs))
    spread = _NORMAL * float(np.median(np.abs(logs - median)))
    reach = max(deviations * spread, math.log(_ALIKE))
    return math.exp(median - reach), math.exp(median + reach)


def _scaled_down(image: Image.Image) -> Image.Image:
    factor = SIDE / math.sqrt(image.width * image.height)
    if factor >= 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BOX)


def _sharpness(luma: Band) -> float:
    padded = np.pad(luma, 1, mode="edge")
    left, right = padded[1:-1, :-2], padded[1:-1, 2:]
    above, below = padded[:-2, 1:-1], padded[2:, 1:-1]
    laplacian = np.abs(left + right + above + below - 4 * luma)
    gradient = np.sqrt((right - left) ** 2 + (below - above) ** 2) / 2
    # One level of grey more: rounding alone makes no sharp edge.
    return _upper(laplacian) / (_upper(gradient) + 1)


def _colorfulness(red: Band, green: Band, blue: Band) -> float:
    rg, yb = red - green, (red + green) / 2 - blue
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())) / 255


def _upper(values: NDArray[np.floating]) -> float:
    place = math.ceil(_UPPER * values.size) - 1
    return float(np.partition(values, place, axis=None)[place])

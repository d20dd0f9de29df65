"""Image files as a person sees them: formats, modes, sizes, orientations, and what is refused."""

import io
import itertools
import logging
import os
import struct
import sys
import types
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ieg import decoding
from ieg.data import files

SIZES = [(1, 1), (5, 8), (33, 70)]  # height, width
LEVELS = 2  # of 255

Made = tuple[Image.Image, np.ndarray]


def smooth(height: int, width: int, channels: int, top: int = 255) -> np.ndarray:
    """[h, w, C] of gradients, which lossy formats keep; from near 0 to `top`."""
    y, x = np.mgrid[:height, :width]
    steps = [(x + 2 * y + 30 * c + 1) % (2 * width + 60) for c in range(channels)]
    values = np.stack([np.abs(step - width - 30) for step in steps], axis=2)
    return np.round(values * (top / values.max())).astype(np.int64)


def on_white(color: np.ndarray, alpha: np.ndarray, top: int = 255) -> np.ndarray:
    return color * (alpha / top) + 255 * (1 - alpha / top)


def gray(height: int, width: int) -> Made:
    values = smooth(height, width, 1)
    return Image.fromarray(values[..., 0].astype(np.uint8)), values.repeat(3, axis=2)


def color(height: int, width: int) -> Made:
    values = smooth(height, width, 3)
    return Image.fromarray(values.astype(np.uint8)), values


def one_bit(height: int, width: int) -> Made:
    values = smooth(height, width, 1) > 127
    return Image.fromarray(values[..., 0]), 255 * values.repeat(3, axis=2)


def palette(height: int, width: int) -> Made:
    image = Image.fromarray((smooth(height, width, 1)[..., 0] // 64).astype(np.uint8), "P")
    colors = np.array([[10, 20, 30], [200, 0, 90], [0, 255, 0], [250, 240, 5]])
    image.putpalette(colors.ravel().tolist())
    return image, colors[np.asarray(image)]


def gray_alpha(height: int, width: int) -> Made:
    values = smooth(height, width, 2)
    seen = on_white(values[..., :1], values[..., 1:])
    return Image.fromarray(values.astype(np.uint8)), seen.repeat(3, axis=2)


def color_alpha(height: int, width: int) -> Made:
    values = smooth(height, width, 4)
    return Image.fromarray(values.astype(np.uint8)), on_white(values[..., :3], values[..., 3:])


def inks(height: int, width: int) -> Made:
    values = smooth(height, width, 4)
    seen = (255 - values[..., :3]) * (255 - values[..., 3:]) / 255
    return Image.fromarray(values.astype(np.uint8), "CMYK"), seen


def deep(bits: int) -> Callable[[int, int], Made]:
    def make(height: int, width: int) -> Made:
        top = 2**bits - 1
        values = smooth(height, width, 1, top)
        return Image.fromarray(values[..., 0].astype(np.uint16)), values.repeat(3, 2) / top * 255

    return make


FLAT = [one_bit, gray, color, palette]
#: Format, options of Pillow to write it, modes.
KINDS: list[tuple[str, dict[str, Any], list[Callable[[int, int], Made]]]] = [
    ("PNG", {}, [*FLAT, gray_alpha, color_alpha, *map(deep, (10, 12, 14, 16))]),
    ("BMP", {}, FLAT),
    ("GIF", {}, [one_bit, gray, palette]),
    ("PPM", {}, [one_bit, gray, color, deep(16)]),
    ("TIFF", {}, [*FLAT, gray_alpha, color_alpha, inks, deep(12)]),
    ("TIFF", {"compression": "tiff_lzw"}, [*FLAT, color_alpha, deep(16)]),
    ("WEBP", {"lossless": True}, [color, color_alpha]),
    ("JPEG2000", {}, [gray, color, gray_alpha, color_alpha]),
    ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, [color, color_alpha]),
    ("JPEG", {"quality": 95, "subsampling": 0}, [gray, color, inks]),
    ("JPEG", {"quality": 95, "progressive": True}, [gray, color]),
]


def written(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(folder: Path, contents: list[bytes]) -> list[np.ndarray]:
    """What batches are made of: files without a telling name, decoded in the graph."""
    for number, content in enumerate(contents):
        (folder / f"{number}.dat").write_bytes(content)
    names = tf.data.Dataset.from_tensor_slices([f"{n}.dat" for n in range(len(contents))])
    found = names.map(lambda name: files.decode(tf.io.read_file(str(folder) + "/" + name)))
    return list(found.as_numpy_iterator())


def close(found: np.ndarray, seen: np.ndarray) -> bool:
    """To 2 of 255."""
    return found.shape == seen.shape and np.abs(found.astype(float) - seen).max() <= LEVELS


def test_every_format_mode_and_size_is_seen_as_by_a_person(tmp_path: Path) -> None:
    cases = [
        (kind, options, make.__qualname__, size, make(*size))
        for kind, options, modes in KINDS
        for make, size in itertools.product(modes, SIZES)
    ]
    contents = [written(image, kind, **options) for kind, options, *_, (image, _) in cases]
    seen = [case[-1][1] for case in cases]
    for number, (kind, *_) in enumerate(cases):
        if kind == "JPEG":  # with its losses
            with Image.open(io.BytesIO(contents[number])) as image:
                seen[number] = np.asarray(image.convert("RGB"))
    found = decoded(tmp_path, contents)
    wrong = [
        case[:-1]
        for case, pixels, right in zip(cases, found, seen, strict=True)
        if not close(pixels, right)
    ]
    assert not wrong
    assert {kind for kind, *_ in cases} == set(decoding.FORMATS)


def png16(values: np.ndarray) -> bytes:
    """A PNG of 16 bits with 2 (gray, alpha), 3 or 4 channels, which Pillow does not write."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    height, width, channels = values.shape
    header = struct.pack(">2I5B", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*parts) for parts in chunks)


def tiff16(values: np.ndarray, order: str) -> bytes:
    """An uncompressed TIFF of 16 bits with 3 channels; `order` of its bytes is "<" or ">"."""
    height, width, channels = values.shape
    bits, pixels = struct.pack(f"{order}3H", 16, 16, 16), values.astype(f"{order}u2").tobytes()
    tags = [
        *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, 8), (262, 4, 1, 2)),
        *((273, 4, 1, 14), (277, 4, 1, channels), (278, 4, 1, height), (279, 4, 1, len(pixels))),
    ]
    start = 14 + len(pixels)
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", start) + bits
    entries = b"".join(struct.pack(f"{order}2H2I", *tag) for tag in tags)
    return head + pixels + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_colors_of_16_bits(bits: int, channels: int) -> None:
    top = 2**bits - 1
    values = smooth(9, 21, channels, top)
    solid = values[..., : channels - 1 + channels % 2].repeat(3 if channels == 2 else 1, axis=2)
    seen = solid / top * 255
    if channels != 3:
        seen = on_white(seen, values[..., -1:], top)
    assert np.abs(decoding.pixels(png16(values)) - seen).max() <= LEVELS
    if channels == 3:
        for order in "<>":
            assert np.abs(decoding.pixels(tiff16(values, order)) - seen).max() <= LEVELS


def test_the_depth_of_16_bits_is_told_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_depths_told", set())
    content = written(deep(12)(4, 4)[0], "PNG")
    with caplog.at_level(logging.WARNING, "ieg"):
        decoding.pixels(content)
        decoding.pixels(content)
    (line,) = caplog.messages
    assert "12 bits, with 4095 as white" in line


def test_white_may_be_zero() -> None:
    image = Image.fromarray(np.array([[0, 65535, 13107]], np.uint16))
    content = written(image, "TIFF", tiffinfo={262: 0})
    assert decoding.pixels(content)[0, :, 0].tolist() == [255, 0, 204]


#: Orientation → what a person sees of stored pixels.
ORIENTATIONS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].transpose(1, 0, 2),
    8: lambda x: np.rot90(x),
}


def turned(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = number
    return exif


def test_orientations_are_applied(tmp_path: Path) -> None:
    image, values = color(6, 11)
    jpeg = written(image, "JPEG")
    with Image.open(io.BytesIO(jpeg)) as stored:
        lossy = np.asarray(stored)
    deep_image, deep_values = deep(16)(6, 11)
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    cases = [
        (kind, number, written(picture, kind, exif=turned(number), **options), pixels)
        for kind, options, picture, pixels in (
            ("JPEG", {}, image, lossy),
            ("PNG", {}, image, values),
            ("PNG", {}, deep_image, deep_values),
            ("TIFF", {}, image, values),
            ("WEBP", {"lossless": True}, image, values),
        )
        for number in ORIENTATIONS
    ]
    cases.append(("JPEG", 6, written(image, "JPEG", xmp=xmp), lossy))
    found = decoded(tmp_path, [content for _, _, content, _ in cases])
    for pixels, (kind, number, _, stored_pixels) in zip(found, cases, strict=True):
        assert close(pixels, ORIENTATIONS[number](stored_pixels)), (kind, number)


def test_of_several_pictures_the_first_counts() -> None:
    first, second = Image.new("RGB", (8, 6), (255, 0, 0)), Image.new("RGB", (8, 6), (0, 0, 255))
    for kind, options in (
        ("GIF", {}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("MPO", {"quality": 100}),
    ):
        content = written(first, kind, save_all=True, append_images=[second], **options)
        red, green, blue = decoding.pixels(content)[3, 4].tolist()
        assert red > 250 and green < 5 and blue < 5, kind


def test_colors_of_a_palette_may_be_transparent() -> None:
    image, _ = palette(5, 8)
    seen = np.asarray(image.convert("RGB"), np.int64)
    alpha = np.array([0, 255, 128, 255])[np.asarray(image)][..., np.newaxis]
    content = written(image, "PNG", transparency=bytes([0, 255, 128, 255]))
    assert np.abs(decoding.pixels(content) - on_white(seen, alpha)).max() <= 1
    seen[np.asarray(image) == 0] = 255
    np.testing.assert_array_equal(decoding.pixels(written(image, "GIF", transparency=0)), seen)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_largest_images_are_reduced(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image, values = color(64, 96)
    content = written(image, kind)
    assert decoding.pixels(content).shape == (64, 96, 3) and decoding.is_plain(content)
    monkeypatch.setattr(decoding, "LARGEST", 64 * 96 - 1)
    monkeypatch.setattr(decoding, "_REDUCED", 16 * 24)
    small = decoding.pixels(content)
    means = values.reshape(16, 4, 24, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - means).mean() < 2
    assert decoding.is_plain(content) == (kind == "PNG")  # which TensorFlow decodes faster


def test_which_files_are_plain() -> None:
    plain = [written(make(5, 8)[0], kind) for kind in ("JPEG", "PNG") for make in (gray, color)]
    plain.append(written(color(5, 8)[0], "JPEG", progressive=True, icc_profile=b"1" * 99))
    others = [written(make(5, 8)[0], "PNG") for make in (one_bit, palette, color_alpha, deep(12))]
    others += [written(inks(5, 8)[0], "JPEG"), written(color(5, 8)[0], "BMP")]
    others += [plain[0][:30], b"", b"\xff\xd8\xff\xe0"]
    assert [decoding.is_plain(content) for content in plain + others] == [True] * 5 + [False] * 9


REFUSED = {
    b"": "no image",
    b"<html><body>404": "a web page",
    b"%PDF-1.7": "a PDF file",
    b"version https://git-lfs.github.com/spec/v1": "Git LFS",
    b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom": "a video",
    b"II*\0\x10\0\0\0CR\x02\0" + bytes(99): "raw file of a camera (CR2)",
    bytes(128) + b"DICM": "DICOM",
    b"\xff\x0a" + bytes(20): "JPEG XL",
    written(Image.new("RGB", (16, 16)), "ICO"): "ICO",
    written(Image.new("RGB", (16, 16)), "EPS"): "EPS",
    written(Image.new("F", (4, 4)), "TIFF"): "TIFF that cannot be read: 32 bits",
    written(Image.new("I", (4, 4)), "TIFF"): "TIFF that cannot be read: 32 bits",
    written(Image.new("RGB", (4, 4)), "TIFF", tiffinfo={254: 1}): "a thumbnail",
    written(Image.new("RGB", (40, 40)), "PNG")[:-30]: "damaged PNG",
    written(color(40, 40)[0], "WEBP")[:200]: "damaged",
}


@pytest.mark.parametrize("content", REFUSED, ids=REFUSED.get)
def test_other_kinds_are_refused_by_name(content: bytes) -> None:
    with pytest.raises(ValueError) as caught:
        decoding.pixels(content)
    assert REFUSED[content] in str(caught.value) and "\n" not in str(caught.value)


HEIC = b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"


def test_heic_is_read_where_its_decoder_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ValueError, match=r"pip install pillow-heif\); or convert it to JPEG"):
        decoding.pixels(HEIC)

    def register_heif_opener() -> None:
        Image.register_open("HEIF", lambda file, name: Image.new("RGB", (2, 1), (1, 2, 3)))

    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    stand_in = types.SimpleNamespace(register_heif_opener=register_heif_opener)
    monkeypatch.setitem(sys.modules, "pillow_heif", stand_in)
    assert decoding.pixels(HEIC).tolist() == [[[1, 2, 3]] * 2]


def test_random_damage_ends_in_one_line_or_in_pixels() -> None:
    rng = np.random.default_rng(0)
    contents = [written(color(20, 30)[0], kind) for kind in decoding.FORMATS]
    for content in contents * 10:
        spoiled = bytearray(content[: rng.integers(8, len(content) + 1)])
        for place in rng.integers(0, len(spoiled), 4):
            spoiled[place] = rng.integers(256)
        decoding.is_plain(bytes(spoiled))
        try:
            pixels = decoding.pixels(bytes(spoiled))
        except ValueError as error:
            assert os.linesep not in str(error)
        else:
            assert pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8

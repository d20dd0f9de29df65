"""Image files as a person sees them: the one decoder of the package, on Pillow alone.

What a file is follows from its content, never from its name. Orientation tags are applied,
transparent pixels lie on a background, palettes give their colors, 16 bits become 8, and of an
animation or of several pages the first picture counts. Color profiles are ignored.

TensorFlow's decoder is faster in a graph and sees the same in plain files (`is_plain`); it takes
those, see `ieg.data.files.decode`.
"""

import io
import logging
import math
import struct
import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageColor, ImageOps, UnidentifiedImageError

#: Pillow's names of the formats that are read; HEIC is one more where pillow-heif is installed.
FORMATS: tuple[str, ...] = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF")

RGB = tuple[int, int, int]
WHITE: RGB = (255, 255, 255)

#: Images of more pixels than this are reduced by 4 or 8 in decoding, to at most `_REDUCED`
#: pixels or nearly so: a view of a JPEG of 144 million takes 0.5 s then, and 1.0 s from the whole.
LARGEST = 2**26
_REDUCED = 2**24
_MOST_REDUCED = 8
#: A part of the keys of features: a change of the pixels that files are decoded to must change it.
VERSION = b"as seen 1"
#: Depths of sensors. What 16 bits hold is taken for the least of them that has room for it.
_DEPTHS = (8, 10, 12, 14, 16)
_MOST = 2**16 - 1
#: Formats of which Pillow stretches the values of a channel to 16 bits.
_STRETCHED = ("PPM", "JPEG2000")
#: Chunks of a PNG that may change how it is seen: transparency, or an orientation.
_TELLING_CHUNKS = {b"tRNS", b"eXIf", b"tEXt", b"zTXt", b"iTXt"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
_PNG = b"\x89PNG\r\n\x1a\n"
_GRAY, _COLOR, _GRAY_ALPHA = 0, 2, 4  # color types of PNG
#: Markers of JPEG: frames with Huffman codes (sequential, progressive), APP1, start of scan.
_FRAMES, _METADATA, _SCAN = (0xC0, 0xC1, 0xC2), 0xE1, 0xDA
_BITS_PER_SAMPLE, _SUBFILE_TYPE, _PHOTOMETRIC = 258, 254, 262  # tags of TIFF

#: (offset, bytes there, name) of files that Pillow does not know, or takes for others.
_OTHERS = (
    (0, b"version https://git-lfs", "a pointer of Git LFS (git lfs pull fetches the image)"),
    (0, b"<!DOCTYPE", "a web page or SVG"),
    (0, b"<!doctype", "a web page or SVG"),
    (0, b"<html", "a web page"),
    (0, b"<svg", "an SVG drawing"),
    (0, b"<?xml", "an XML file or SVG drawing"),
    (0, b"%PDF", "a PDF file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\xff\x0a", "a JPEG XL file"),
    (4, b"JXL ", "a JPEG XL file"),
    (128, b"DICM", "a DICOM file"),
    (0, b"v/1\x01", "an OpenEXR file"),
    (0, b"#?RADIANCE", "a Radiance HDR file"),
    (0, b"FUJIFILMCCD-RAW", "a raw file of a camera (RAF)"),
    (0, b"IIRO", "a raw file of a camera (ORF)"),
    (0, b"IIU\0", "a raw file of a camera (RW2)"),
    (8, b"CR\x02", "a raw file of a camera (CR2)"),
    (8, b"crx ", "a raw file of a camera (CR3)"),
    (4, b"ftyp", "a video, or an AVIF or HEIF that this version of Pillow does not know"),
)

# Of damage `pixels` tells; and a photograph of a hundred megapixels is no attack. Beyond twice that
# Pillow refuses an image.
warnings.filterwarnings("ignore", module=r"PIL\.")

_depths_told: set[int] = set()


def pixels(content: bytes, background: RGB = WHITE) -> NDArray[np.uint8]:
    """Decode an image file as a person sees it.

    Values of 16 bits are divided by the largest one of their depth, which is 8, 10, 12, 14 or 16
    bits, whatever the largest value of the image needs; one line in the log says so. The sides of
    images of more than 67 million pixels are divided by 4 or 8.

    Args:
      content: bytes of the file, see `FORMATS`.
      background: color behind transparent pixels, 0 .. 255 each.
    Returns:
      [height, width, 3] RGB.
    Raises:
      ValueError: the file is damaged, or of a kind that is not read, which the message names.

    >>> file = io.BytesIO()
    >>> Image.new("LA", (1, 1), (0, 204)).save(file, "PNG")  # black, a fifth of it transparent
    >>> pixels(file.getvalue()).tolist(), pixels(file.getvalue(), (0, 0, 0)).tolist()
    ([[[51, 51, 51]]], [[[0, 0, 0]]])
    """
    with _opened(content) as image:
        try:
            return np.asarray(_seen(image, content, background))
        except ValueError as error:
            raise ValueError(f"{image.format} that cannot be read: {error}") from error
        # What Pillow raises for damaged files: OSError, and by plug-in struct.error and others.
        except Exception as error:
            raise ValueError(f"damaged {image.format}: {error}") from error


def is_plain(content: bytes) -> bool:
    """True for a file of which simpler decoders show what a person sees.

    These are PNG, and JPEG up to `LARGEST` pixels, with 8 bits, gray or RGB, without orientation
    and transparency. A damaged file may be among them.
    """
    try:
        if content.startswith(_PNG):
            bits, kind = content[24:26]
            hidden = _TELLING_CHUNKS & _chunks(content)
            return bits == 8 and kind in (_GRAY, _COLOR) and not hidden
        return content.startswith(b"\xff\xd8") and _is_plain_jpeg(content)
    except Exception:  # a damaged header: `pixels` says what is wrong
        return False


def _is_plain_jpeg(content: bytes) -> bool:
    """The answer from the markers of a JPEG; Pillow reads its metadata if it has any."""
    place, plain, metadata = 2, False, False
    while content[place] == 0xFF and content[place + 1] != _SCAN:
        marker, size = struct.unpack_from(">BH", content, place + 1)
        if marker in _FRAMES:
            bits, *sides, channels = struct.unpack_from(">B2HB", content, place + 4)
            plain = bits == 8 and channels in (1, 3) and math.prod(sides) <= LARGEST
        metadata |= marker == _METADATA
        place += 2 + size
    if not (plain and metadata):
        return plain
    with _opened(content) as image:
        return image.getexif().get(ExifTags.Base.Orientation, 1) == 1


def color(text: str) -> RGB:
    """Color by its name or as #rrggbb.

    Raises:
      ValueError: it is none.

    >>> color("white"), color("#808000")
    ((255, 255, 255), (128, 128, 0))
    """
    red, green, blue, *_ = ImageColor.getrgb(text)
    return red, green, blue


def _opened(content: bytes) -> Image.Image:
    """The image, of which no more than the header has been read."""
    file, formats = io.BytesIO(content), FORMATS
    if content[4:8] == b"ftyp" and not _HEIC_BRANDS.isdisjoint(_brands(content)):
        try:
            import pillow_heif
        except ImportError:
            raise ValueError(
                "HEIC, which is read where pillow-heif is installed (pip install pillow-heif); or "
                "convert it to JPEG (magick mogrify -format jpg *.heic)"
            ) from None
        pillow_heif.register_heif_opener()
        formats = ("HEIF",)
    try:
        image = Image.open(file, formats=formats)
    except UnidentifiedImageError:
        raise ValueError(_refusal(content)) from None
    except Exception as error:  # DecompressionBombError, and what damaged headers lead to
        raise ValueError(f"damaged header: {error}") from error
    if content[8:11] == b"CR\x02":
        raise ValueError(_refusal(content))
    return image


def _brands(content: bytes) -> set[bytes]:
    """Brands that a file of the ISO family (ftyp) belongs to."""
    end = min(int.from_bytes(content[:4], "big"), 256)
    return {content[place : place + 4] for place in range(8, end, 4)}


def _chunks(content: bytes) -> set[bytes]:
    """Names of the chunks of a PNG."""
    place, names = 8, set()
    while place + 8 <= len(content):
        names.add(content[place + 4 : place + 8])
        place += 12 + int.from_bytes(content[place : place + 4], "big")
    return names


def _refusal(content: bytes) -> str:
    """Name of the format of a file that is not read."""
    found = None
    for offset, signature, name in _OTHERS:
        if content[offset : offset + len(signature)] == signature:
            found = name
            break
    else:
        try:
            with Image.open(io.BytesIO(content)) as image:
                found = f"{image.format_description} ({image.format})"
        except Exception:
            return f"no image: it begins with {content[:12]!r}"
    return f"{found}, not one of {', '.join(FORMATS)}"


def _seen(image: Image.Image, content: bytes, background: RGB) -> Image.Image:
    """The first picture in RGB."""
    if _tag(image, _SUBFILE_TYPE, 0) & 1:
        raise ValueError("its first picture is a thumbnail, as in raw files of cameras")
    size, factor = image.size, _reduction(math.prod(image.size))
    if factor > 1:
        image.draft(None, (image.width // factor, image.height // factor))  # JPEG alone can
    image.load()
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    found = _shallow(image, content)
    if found.has_transparency_data:
        ground = Image.new("RGBA", found.size, (*background, 255))
        found = Image.alpha_composite(ground, found.convert("RGBA"))
    if found.mode != "RGB":
        found = found.convert("RGB")
    if factor > 1 and image.size == size:
        found = found.reduce(factor)
    found.getexif()[ExifTags.Base.Orientation] = orientation
    ImageOps.exif_transpose(found, in_place=True)
    return found


def _tag(image: Image.Image, number: int, otherwise: Any) -> Any:
    """A tag of a TIFF; `otherwise` where it is not set, and for other formats."""
    return image.tag_v2.get(number, otherwise) if hasattr(image, "tag_v2") else otherwise


def _reduction(count: int) -> int:
    """By which the sides of an image of so many pixels are divided: 1, or up to 8.

    >>> [_reduction(side**2) for side in (8_000, 9_000, 12_000, 30_000)]
    [1, 4, 4, 8]
    """
    if count <= LARGEST:
        return 1
    return min(2 ** math.ceil(math.log2(count / _REDUCED) / 2), _MOST_REDUCED)


def _shallow(image: Image.Image, content: bytes) -> Image.Image:
    """The image with 8 bits in a channel."""
    values = _deep(image, content)
    if values is None:
        return image
    top = _MOST if image.format in _STRETCHED else _top(int(values.max()))
    if _tag(image, _PHOTOMETRIC, 1) == 0:  # white is zero
        values = top - values
    transparent = image.info.get("transparency")
    if transparent is not None:
        visible = (values != np.array(transparent)).any(axis=2, keepdims=True)
        values = np.concatenate([values, np.where(visible, top, 0)], axis=2)
    scaled = ((values.astype(np.uint32) * 255 + top // 2) // top).astype(np.uint8)
    return Image.fromarray(scaled if scaled.shape[2] > 1 else scaled[..., 0])


def _top(largest: int) -> int:
    """The value of white in 16 bits of which this is the largest one; tells the log, once."""
    bits = next(bits for bits in _DEPTHS if largest < 2**bits)
    if bits not in _depths_told:
        _depths_told.add(bits)
        logging.getLogger("ieg").warning(
            "images with 16 bits in a channel are reduced to 8 bits: values up to %d are taken "
            "for %d bits, with %d as white",
            largest,
            bits,
            2**bits - 1,
        )
    return 2**bits - 1


def _deep(image: Image.Image, content: bytes) -> NDArray[np.uint16] | None:
    """[h, w, C] values of an image with 16 bits in a channel; None for other images."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return np.asarray(image).astype(np.uint16)[..., np.newaxis]
    if image.mode in ("I", "F"):
        raise ValueError("32 bits in a channel, of which no value is known to be white")
    if 16 not in ([content[24]] if image.format == "PNG" else _tag(image, _BITS_PER_SAMPLE, ())):
        return None
    # Pillow keeps the higher byte. Read in the other order of bytes, the lower one is the higher.
    with _opened(content) as other:
        other.tile = [tile._replace(args=_swapped(tile.args)) for tile in other.tile]  # type: ignore[attr-defined]
        low = np.asarray(other)
    high = np.asarray(image)
    if image.format == "PNG" and content[25] == _GRAY_ALPHA:
        # Pillow has no raw mode for these: as four bytes a pixel they are gray, gray, alpha, alpha.
        return low.view(">u2").astype(np.uint16)
    return high.astype(np.uint16) << 8 | low


def _swapped(args: Any) -> Any:
    """Arguments of a decoder of Pillow, of which the raw mode has the other order of bytes."""
    if not isinstance(args, str):
        return (_swapped(args[0]), *args[1:])
    kind, _, order = args.partition(";")
    if kind == "LA":
        return "RGBA"
    little = order == "16L" or (order == "16N" and sys.byteorder == "little")
    return f"{kind};{'16B' if little else '16L'}"

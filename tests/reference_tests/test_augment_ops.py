"""Augmentation against the recorded images of the published programs.

Not compared, because ours differs by design: bilinear and bicubic interpolation (`p25_shear*`, some
of `tfa_*`; here it is the nearest pixel) and `tfv0_Contrast` (a formula of its own, which no policy
for those images uses).
"""

import numpy as np
import pytest
import tensorflow as tf

from ieg.augment import color, crop, geometry, policies, strong, weak
from ieg.augment.operations import OPERATIONS, Canvas, Step

NEAREST_MAY_DIFFER = 0.005  # share of pixels, README of the reference

GEOMETRY = {
    "ShearX": geometry.shear_x,
    "ShearY": geometry.shear_y,
    "TranslateX": geometry.translate_x,
    "TranslateY": geometry.translate_y,
    "Rotate": geometry.rotate,
}
SIGNS = {"pos": 1, "neg": -1}


@pytest.fixture(scope="module")
def arrays(reference):
    return reference("augment_ops")


def amounts(arguments: np.ndarray, images: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
    """Every image with every argument, in the order [images, arguments]."""
    repeated = tf.repeat(images, len(arguments), axis=0)
    return repeated, tf.constant(np.tile(arguments, len(images)), tf.float32)


def as_recorded(result: tf.Tensor, recorded: np.ndarray) -> np.ndarray:
    return np.asarray(result).reshape(recorded.shape)


def assert_nearly_all_equal(actual: np.ndarray, recorded: np.ndarray) -> None:
    assert actual.shape == recorded.shape
    differs = (actual != recorded).any(axis=-1)
    assert differs.mean() <= NEAREST_MAY_DIFFER


def assert_within_one(actual: np.ndarray, recorded: np.ndarray) -> None:
    assert actual.shape == recorded.shape
    assert np.abs(actual.astype(int) - recorded.astype(int)).max() <= 1


def validity(packed: np.ndarray) -> np.ndarray:
    return np.unpackbits(packed, axis=-1)[..., np.newaxis]


def share_of_side(name: str, arguments: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Translations are recorded in pixels; ours take shares of the side."""
    side = {"TranslateX": images.shape[2], "TranslateY": images.shape[1]}
    return arguments / side.get(name, 1)


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry_of_ieg(arrays, name: str, sign: str) -> None:
    key = f"ieg_{name}_{sign}"
    arguments = share_of_side(name, arrays[f"ieg_{name}_arg"], arrays["images"])
    images, argument = amounts(SIGNS[sign] * arguments, arrays["images"])
    canvas = Canvas(images, tf.ones_like(images[..., :1]))
    step = Step(argument, tf.zeros([len(images), 2]), None)
    pixels, valid = OPERATIONS[name](canvas, step)
    assert_nearly_all_equal(as_recorded(pixels, arrays[f"{key}_rgb"]), arrays[f"{key}_rgb"])
    recorded = validity(arrays[f"{key}_alpha"])
    assert_nearly_all_equal(as_recorded(valid, recorded), recorded)


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("autocontrast", "ieg_AutoContrast"),
        ("autocontrast", "p25_autocontrast"),
        ("equalize", "ieg_Equalize"),
        ("equalize", "p25_equalize"),
        ("equalize", "tfa_equalize"),
        ("equalize", "tfv0_Equalize"),
        ("invert", "ieg_Invert"),
        ("invert", "p25_invert"),
    ],
)
def test_colors_without_an_amount(arrays, name: str, prefix: str) -> None:
    recorded = arrays[prefix if prefix in arrays else f"{prefix}_rgb"]
    actual = getattr(color, name)(tf.constant(arrays["images"]), tf.zeros(len(recorded)))
    np.testing.assert_array_equal(actual, recorded)


def test_autocontrast_of_the_tensor_program_within_one(arrays) -> None:
    recorded = arrays["tfv0_AutoContrast"]
    actual = color.autocontrast(tf.constant(arrays["images"]), tf.zeros(len(recorded)))
    assert_within_one(actual.numpy(), recorded)


@pytest.mark.parametrize(
    ("name", "argument_key", "result_key"),
    [
        ("solarize", "ieg_Solarize_arg", "ieg_Solarize_rgb"),
        ("solarize", "p25_solarize_magnitude", "p25_solarize_rgb"),
        ("solarize", "tfv0_Solarize_threshold", "tfv0_Solarize"),
        ("posterize", "ieg_Posterize_arg", "ieg_Posterize_rgb"),
        ("posterize", "p25_posterize_magnitude", "p25_posterize_rgb"),
        ("solarize_add", "tfv0_SolarizeAdd_addition", "tfv0_SolarizeAdd"),
    ],
)
def test_whole_number_operations(arrays, name: str, argument_key: str, result_key: str) -> None:
    images, argument = amounts(arrays[argument_key], arrays["images"])
    recorded = arrays[result_key]
    actual = as_recorded(getattr(color, name)(images, argument), recorded)
    np.testing.assert_array_equal(actual, recorded)


def test_posterize_of_the_tensor_program(arrays) -> None:
    # Its kernel does not shift a byte by 8, so that no bits are one bit.
    images, argument = amounts(np.maximum(arrays["tfv0_Posterize_bits"], 1), arrays["images"])
    recorded = arrays["tfv0_Posterize"]
    actual = as_recorded(color.posterize(images, argument), recorded)
    np.testing.assert_array_equal(actual, recorded)


BLENDS = ("Contrast", "Color", "Brightness", "Sharpness")


@pytest.mark.parametrize("name", BLENDS)
def test_blends_of_ieg(arrays, name: str) -> None:
    images, argument = amounts(arrays[f"ieg_{name}_arg"], arrays["images"])
    recorded = arrays[f"ieg_{name}_rgb"]
    actual = getattr(color, name.lower())(images, argument)
    assert_within_one(as_recorded(actual, recorded), recorded)


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("name", BLENDS)
def test_blends_of_the_25(arrays, name: str, sign: str) -> None:
    key = f"p25_{name.lower()}"
    images, argument = amounts(1 + SIGNS[sign] * arrays[f"{key}_magnitude"], arrays["images"])
    recorded = arrays[f"{key}_{sign}_rgb"]
    actual = getattr(color, name.lower())(images, argument)
    assert_within_one(as_recorded(actual, recorded), recorded)


@pytest.mark.parametrize("name", ["Color", "Brightness", "Sharpness"])
def test_blends_of_the_tensor_program(arrays, name: str) -> None:
    images, argument = amounts(arrays["tfv0_Enhance_factor"], arrays["images"])
    recorded = arrays[f"tfv0_{name}"]
    actual = getattr(color, name.lower())(images, argument)
    assert_within_one(as_recorded(actual, recorded), recorded)


def test_sharpness_of_the_addons(arrays) -> None:
    # Theirs rounds the smoothed image down and the blend to the nearest, ours the other way round:
    # less than |1 - factor| + 1.5 apart, and less than 1.5 in between, where the errors cancel.
    images = tf.constant(arrays["images"])
    factors = arrays["tfa_sharpness_factor"].tolist()
    for factor, recorded in zip(factors, arrays["tfa_sharpness"], strict=True):
        actual = color.sharpness(images, tf.fill([len(images)], factor)).numpy()
        differs = np.abs(actual.astype(int) - recorded.astype(int))
        assert differs.max() <= (1 if factor <= 1 else int(factor + 0.5))


def test_cutout_of_ieg(arrays) -> None:
    images, sizes = amounts(arrays["ieg_Cutout_arg"], arrays["images"])
    height, width = images.shape[1:3]
    # Recorded column first; the middle of the pixel as a share of the sides.
    column_row = np.repeat(arrays["ieg_Cutout_centre"], len(arrays["ieg_Cutout_arg"]), axis=0)
    place = tf.constant((column_row[:, ::-1] + 0.5) / [height, width], tf.float32)
    canvas = Canvas(images, tf.ones_like(images[..., :1]))
    step = Step(sizes / min(height, width), place, None)
    pixels, valid = OPERATIONS["Cutout"](canvas, step)
    recorded = arrays["ieg_Cutout_rgb"]
    np.testing.assert_array_equal(as_recorded(pixels, recorded), recorded)
    recorded = validity(arrays["ieg_Cutout_alpha"])
    np.testing.assert_array_equal(as_recorded(valid, recorded), recorded)


def test_transform_of_the_addons(arrays) -> None:
    for matrix, recorded in zip(
        arrays["tfa_transform_matrix"], arrays["tfa_transform_nearest"], strict=True
    ):
        actual = geometry.transform(
            tf.constant(arrays["images"]),
            tf.constant(matrix[np.newaxis], tf.float32),
        )
        assert_nearly_all_equal(actual.numpy(), recorded)


def test_rotation_of_the_addons(arrays) -> None:
    images = arrays["images"]
    for radians, recorded in zip(
        arrays["tfa_rotate_radians"], arrays["tfa_rotate_nearest"], strict=True
    ):
        degrees = tf.constant([np.degrees(radians)], tf.float32)
        matrices = geometry.rotate(degrees, *images.shape[1:3])
        actual = geometry.transform(tf.constant(images), matrices)
        assert_nearly_all_equal(actual.numpy(), recorded)


def test_translation_of_the_addons(arrays) -> None:
    # Theirs moves the image by (dx, dy): the other way round from ours, which are as in PIL.
    images = arrays["images"]
    height, width = images.shape[1:3]
    for (dx, dy), recorded in zip(
        arrays["tfa_translate_dxdy"], arrays["tfa_translate_nearest"], strict=True
    ):
        along_x = geometry.translate_x(tf.constant([-dx / width], tf.float32), height, width)
        along_y = geometry.translate_y(tf.constant([-dy / height], tf.float32), height, width)
        matrices = along_x + along_y - tf.constant([[1.0, 0, 0, 0, 1, 0, 0, 0]])
        actual = geometry.transform(tf.constant(images), matrices)
        assert_nearly_all_equal(actual.numpy(), recorded)


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry_of_the_tensor_program(arrays, name: str, sign: str) -> None:
    key = {"Rotate": "Rotate_degrees", "ShearX": "Shear_level", "ShearY": "Shear_level"}
    recorded_arguments = arrays[f"tfv0_{key.get(name, 'Translate_pixels_used')}"]
    arguments = share_of_side(name, recorded_arguments, arrays["images"])
    images, argument = amounts(SIGNS[sign] * arguments, arrays["images"])
    matrices = GEOMETRY[name](argument, *images.shape[1:3])
    if name.startswith("Shear"):
        # Ours shears about the corner of the image, theirs about the centre of its first pixel.
        matrices *= tf.constant([1.0, 1, 0, 1, 1, 0, 1, 1])
    fill = policies.get("imagenet", 3).fill
    recorded = arrays[f"tfv0_{name}_{sign}"]
    actual = geometry.transform(images, matrices, fill=fill)
    assert_nearly_all_equal(as_recorded(actual, recorded), recorded)


@pytest.mark.parametrize(
    ("name", "key", "sign"),
    [("TranslateX", "translateX", sign) for sign in SIGNS]
    + [("TranslateY", "translateY", sign) for sign in SIGNS]
    + [("Rotate", "rotate", None)],
)
def test_geometry_of_the_25(arrays, name: str, key: str, sign: str | None) -> None:
    arguments = SIGNS[sign or "pos"] * arrays[f"p25_{key}_magnitude"]
    images, argument = amounts(arguments, arrays["images"])
    matrices = GEOMETRY[name](argument, *images.shape[1:3])
    recorded = arrays[f"p25_{key}_{sign}_rgb" if sign else f"p25_{key}_rgb"]
    actual = geometry.transform(images, matrices, fill=policies.get("cifar10_25", 3).fill)
    assert_nearly_all_equal(as_recorded(actual, recorded), recorded)


def test_back_to_bytes_truncates(arrays) -> None:
    actual = strong.to_bytes(tf.constant(arrays["scaled_images"]))
    np.testing.assert_array_equal(actual, arrays["ieg_wrapped_rgb"])


def test_whole_chain_with_a_translation(arrays) -> None:
    images = tf.constant(arrays["scaled_images"])
    policy = policies.get("cifar10", 3)
    level_seven = float(policy.swing[policy.operations.index("TranslateX"), 7])
    argument = tf.fill([len(images)], level_seven)
    canvas = Canvas(strong.to_bytes(images), tf.ones(images[..., :1].shape, tf.uint8))
    step = Step(argument, tf.zeros([len(images), 2]), None)
    moved = OPERATIONS["TranslateX"](canvas, step)
    actual = weak.scale(moved.pixels) * tf.cast(moved.valid, tf.float32)
    np.testing.assert_allclose(actual, arrays["ieg_unwrapped_TranslateX_m7"], rtol=0, atol=1e-6)


def test_padded_crop(arrays) -> None:
    recorded = arrays["padcrop_out"]
    offsets = tf.constant(arrays["padcrop_offsets"][: len(recorded)], tf.int32)
    images = tf.constant(arrays["scaled_images"])
    actual = crop.crop(images, offsets, tf.zeros([len(recorded)], tf.bool), pad=4)
    np.testing.assert_array_equal(actual, recorded)


def test_cutout_mask(arrays) -> None:
    recorded = validity(arrays["cutout16_mask"])
    height, width = recorded.shape[1:3]
    place = tf.constant((arrays["cutout16_centre"] + 0.5) / [height, width], tf.float32)
    actual = crop.outside_square(place, 16, height, width)
    np.testing.assert_array_equal(actual, recorded.astype(bool))


@pytest.mark.parametrize(
    ("name", "key"),
    [("cifar10", "cifar95"), ("cifar10_25", "cifar25"), ("imagenet", "imagenet_v0")],
)
def test_sub_policies(arrays, name: str, key: str) -> None:
    policy = policies.get(name, 3)
    names = np.array(policy.operations)[policy.operation]
    np.testing.assert_array_equal(names, arrays[f"policy_{key}_op"])
    np.testing.assert_allclose(policy.probability, arrays[f"policy_{key}_prob"], rtol=1e-6)
    np.testing.assert_array_equal(policy.level, arrays[f"policy_{key}_mag"])


IEG_NAMES = (*GEOMETRY, "Solarize", "Posterize", "Cutout", *BLENDS)


@pytest.mark.parametrize("name", IEG_NAMES)
def test_amounts_of_ieg(arrays, name: str) -> None:
    sides = arrays["images"].shape[1:3]
    recorded = share_of_side(name, arrays[f"ieg_{name}_arg"], arrays["images"])
    if name == "Cutout":
        recorded = recorded / min(sides)
    base, swing = at_recorded_levels(arrays, "cifar10", name)
    np.testing.assert_allclose(base + swing, recorded, rtol=1e-6)
    assert (swing.any() and not base.any()) == (name in GEOMETRY)


# ShearX occurs in none of them.
@pytest.mark.parametrize(
    "name", ("ShearY", "TranslateX", "TranslateY", "Rotate", "Solarize", "Posterize", *BLENDS)
)
def test_amounts_of_the_25(arrays, name: str) -> None:
    base, swing = at_recorded_levels(arrays, "cifar10_25", name)
    recorded = arrays[f"p25_{name[0].lower()}{name[1:]}_magnitude"]
    signed = name in GEOMETRY or name in BLENDS
    np.testing.assert_allclose(swing if signed else base, recorded, rtol=1e-6)
    np.testing.assert_array_equal(base if signed else swing, 1 if name in BLENDS else 0)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Rotate", "Rotate_degrees"),
        ("ShearX", "Shear_level"),
        ("ShearY", "Shear_level"),
        ("TranslateY", "Translate_pixels_of_224"),
        ("Color", "Enhance_factor"),
        ("Posterize", "Posterize_bits"),
        ("Solarize", "Solarize_threshold"),
        ("SolarizeAdd", "SolarizeAdd_addition"),
    ],
)
def test_amounts_of_imagenet(arrays, name: str, key: str) -> None:
    recorded = arrays[f"tfv0_{key}"]
    recorded = recorded / 224 if name == "TranslateY" else recorded
    recorded = np.maximum(recorded, 1) if name == "Posterize" else recorded
    base, swing = at_recorded_levels(arrays, "imagenet", name)
    signed = name in GEOMETRY
    np.testing.assert_allclose(swing if signed else base, recorded, rtol=1e-6)
    np.testing.assert_array_equal(base if signed else swing, 0)


def at_recorded_levels(arrays, policy_name: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Base and swing of an operation at the levels of the file."""
    policy = policies.get(policy_name, 3)
    row = policy.operations.index(name)
    levels = arrays["magnitudes"]
    return policy.base[row, levels], policy.swing[row, levels]

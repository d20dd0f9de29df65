"""The tiny network of reference/l2r.npz, ieg_meta.npz and fsr_meta.npz as plain TensorFlow.

3x3 convolution without bias, batch norm with batch statistics, ReLU, global average, dense.
"""

import keras
import numpy as np
import tensorflow as tf

PARAMS = ("conv_kernel", "bn_gamma", "bn_beta", "dense_kernel", "dense_bias")


def params(data, prefix=""):
    """The five parameters, or what belongs to them under a prefix, as float32 tensors."""
    return [tf.constant(data[prefix + name], tf.float32) for name in PARAMS]


def convolution(params, images):
    """[B, H, W, C] before batch norm."""
    return tf.nn.conv2d(images, params[0], strides=1, padding="SAME")


def network(params, images):
    """Logits [B, K], batch norm in training mode with biased variance and epsilon 1e-5."""
    x = convolution(params, tf.constant(images))
    mean, variance = tf.nn.moments(x, axes=[0, 1, 2])
    x = tf.nn.relu(tf.nn.batch_normalization(x, mean, variance, params[2], params[1], 1e-5))
    return tf.reduce_mean(x, axis=[1, 2]) @ params[3] + params[4]


def keras_network(data):
    """The tiny network as a model, so that a method itself can be run."""
    model = keras.Sequential(
        [
            keras.Input(data["images"].shape[1:]),
            keras.layers.Conv2D(data["bn_gamma"].size, 3, padding="same", use_bias=False),
            keras.layers.BatchNormalization(epsilon=1e-5),
            keras.layers.ReLU(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(data["dense_bias"].shape[-1]),
        ]
    )
    for variable, value in zip(model.trainable_variables, params(data), strict=True):
        variable.assign(value)
    return model


def close(actual, expected, kind):
    """Tolerances of the reference's README for a float32 implementation."""
    rtol, atol = {
        "meta gradient": (1e-4, 1e-7),
        "weights": (1e-3, 1e-5),
        "gradient": (1e-4, 1e-6),
        "value": (1e-5, 1e-6),
    }[kind]
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=rtol, atol=atol)

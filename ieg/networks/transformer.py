"""A small transformer encoder for sequences of tokens, such as the amino acids of a protein."""

from __future__ import annotations

from typing import Any

import keras

from ieg.networks import register
from ieg.networks.layers import dropout

#: Tokens are 1 .. VOCABULARY - 1, and 0 is padding.
VOCABULARY = 32
_WIDTH, _HEADS, _LAYERS = 64, 4, 2


@register("transformer", weight_decay=1e-4, takes="tokens")
def transformer(input_shape: tuple[int], num_classes: int, *, dropout_rate: float) -> keras.Model:
    """A small transformer encoder for sequences of tokens (0 is padding).

    Two layers [1] of 64 channels with four heads and 128 hidden units, layer norm in front of
    attention and dense layers [2], learned position embeddings. Padding is neither attended to nor
    counted in the mean over positions in front of the classifier. 97,026 parameters for 2 classes
    and 434 positions.

    [1] Vaswani et al., "Attention Is All You Need", NeurIPS 2017, arXiv 1706.03762.
    [2] Xiong et al., "On Layer Normalization in the Transformer Architecture", ICML 2020,
        arXiv 2002.04745.
    """
    from ieg.networks.own_layers.tokens import TokenEmbedding

    tokens = keras.Input(input_shape, dtype="int32")
    present = keras.ops.not_equal(tokens, 0)  # [B, L]
    x = TokenEmbedding(_WIDTH)(tokens)  # [B, L, D]
    for number in range(1, _LAYERS + 1):
        x = _layer(x.shape[1:], present.shape[1:], f"stage{number}")([x, present])
    x = keras.layers.LayerNormalization()(x)
    x = dropout(_mean(x, present), dropout_rate)  # [B, D]
    return keras.Model(tokens, keras.layers.Dense(num_classes)(x), name="transformer")


def _layer(shape: Any, mask_shape: Any, name: str) -> keras.Model:
    """Attention and two dense layers, each with a shortcut, as a nested model of that name."""
    inputs, present = keras.Input(shape), keras.Input(mask_shape, dtype="bool")
    seen = keras.ops.expand_dims(present, 1)  # [B, 1, L]: the same for every query
    y = keras.layers.LayerNormalization()(inputs)
    attention = keras.layers.MultiHeadAttention(_HEADS, _WIDTH // _HEADS)
    x = inputs + attention(y, y, attention_mask=seen)
    y = keras.layers.LayerNormalization()(x)
    y = keras.layers.Dense(2 * _WIDTH, "relu")(y)
    return keras.Model([inputs, present], x + keras.layers.Dense(_WIDTH)(y), name=name)


def _mean(x: Any, present: Any) -> Any:
    """Mean over the positions without padding: [B, L, D] and [B, L] → [B, D]."""
    weight = keras.ops.expand_dims(keras.ops.cast(present, x.dtype), -1)  # [B, L, 1]
    count = keras.ops.maximum(keras.ops.sum(weight, axis=1), 1)
    return keras.ops.sum(x * weight, axis=1) / count

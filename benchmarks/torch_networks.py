"""Networks of `ieg.networks` in PyTorch, the same layer by layer, for comparison.

With the same weights, in the order of creation, they compute the same (`tests/test_torch_peer.py`).
Images are [B, C, H, W], PyTorch's order; initial weights are those of PyTorch's layers.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from ieg.errors import InputError

Layers = list[nn.Module]


class Residual(nn.Module):
    """Residual block, shortcut(x) + body(x)."""

    def __init__(self, body: Layers, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Sum of shortcut and body for x [B, C, H, W]."""
        return self.shortcut(x) + self.body(x)


class Pooled(nn.Module):
    """Average pooling with zero channels on both sides, without parameters."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pooled x [B, C, H, W] → [B, channels, H/stride, W/stride]."""
        if self.stride > 1:
            x = nn.functional.avg_pool2d(x, self.stride)
        missing = self.channels - x.shape[1]
        if not missing:
            return x
        return nn.functional.pad(x, (0, 0, 0, 0, missing // 2, missing - missing // 2))


def cnn(colors: int, num_classes: int) -> nn.Module:
    """Three 3x3 convolutions, each with batch norm and ReLU."""
    layers: Layers = []
    for before, channels, stride in ((colors, 32, 1), (32, 64, 2), (64, 128, 1)):
        layers += [_uncentered(before, channels, stride), *_norm_relu(channels)]
    return nn.Sequential(*layers, *_head(128, num_classes))


def resnet32(colors: int, num_classes: int) -> nn.Module:
    """15 basic blocks, post-activation, with pooled shortcuts."""
    layers: Layers = [_conv(colors, 16, 3), *_norm_relu(16)]
    for before, channels, stride in ((16, 16, 1), (16, 32, 2), (32, 64, 2)):
        layers += _basic_block(before, channels, stride)
        for _ in range(4):
            layers += _basic_block(channels, channels, 1)
    return nn.Sequential(*layers, *_head(64, num_classes))


def resnet29(colors: int, num_classes: int) -> nn.Module:
    """9 bottleneck units, pre-activation, the first of each stage with a projection."""
    layers: Layers = [_conv(colors, 16, 3), *_norm_relu(16)]
    for before, inner, channels, stride in ((16, 16, 64, 1), (64, 64, 128, 2), (128, 128, 256, 2)):
        body = _bottleneck(before, inner, channels, stride)
        if stride > 1:
            body.insert(0, nn.BatchNorm2d(before))
        layers.append(Residual(body, _conv(before, channels, 1, stride)))
        for _ in range(2):
            body = [nn.BatchNorm2d(channels), *_bottleneck(channels, inner, channels, 1)]
            layers.append(Residual(body, nn.Identity()))
    return nn.Sequential(*layers, *_norm_relu(256), *_head(256, num_classes))


def wrn28(colors: int, num_classes: int, *, width: int) -> nn.Module:
    """12 wide basic blocks, pre-activation; pooled shortcuts over blocks, stages and all stages."""
    stages: Layers = []
    last = 4 * width
    for before, channels, stride in ((16, width, 1), (width, 2 * width, 2), (2 * width, last, 2)):
        blocks: Layers = [_wide_block(before, channels, stride)]
        if stride == 1:  # the shortcut of the very first begins behind batch norm and ReLU
            norm, relu, *body = _wide_body(before, channels, stride)
            blocks = [norm, relu, Residual(body, Pooled(channels, stride))]
        blocks += [_wide_block(channels, channels, 1) for _ in range(3)]
        stages.append(Residual(blocks, Pooled(channels, stride)))
    everything = Residual(stages, Pooled(last, 4))
    return nn.Sequential(
        _conv(colors, 16, 3), everything, *_norm_relu(last), *_head(last, num_classes)
    )


_NETWORKS: dict[str, Callable[[int, int], nn.Module]] = {
    "cnn": cnn,
    "resnet29": resnet29,
    "resnet32": resnet32,
    "wrn28-10": partial(wrn28, width=160),
    "wrn28-2": partial(wrn28, width=32),
}


def require(name: str) -> None:
    """Check that a network has a counterpart here.

    Raises:
      InputError: it has none; the message names those that have.
    """
    if name not in _NETWORKS:
        raise InputError(f"no PyTorch counterpart of {name}; there are {', '.join(_NETWORKS)}")


def create(name: str, colors: int, num_classes: int) -> nn.Module:
    """Network in training mode from [B, colors, H, W], sides divisible by 4, to logits."""
    require(name)
    return _NETWORKS[name](colors, num_classes).train()


def _conv(before: int, channels: int, size: int, stride: int = 1) -> nn.Module:
    return nn.Conv2d(before, channels, size, stride, padding=size // 2, bias=False)


def _uncentered(before: int, channels: int, stride: int) -> nn.Module:
    """A 3x3 convolution, padded as TensorFlow pads even sides when it has a stride."""
    if stride == 1:
        return _conv(before, channels, 3)
    convolution = nn.Conv2d(before, channels, 3, stride, bias=False)
    return nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), convolution)


def _norm_relu(channels: int) -> Layers:
    return [nn.BatchNorm2d(channels), nn.ReLU()]


def _head(channels: int, num_classes: int) -> Layers:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes)]


def _basic_block(before: int, channels: int, stride: int) -> Layers:
    body = [_conv(before, channels, 3, stride), *_norm_relu(channels)]
    body += [_conv(channels, channels, 3), nn.BatchNorm2d(channels)]
    return [Residual(body, Pooled(channels, stride)), nn.ReLU()]


def _bottleneck(before: int, inner: int, channels: int, stride: int) -> Layers:
    body = [_conv(before, inner, 1, stride), *_norm_relu(inner)]
    body += [_conv(inner, inner, 3), *_norm_relu(inner)]
    return [*body, _conv(inner, channels, 1)]


def _wide_body(before: int, channels: int, stride: int) -> Layers:
    body = [*_norm_relu(before), _uncentered(before, channels, stride)]
    return [*body, *_norm_relu(channels), _conv(channels, channels, 3)]


def _wide_block(before: int, channels: int, stride: int) -> nn.Module:
    return Residual(_wide_body(before, channels, stride), Pooled(channels, stride))

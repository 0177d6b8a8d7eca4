"""The networks that are compared: ImageNet classifiers as published, with seeded weights, as ONNX models.

Layers and channels follow torchvision (ResNet v1.5, SqueezeNet 1.1, VGG-16 without dropout, DenseNet-121) and, for MobileNet v1, Howard et
al. 2017; Inception v1 is GoogLeNet as Szegedy et al. 2014 have it, with its 5x5 branches and local response norms, without the side heads.
Batch normalisation stays a node of its own, as trained models have it; folding it is the compiler's business.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

import onnx

from benchmarks.network_builder import NetworkBuilder

IMAGE = (3, 224, 224)
CLASSES = 1000


class MakeNetwork(Protocol):
    """The weights depend on the seed, and not on the batch."""

    def __call__(self, seed: int = 0, batch: int = 1) -> onnx.ModelProto: ...


def _conv_bn(net: NetworkBuilder, x: str, channels: int, kernel: int, stride: int = 1, *, groups: int = 1) -> str:
    return net.relu(net.batch_norm(net.conv(x, channels, kernel, stride, groups=groups)))


def _basic_block(net: NetworkBuilder, x: str, channels: int, stride: int) -> str:
    y = _conv_bn(net, x, channels, 3, stride)
    y = net.batch_norm(net.conv(y, channels, 3), scale=0.5)
    return net.relu(net.add(y, _shortcut(net, x, channels, stride)))


def _bottleneck(net: NetworkBuilder, x: str, channels: int, stride: int) -> str:
    y = _conv_bn(net, x, channels, 1)
    y = _conv_bn(net, y, channels, 3, stride)
    y = net.batch_norm(net.conv(y, channels * 4, 1), scale=0.5)
    return net.relu(net.add(y, _shortcut(net, x, channels * 4, stride)))


def _shortcut(net: NetworkBuilder, x: str, channels: int, stride: int) -> str:
    if net.shapes[x][1] == channels and stride == 1:
        return x
    return net.batch_norm(net.conv(x, channels, 1, stride, gain=1.0))


def _classifier(net: NetworkBuilder, x: str) -> onnx.ModelProto:
    return net.finish(net.softmax(net.dense(net.flatten(net.global_average_pool(x)), CLASSES, gain=0.2)))


def _resnet(
    name: str, block: Callable[[NetworkBuilder, str, int, int], str], depths: tuple[int, ...], seed: int, batch: int
) -> onnx.ModelProto:
    net = NetworkBuilder(name, seed)
    x = net.max_pool(_conv_bn(net, net.input((batch, *IMAGE)), 64, 7, 2), 3, 2, 1)
    for stage, depth in enumerate(depths):
        for position in range(depth):
            x = block(net, x, 64 << stage, 2 if stage > 0 and position == 0 else 1)
    return _classifier(net, x)


def resnet18(seed: int = 0, batch: int = 1) -> onnx.ModelProto:
    return _resnet("resnet18", _basic_block, (2, 2, 2, 2), seed, batch)


def resnet50(seed: int = 0, batch: int = 1) -> onnx.ModelProto:
    return _resnet("resnet50", _bottleneck, (3, 4, 6, 3), seed, batch)


def mobilenet_v1(seed: int = 0, batch: int = 1) -> onnx.ModelProto:
    net = NetworkBuilder("mobilenet_v1", seed)
    x = _conv_bn(net, net.input((batch, *IMAGE)), 32, 3, 2)
    for channels, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)):
        x = _conv_bn(net, x, net.shapes[x][1], 3, stride, groups=net.shapes[x][1])
        x = _conv_bn(net, x, channels, 1)
    return _classifier(net, x)


def mobilenet_v2(seed: int = 0, batch: int = 1) -> onnx.ModelProto:
    net = NetworkBuilder("mobilenet_v2", seed)

    def conv_bn6(x: str, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> str:
        return net.relu6(net.batch_norm(net.conv(x, channels, kernel, stride, groups=groups)))

    x = conv_bn6(net.input((batch, *IMAGE)), 32, 3, 2)
    for expansion, channels, depth, first_stride in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for position in range(depth):
            stride = first_stride if position == 0 else 1
            hidden = net.shapes[x][1] * expansion
            y = conv_bn6(x, hidden, 1) if expansion > 1 else x
            y = conv_bn6(y, hidden, 3, stride, groups=hidden)
            y = net.batch_norm(net.conv(y, channels, 1))
            x = net.add(x, y) if stride == 1 and net.shapes[x][1] == channels else y
    return _classifier(net, conv_bn6(x, 1280, 1))


def squeezenet(seed: int = 0, batch: int = 1) -> onnx.ModelProto:
    net = NetworkBuilder("squeezenet", seed)

    def fire(x: str, squeezed: int, expanded: int) -> str:
        y = net.relu(net.conv(x, squeezed, 1, bias=True))
        return net.concat(net.relu(net.conv(y, expanded, 1, bias=True)), net.relu(net.conv(y, expanded, 3, bias=True)))

    x = net.relu(net.conv(net.input((batch, *IMAGE)), 64, 3, 2, bias=True, padding=0))
    for squeezed in (16, 32, 48):
        x = net.max_pool(x, 3, 2, ceil=True)
        x = fire(fire(x, squeezed, squeezed * 4), squeezed, squeezed * 4)
    x = fire(fire(x, 64, 256), 64, 256)
    x = net.relu(net.conv(x, CLASSES, 1, bias=True, gain=0.1))
    return net.finish(net.softmax(net.flatten(net.global_average_pool(x))))


def vgg16(seed: int = 0, batch: int = 1) -> onnx.ModelProto:
    net = NetworkBuilder("vgg16", seed)
    x = net.input((batch, *IMAGE))
    for channels, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(depth):
            x = net.relu(net.conv(x, channels, 3, bias=True))
        x = net.max_pool(x, 2, 2)
    x = net.relu(net.dense(net.flatten(x), 4096, gain=2.0))
    x = net.relu(net.dense(x, 4096, gain=2.0))
    return net.finish(net.softmax(net.dense(x, CLASSES, gain=0.2)))


def densenet121(seed: int = 0, batch: int = 1) -> onnx.ModelProto:
    net = NetworkBuilder("densenet121", seed)

    def bn_conv(x: str, channels: int, kernel: int) -> str:
        return net.conv(net.relu(net.batch_norm(x)), channels, kernel)

    x = net.max_pool(_conv_bn(net, net.input((batch, *IMAGE)), 64, 7, 2), 3, 2, 1)
    for block, depth in enumerate((6, 12, 24, 16)):
        if block > 0:
            x = net.average_pool(bn_conv(x, net.shapes[x][1] // 2, 1), 2, 2)
        for _ in range(depth):
            x = net.concat(x, bn_conv(bn_conv(x, 128, 1), 32, 3))
    return _classifier(net, net.relu(net.batch_norm(x)))


def inception_v1(seed: int = 0, batch: int = 1) -> onnx.ModelProto:
    net = NetworkBuilder("inception_v1", seed)

    def conv(x: str, channels: int, kernel: int, stride: int = 1) -> str:
        return net.relu(net.conv(x, channels, kernel, stride, bias=True))

    def inception(x: str, channels: tuple[int, ...]) -> str:
        alone, squeezed3, wide3, squeezed5, wide5, pooled = channels
        branches = (
            conv(x, alone, 1),
            conv(conv(x, squeezed3, 1), wide3, 3),
            conv(conv(x, squeezed5, 1), wide5, 5),
            conv(net.max_pool(x, 3, 1, 1), pooled, 1),
        )
        return net.concat(*branches)

    x = net.max_pool(conv(net.input((batch, *IMAGE)), 64, 7, 2), 3, 2, ceil=True)
    x = net.local_response_norm(conv(conv(net.local_response_norm(x), 64, 1), 192, 3))
    for stage in INCEPTION_STAGES:
        x = net.max_pool(x, 3, 2, ceil=True)
        for channels in stage:
            x = inception(x, channels)
    return _classifier(net, x)


INCEPTION_STAGES = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)

NETWORKS: Mapping[str, MakeNetwork] = MappingProxyType(
    {
        "resnet18": resnet18,
        "mobilenet_v1": mobilenet_v1,
        "mobilenet_v2": mobilenet_v2,
        "resnet50": resnet50,
        "squeezenet": squeezenet,
        "vgg16": vgg16,
        "densenet121": densenet121,
        "inception_v1": inception_v1,
    }
)

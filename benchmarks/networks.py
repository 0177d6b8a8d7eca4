"""The networks that are compared: ImageNet classifiers as published, with seeded weights, as ONNX models.

Layers and channels follow torchvision (ResNet v1.5, SqueezeNet 1.1, VGG-16 without dropout) and, for MobileNet v1, Howard et al. 2017.
Batch normalisation stays a node of its own, as trained models have it; folding it is the compiler's business.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import onnx

from benchmarks.network_builder import NetworkBuilder

SHAPE = (1, 3, 224, 224)
CLASSES = 1000


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


def _resnet(name: str, block: Callable[[NetworkBuilder, str, int, int], str], depths: tuple[int, ...], seed: int) -> onnx.ModelProto:
    net = NetworkBuilder(name, seed)
    x = net.max_pool(_conv_bn(net, net.input(SHAPE), 64, 7, 2), 3, 2, 1)
    for stage, depth in enumerate(depths):
        for position in range(depth):
            x = block(net, x, 64 << stage, 2 if stage > 0 and position == 0 else 1)
    return _classifier(net, x)


def resnet18(seed: int = 0) -> onnx.ModelProto:
    return _resnet("resnet18", _basic_block, (2, 2, 2, 2), seed)


def resnet50(seed: int = 0) -> onnx.ModelProto:
    return _resnet("resnet50", _bottleneck, (3, 4, 6, 3), seed)


def mobilenet_v1(seed: int = 0) -> onnx.ModelProto:
    net = NetworkBuilder("mobilenet_v1", seed)
    x = _conv_bn(net, net.input(SHAPE), 32, 3, 2)
    for channels, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)):
        x = _conv_bn(net, x, net.shapes[x][1], 3, stride, groups=net.shapes[x][1])
        x = _conv_bn(net, x, channels, 1)
    return _classifier(net, x)


def mobilenet_v2(seed: int = 0) -> onnx.ModelProto:
    net = NetworkBuilder("mobilenet_v2", seed)

    def conv_bn6(x: str, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> str:
        return net.relu6(net.batch_norm(net.conv(x, channels, kernel, stride, groups=groups)))

    x = conv_bn6(net.input(SHAPE), 32, 3, 2)
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


def squeezenet(seed: int = 0) -> onnx.ModelProto:
    net = NetworkBuilder("squeezenet", seed)

    def fire(x: str, squeezed: int, expanded: int) -> str:
        y = net.relu(net.conv(x, squeezed, 1, bias=True))
        return net.concat(net.relu(net.conv(y, expanded, 1, bias=True)), net.relu(net.conv(y, expanded, 3, bias=True)))

    x = net.relu(net.conv(net.input(SHAPE), 64, 3, 2, bias=True, padding=0))
    for squeezed in (16, 32, 48):
        x = net.max_pool(x, 3, 2, ceil=True)
        x = fire(fire(x, squeezed, squeezed * 4), squeezed, squeezed * 4)
    x = fire(fire(x, 64, 256), 64, 256)
    x = net.relu(net.conv(x, CLASSES, 1, bias=True, gain=0.1))
    return net.finish(net.softmax(net.flatten(net.global_average_pool(x))))


def vgg16(seed: int = 0) -> onnx.ModelProto:
    net = NetworkBuilder("vgg16", seed)
    x = net.input(SHAPE)
    for channels, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(depth):
            x = net.relu(net.conv(x, channels, 3, bias=True))
        x = net.max_pool(x, 2, 2)
    x = net.relu(net.dense(net.flatten(x), 4096, gain=2.0))
    x = net.relu(net.dense(x, 4096, gain=2.0))
    return net.finish(net.softmax(net.dense(x, CLASSES, gain=0.2)))


NETWORKS: Mapping[str, Callable[[int], onnx.ModelProto]] = MappingProxyType(
    {
        "resnet18": resnet18,
        "mobilenet_v1": mobilenet_v1,
        "mobilenet_v2": mobilenet_v2,
        "resnet50": resnet50,
        "squeezenet": squeezenet,
        "vgg16": vgg16,
    }
)

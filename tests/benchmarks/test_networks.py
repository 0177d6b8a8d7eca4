"""The compared networks are the published ones: their parameters are counted, and their outputs have a sane scale."""

import numpy as np
import onnx
import onnxruntime
import pytest

from benchmarks.networks import NETWORKS

# millions of parameters as torchvision counts them; MobileNet v1: 4.2 in Howard et al. 2017, table 8; Inception v1: BVLC's GoogLeNet
PUBLISHED = {
    "resnet18": 11.690,
    "mobilenet_v1": 4.232,
    "mobilenet_v2": 3.505,
    "resnet50": 25.557,
    "squeezenet": 1.235,
    "vgg16": 138.358,
    "densenet121": 7.979,
    "inception_v1": 6.999,
}
SMALL = sorted(set(NETWORKS) - {"vgg16", "resnet50"})


def parameter_count(model: onnx.ModelProto) -> int:
    """Without the statistics of batch normalisation and the limits of clips, which are not learnt by gradient."""
    not_learnt = {
        name for node in model.graph.node for name in {"BatchNormalization": node.input[3:], "Clip": node.input[1:]}.get(node.op_type, ())
    }
    return sum(int(np.prod(weight.dims)) for weight in model.graph.initializer if weight.name not in not_learnt)


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"vgg16"}))
def test_parameters_are_as_published(name: str) -> None:
    model = NETWORKS[name](0)
    onnx.checker.check_model(model)
    assert parameter_count(model) / 1e6 == pytest.approx(PUBLISHED[name], abs=0.001)


@pytest.mark.slow
def test_parameters_of_vgg16_are_as_published() -> None:
    assert parameter_count(NETWORKS["vgg16"](0)) / 1e6 == pytest.approx(PUBLISHED["vgg16"], abs=0.001)


@pytest.mark.parametrize("name", SMALL)
def test_outputs_depend_on_the_input_and_are_not_saturated(name: str) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(NETWORKS[name](0).SerializeToString(), options)
    draws = [np.random.default_rng(seed).standard_normal((1, 3, 224, 224)).astype(np.float32) for seed in (1, 2)]
    first, second = (session.run(None, {"data": x})[0] for x in draws)
    assert first.shape == (1, 1000)
    assert first.sum() == pytest.approx(1, abs=1e-4)
    assert first.max() < 0.99
    assert np.abs(first - second).max() > 1e-3 * first.max()


def test_a_batch_runs_with_the_same_weights() -> None:
    model = NETWORKS["squeezenet"](0, 2)
    images = np.random.default_rng(1).standard_normal((2, 3, 224, 224)).astype(np.float32)
    both = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"data": images})[0]
    alone = onnxruntime.InferenceSession(NETWORKS["squeezenet"](0).SerializeToString()).run(None, {"data": images[1:]})[0]
    np.testing.assert_allclose(both[1:], alone, rtol=1e-4)


def test_weights_follow_the_seed() -> None:
    first, same, other = (NETWORKS["squeezenet"](seed).SerializeToString() for seed in (0, 0, 1))
    assert first == same
    assert first != other

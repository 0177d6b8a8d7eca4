"""The interpreter against numpy, on nests as built and as schedules leave them."""

from math import erf
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from compiler.errors import InputError, VerifyError
from compiler.loop_ir import Allocate, For, IfThen, LoopFunc, LoopKind, Stmt, Store, Update, build_loop_func, interpret, interpreter, seq
from compiler.te import (
    BINARY_OPS,
    COMPARISONS,
    FUNCTIONS,
    Binary,
    Buffer,
    Call,
    Cast,
    Combiner,
    Const,
    Load,
    Select,
    Tensor,
    Var,
    compute,
    logical_and,
    max_over,
    min_over,
    placeholder,
    prod_over,
    reduce_axis,
    select,
    sum_over,
)
from compiler.tensor_type import BOOL, FLOAT32, INT32, INT64

N, J, K = Var("i"), Var("j"), Var("k")


def random(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def run(output: Tensor, *inputs: tuple[Tensor, NDArray[Any]]) -> NDArray[Any]:
    func = build_loop_func("f", [tensor for tensor, _ in inputs], [output])
    result = np.zeros(output.shape, output.dtype)
    interpret(func, [*(array for _, array in inputs), result])
    return result


def test_matmul(matmul: LoopFunc) -> None:
    a, b, c = random((4, 8)), random((8, 6), 1), np.full((4, 6), np.nan, np.float32)
    interpret(matmul, [a, b, c])
    np.testing.assert_allclose(c, a @ b, rtol=1e-5, atol=1e-6)


def test_padded_strided_convolution() -> None:
    x, w = placeholder((2, 3, 7, 5), name="x"), placeholder((4, 3, 3, 3), name="w")
    c, p, q = reduce_axis(3, "c"), reduce_axis(3, "p"), reduce_axis(3, "q")

    def pad(n: Any, ch: Any, h: Any, v: Any) -> Any:
        return select(logical_and(h >= 1, h < 8, v >= 1, v < 6), x[n, ch, h - 1, v - 1], 0.0)

    padded = compute((2, 3, 9, 7), pad, name="padded")
    conv = compute((2, 4, 4, 3), lambda n, o, h, v: sum_over(padded[n, c, h * 2 + p, v * 2 + q] * w[o, c, p, q], c, p, q), name="conv")
    relu = compute(conv.shape, lambda n, o, h, v: Binary("max", conv[n, o, h, v], Const(0.0, FLOAT32)), name="relu")
    data, weights = random(x.shape), random(w.shape, 1)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(data, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), (2, 3))[:, :, ::2, ::2]
    expected = np.maximum(np.einsum("nchvpq,ocpq->nohv", windows, weights), 0)
    np.testing.assert_allclose(run(relu, (x, data), (w, weights)), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("over", "numpy_name"), [(sum_over, "sum"), (prod_over, "prod"), (max_over, "max"), (min_over, "min")])
@pytest.mark.parametrize("dtype", ["float32", "int32", "int64"])
def test_reductions(over: Any, numpy_name: str, dtype: str) -> None:
    x = placeholder((3, 5), "x", np.dtype(dtype))
    k = reduce_axis(5, "k")
    data = (random(x.shape) * 4).astype(dtype)
    result = run(compute((3,), lambda i: over(x[i, k], k), name="r"), (x, data))
    np.testing.assert_allclose(result, getattr(data, numpy_name)(axis=1), rtol=1e-6)


ORACLES = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "erf": lambda x: np.vectorize(erf)(x),
    "neg": np.negative,
    "round": np.rint,
    "not": np.logical_not,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
}
SPECIAL = np.array([0, -0.0, 0.5, -0.5, 1, -1, 1.5, 2.5, -2.5, 80, -80, 1000, -1000, np.inf, -np.inf, np.nan], np.float32)


def test_bits_and_back() -> None:
    x = placeholder(SPECIAL.shape, "x")
    bits = run(compute(SPECIAL.shape, lambda i: Call("bits", (x[i],)), name="y"), (x, SPECIAL))
    assert bits.tolist() == SPECIAL.view(np.int32).tolist()
    y = placeholder(bits.shape, "y", bits.dtype)
    assert run(compute(bits.shape, lambda i: Call("from_bits", (y[i],)), name="x"), (y, bits)).tobytes() == SPECIAL.tobytes()


@pytest.mark.parametrize("function", sorted(FUNCTIONS - {"bits", "from_bits"}))
def test_functions_at_special_values(function: str) -> None:
    data = SPECIAL > 0 if function == "not" else SPECIAL
    x = placeholder(data.shape, "x", data.dtype)
    result = run(compute(data.shape, lambda i: Call(function, (x[i],)), name="y"), (x, data))
    with np.errstate(all="ignore"):
        expected = ORACLES.get(function, getattr(np, function, None))(data if function == "not" else data.astype(np.float64))
        np.testing.assert_allclose(result, expected.astype(result.dtype), rtol=1e-6)


BINARY_ORACLES = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "floordiv": lambda a, b: np.floor(a / b),
    "mod": np.fmod,
    "min": np.minimum,
    "max": np.maximum,
    "pow": np.power,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": np.logical_and,
    "or": np.logical_or,
}


@pytest.mark.parametrize("op", sorted(BINARY_OPS))
def test_float_operations_at_special_values(op: str) -> None:
    a, b = (grid.astype(np.float32).ravel() for grid in np.meshgrid(SPECIAL, SPECIAL))
    if op in ("and", "or"):
        a, b = a > 0, b > 0
    x, y = placeholder(a.shape, "x", a.dtype), placeholder(b.shape, "y", b.dtype)
    result = run(compute(a.shape, lambda i: Binary(op, x[i], y[i]), name="z"), (x, a), (y, b))
    assert result.dtype == (BOOL if op in COMPARISONS else FLOAT32)
    with np.errstate(all="ignore"):
        wide = (a, b) if a.dtype == BOOL else (a.astype(np.float64), b.astype(np.float64))
        np.testing.assert_allclose(result, BINARY_ORACLES[op](*wide).astype(result.dtype), rtol=1e-6)


INTEGERS = np.array([-7, -2, -1, 1, 2, 3, 9], np.int32)


@pytest.mark.parametrize("op", ["add", "sub", "mul", "div", "floordiv", "mod", "min", "max", "lt", "eq"])
def test_integer_operations(op: str) -> None:
    a, b = (grid.ravel() for grid in np.meshgrid(INTEGERS, INTEGERS))
    x, y = placeholder(a.shape, "x", INT32), placeholder(b.shape, "y", INT32)
    result = run(compute(a.shape, lambda i: Binary(op, x[i], y[i]), name="z"), (x, a), (y, b))
    oracles = {**BINARY_ORACLES, "div": lambda p, q: np.trunc(p / q), "floordiv": np.floor_divide, "mod": np.mod}
    np.testing.assert_array_equal(result, oracles[op](a, b).astype(result.dtype))


@pytest.mark.parametrize("source", ["float32", "int32", "int64", "bool"])
@pytest.mark.parametrize("goal", ["float32", "float64", "int32", "int64", "bool"])
def test_casts(source: str, goal: str) -> None:
    data = np.array([-3.7, -1, 0, 0.4, 2.6, 1e6]).astype(source)
    x = placeholder(data.shape, "x", np.dtype(source))
    result = run(compute(data.shape, lambda i: Cast(np.dtype(goal), x[i]), name="y"), (x, data))
    np.testing.assert_array_equal(result, data.astype(goal))


def test_select_evaluates_the_taken_arm_only() -> None:
    x = placeholder((4,), name="x")
    shifted = compute((6,), lambda i: select(i < 4, x[i], -1.0), name="y")
    np.testing.assert_array_equal(run(shifted, (x, np.arange(4, dtype=np.float32))), [0, 1, 2, 3, -1, -1])


def test_gather_is_checked() -> None:
    x, index = placeholder((3, 2), name="x"), placeholder((2,), "index", INT64)
    rows = compute((2, 2), lambda i, j: x[index[i], j], name="rows")
    data = random((3, 2))
    np.testing.assert_array_equal(run(rows, (x, data), (index, np.array([2, 0]))), data[[2, 0]])
    with pytest.raises(VerifyError, match=r"x\[3, 0\] is out of bounds: its shape is \[3, 2\]"):
        run(rows, (x, data), (index, np.array([0, 3])))


def test_store_out_of_bounds_names_buffer_index_and_shape() -> None:
    y = Buffer("y", (2, 4))
    func = LoopFunc("f", (y,), For("i", 2, For("j", 5, Store(y, (N, J), Const(0.0, FLOAT32)))))
    with pytest.raises(VerifyError, match=r"y\[0, 4\] is out of bounds: its shape is \[2, 4\]"):
        interpret(func, [np.zeros((2, 4), np.float32)])


def reduction(body_of: Any, combiner: Combiner = "sum") -> LoopFunc:
    """y[i] = reduce over k of x[i, k], where `body_of` makes the loops over k around the update."""
    x, y = Buffer("x", (3, 10)), Buffer("y", (3,))

    def update(k: Any) -> Stmt:
        return Update(y, (N,), combiner, Load(x, (N, k)))

    return LoopFunc("f", (x, y), body_of(update))


@pytest.mark.parametrize(
    "nest",
    [
        lambda update: For("i", 3, For("k", 10, update(K), reduce=True)),
        lambda update: For("k", 10, For("i", 3, update(K), LoopKind.VECTORIZED), reduce=True),
        lambda update: For("i", 3, For("k", 5, For("j", 2, update(K * 2 + J), reduce=True), reduce=True), LoopKind.PARALLEL),
        lambda update: For(
            "k", 4, For("i", 3, For("j", 3, IfThen(K * 3 + J < 10, update(K * 3 + J)), LoopKind.UNROLLED, reduce=True)), reduce=True
        ),
        lambda update: For("i", 3, For("k", 10, update(K - 5), reduce=True, start=5)),
    ],
    ids=["naive", "reordered", "split", "guarded", "shifted"],
)
def test_reduction_loops_in_any_shape(nest: Any) -> None:
    x, y = random((3, 10)), np.full(3, np.nan, np.float32)
    interpret(reduction(nest), [x, y])
    np.testing.assert_allclose(y, x.sum(1), rtol=1e-5)


def test_reduction_without_reduce_loops_is_set() -> None:
    x, y = random((3, 10)), np.full(3, np.nan, np.float32)
    interpret(reduction(lambda update: For("i", 3, update(Const(4)))), [x, y])
    np.testing.assert_array_equal(y, x[:, 4])


def test_reduce_loops_outside_of_an_allocation_do_not_delay_its_initialisation() -> None:
    """y[0] = sum over k of (sum over j of x[k, j]), with the inner sum in scratch that lives for one k."""
    x, y, row = Buffer("x", (3, 10)), Buffer("y", (1,)), Buffer("row", (1,), scope="local")
    inner = For("j", 10, Update(row, (Const(0),), "sum", Load(x, (K, J))), reduce=True)
    outer = Update(y, (Const(0),), "sum", Load(row, (Const(0),)))
    func = LoopFunc("f", (x, y), For("k", 3, Allocate(row, seq(inner, outer)), reduce=True))
    data, total = random((3, 10)), np.zeros(1, np.float32)
    interpret(func, [data, total])
    np.testing.assert_allclose(total, [data.sum()], rtol=1e-4)


def test_allocated_memory_is_poisoned_at_each_entry() -> None:
    y, tmp = Buffer("y", (3,)), Buffer("tmp", (3,), scope="local")
    index = Buffer("index", (1,), INT64, "local")
    first = IfThen(N < 1, Store(tmp, (N,), Const(1.0, FLOAT32)))
    func = LoopFunc("f", (y,), For("i", 3, Allocate(tmp, seq(first, Store(y, (N,), Load(tmp, (Const(0),)))))))
    result = np.zeros(3, np.float32)
    interpret(func, [result])
    np.testing.assert_array_equal(result, [1.0, np.nan, np.nan])
    unset = LoopFunc("f", (y,), Allocate(index, Store(y, (Load(index, (Const(0),)),), Const(0.0, FLOAT32))))
    with pytest.raises(VerifyError, match="out of bounds"):
        interpret(unset, [result])


def test_thirty_nested_loops() -> None:
    y = Buffer("y", ())
    body: Stmt = Store(y, (), Load(y, ()) + 1.0)
    for depth in range(30):
        body = For(f"l{depth}", 1 if depth else 3, body)
    result = np.zeros((), np.float32)
    interpret(LoopFunc("f", (y,), body), [result])
    assert result == 3


def test_rounding_happens_at_stores() -> None:
    x = placeholder((1,), name="x")
    y = compute((1,), lambda i: (x[i] + 1e-9) - x[i], name="y")
    rounded = compute((1,), lambda i: x[i] + 1e-9, name="rounded")
    z = compute((1,), lambda i: rounded[i] - x[i], name="z")
    one = np.ones(1, np.float32)
    assert run(y, (x, one))[0] == np.float32(np.float64(1) + np.float32(1e-9) - 1)
    assert run(z, (x, one))[0] == 0


def test_an_interpreter_runs_many_times(matmul: LoopFunc) -> None:
    call = interpreter(matmul)
    for seed in range(3):
        a, b, c = random((4, 8), seed), random((8, 6), seed + 9), np.zeros((4, 6), np.float32)
        call([a, b, c])
        np.testing.assert_allclose(c, a @ b, rtol=1e-5, atol=1e-6)


def test_arrays_must_fit_the_parameters(matmul: LoopFunc) -> None:
    a, b, c = random((4, 8)), random((8, 6)), np.zeros((4, 6), np.float32)
    with pytest.raises(InputError, match="matmul has 3 parameters, 2 arrays were given"):
        interpret(matmul, [a, b])
    with pytest.raises(InputError, match=r"b is float32\[8, 6\], given float64\[8, 6\]"):
        interpret(matmul, [a, b.astype(np.float64), c])
    with pytest.raises(InputError, match=r"a is float32\[4, 8\], given float32\[8, 4\]"):
        interpret(matmul, [np.zeros((8, 4), np.float32), b, c])
    with pytest.raises(InputError, match="not C-contiguous"):
        interpret(matmul, [np.asfortranarray(a), b, c])


def test_selects_of_integers_and_truth_values() -> None:
    x = placeholder((4,), "x", BOOL)
    y = compute((4,), lambda i: Select(x[i], Const(1, INT32), Const(-1, INT32)), name="y")
    np.testing.assert_array_equal(run(y, (x, np.array([True, False, True, False]))), [1, -1, 1, -1])

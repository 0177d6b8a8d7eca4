"""F(m, r) as fractions: exact for every size, and the expressions that share even and odd parts equal to the matrices."""

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest

from compiler.ops.toom_cook import MAX_PRODUCTS, ShortConvolution, short_convolution
from compiler.te import Binary, Const, Expr, Var, walk
from compiler.tensor_type import FLOAT32

SIZES = [(m, r) for m in range(1, MAX_PRODUCTS + 1) for r in range(1, MAX_PRODUCTS + 2 - m)]
Matrix = tuple[tuple[Fraction, ...], ...]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_it_is_the_convolution(size: tuple[int, int]) -> None:
    """For each pair of unit vectors: output k of input i and tap j is 1 where i = k + j."""
    outputs, taps = size
    form = short_convolution(outputs, taps)
    assert (form.outputs, form.taps, form.products) == (outputs, taps, outputs + taps - 1)
    for i in range(form.products):
        for j in range(taps):
            products = [form.input_rows[p][i] * form.weight_rows[p][j] for p in range(form.products)]
            for k in range(outputs):
                assert sum(form.output_rows[k][p] * products[p] for p in range(form.products)) == (i == k + j)


def value_of(expr: Expr, values: dict[str, Fraction]) -> Fraction:
    match expr:
        case Const(value):
            return Fraction(value)
        case Var(name):
            return values[name]
        case Binary("add", a, b):
            return value_of(a, values) + value_of(b, values)
        case Binary("sub", a, b):
            return value_of(a, values) - value_of(b, values)
        case Binary("mul", a, b):
            return value_of(a, values) * value_of(b, values)
    raise TypeError(f"a transform must not hold {expr}")


def matrix_of(transform: Callable[[Sequence[Expr]], list[Expr]], count: int) -> Matrix:
    """The matrix that a transform of `count` values amounts to."""
    names = [f"v{position}" for position in range(count)]
    rows = transform([Var(name, FLOAT32) for name in names])
    units = [{name: Fraction(name == chosen) for name in names} for chosen in names]
    return tuple(tuple(value_of(row, unit) for unit in units) for row in rows)


def assert_equal(found: Matrix, wanted: Matrix) -> None:
    """As far as the constants are numbers of double precision."""
    np.testing.assert_allclose(np.array(found, float), np.array(wanted, float), rtol=1e-15, atol=1e-15)
    assert [[bool(factor) for factor in row] for row in found] == [[bool(factor) for factor in row] for row in wanted]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_expressions_are_the_matrices(size: tuple[int, int]) -> None:
    form = short_convolution(*size)
    assert_equal(matrix_of(form.transform_input, form.products), form.input_rows)
    assert_equal(matrix_of(form.transform_weight, form.taps), form.weight_rows)
    assert_equal(matrix_of(form.transform_output, form.products), form.output_rows)


def operations(rows: Sequence[Expr]) -> int:
    """Additions, subtractions and multiplications by themselves; a multiplication inside of an addition is a multiply-add."""
    nodes = {id(node): node for row in rows for node in walk(row)}
    sums = [node for node in nodes.values() if isinstance(node, Binary) and node.op in ("add", "sub")]
    fused = {id(term) for node in sums for term in (node.a, node.b) if isinstance(term, Binary) and term.op == "mul"}
    alone = [key for key, node in nodes.items() if isinstance(node, Binary) and node.op == "mul" and key not in fused]
    return len(sums) + len(alone)


def variables(count: int) -> list[Expr]:
    return [Var(f"v{position}", FLOAT32) for position in range(count)]


def plain_operations(rows: Matrix) -> int:
    return sum(sum(map(bool, row)) - 1 for row in rows)


def test_points_and_their_negatives_share_work() -> None:
    form = short_convolution(4, 3)
    assert operations(form.transform_input(variables(6))) == 12
    assert plain_operations(form.input_rows) == 16
    assert operations(form.transform_output(variables(6))) == 10
    assert plain_operations(form.output_rows) == 14


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sharing_never_costs_more(size: tuple[int, int]) -> None:
    form = short_convolution(*size)
    scalings = sum(not any(abs(factor) == 1 for factor in row) for row in form.input_rows)
    assert operations(form.transform_input(variables(form.products))) <= plain_operations(form.input_rows) + scalings
    assert operations(form.transform_output(variables(form.products))) <= plain_operations(form.output_rows)


def test_one_of_anything_changes_nothing() -> None:
    values = variables(1)
    form: ShortConvolution = short_convolution(1, 1)
    assert form.transform_input(values) == form.transform_weight(values) == form.transform_output(values) == values


@pytest.mark.parametrize("size", [(7, 3), (3, 7), (9, 1), (1, 9)], ids=str)
def test_too_many_products(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"F\(.*\) needs 9 products; at most 8 are supported"):
        short_convolution(*size)


@pytest.mark.parametrize("size", [(0, 3), (3, 0), (0, 1), (-1, 2)], ids=str)
def test_nothing_to_compute(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least one output and one tap are needed"):
        short_convolution(*size)

"""The transforms of Winograd's short convolutions F(m, r): m outputs of a filter with r taps from m + r - 1 products. For `winograd.py`.

    y = A^T [(G g) * (B^T d)]        d: m + r - 1 inputs, g: r weights, y: m outputs, * element by element

The matrices come from the transposed Toom-Cook algorithm with the points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity (A. Lavin and S. Gray,
"Fast Algorithms for Convolutional Neural Networks", CVPR 2016; S. Winograd, "Arithmetic Complexity of Computations", SIAM 1980). Rows that
belong to a point and its negative share their even and odd parts, which leaves 12 operations for the 6 rows of B^T of F(4, 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from compiler.te import Expr

POINTS = tuple(Fraction(*pair) for pair in ((0, 1), (1, 1), (-1, 1), (2, 1), (-2, 1), (1, 2), (-1, 2)))
MAX_PRODUCTS = len(POINTS) + 1

Row = tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class ShortConvolution:
    """The matrices of F(m, r). pairs: positions of the points of which one is the other's negative."""

    outputs: int
    taps: int
    input_rows: tuple[Row, ...]
    weight_rows: tuple[Row, ...]
    output_rows: tuple[Row, ...]
    pairs: tuple[tuple[int, int], ...]

    @property
    def products(self) -> int:
        return self.outputs + self.taps - 1

    def transform_input(self, values: Sequence[Expr]) -> list[Expr]:
        """B^T d."""
        result = [_combine(row, values) for row in self.input_rows]
        for first, second in self.pairs if self.products % 2 == 0 else ():  # else one point is without its negative
            result[first], result[second] = _sum_and_difference(self.input_rows[first], values)
        return result

    def transform_weight(self, values: Sequence[Expr]) -> list[Expr]:
        """G g."""
        return [_combine(row, values) for row in self.weight_rows]

    def transform_output(self, values: Sequence[Expr]) -> list[Expr]:
        """A^T x, with the sums and differences of paired products shared."""
        paired = {position for pair in self.pairs for position in pair}
        rows: list[Expr] = []
        parts = [(first, values[first] + values[second], values[first] - values[second]) for first, second in self.pairs]
        for power, row in enumerate(self.output_rows):
            terms = [(row[position], value) for position, value in enumerate(values) if position not in paired]
            terms += [(row[first], difference if power % 2 else total) for first, total, difference in parts]
            rows.append(_combine([factor for factor, _ in terms], [value for _, value in terms]))
        return rows


def short_convolution(outputs: int, taps: int) -> ShortConvolution:
    """F(outputs, taps); at most 8 products. F(1, r) and F(m, 1) with one of them 1 are exact, and F(1, 1) changes nothing."""
    products = outputs + taps - 1
    if min(outputs, taps) < 1:
        raise ValueError(f"F({outputs}, {taps}): at least one output and one tap are needed")
    if products > MAX_PRODUCTS:
        raise ValueError(f"F({outputs}, {taps}) needs {products} products; at most {MAX_PRODUCTS} are supported")
    points = POINTS[: products - 1]
    one, zero = Fraction(1), Fraction(0)
    inputs: list[Row] = []
    weights: list[Row] = []
    for position, point in enumerate(points):
        others = [other for index, other in enumerate(points) if index != position]
        scale = one
        for other in others:
            scale *= point - other
        inputs.append((*_monic(others), zero))
        weights.append(tuple(point**power / scale for power in range(taps)))
    inputs.append(_monic(points))
    weights.append(tuple(one if power == taps - 1 else zero for power in range(taps)))
    rows = [(*(point**power for point in points), one if power == outputs - 1 else zero) for power in range(outputs)]
    pairs = tuple((index, index + 1) for index in range(1, len(points) - 1, 2))
    return ShortConvolution(outputs, taps, tuple(inputs), tuple(weights), tuple(rows), pairs)


def _monic(roots: Sequence[Fraction]) -> Row:
    """Coefficients, constant first, of the product of (x - root)."""
    result = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *result]
        for power, coefficient in enumerate(result):
            shifted[power] -= root * coefficient
        result = shifted
    return tuple(result)


def _combine(factors: Sequence[Fraction], values: Sequence[Expr]) -> Expr:
    """sum(factor * value), one multiply-add per term; it starts from a term that needs no multiplication, where there is one."""
    terms = [(factor, value) for factor, value in zip(factors, values, strict=True) if factor]
    start = next((index for index, (factor, _) in enumerate(terms) if factor == 1), 0)
    factor, value = terms.pop(start)
    result = _scaled(factor, value)
    for factor, value in terms:
        result = result - value if factor == -1 else result + _scaled(factor, value)
    return result


def _scaled(factor: Fraction, value: Expr) -> Expr:
    return value if factor == 1 else value * float(factor)


def _sum_and_difference(row: Row, values: Sequence[Expr]) -> tuple[Expr, Expr]:
    """The rows of a point and of its negative: even part + odd part, even part - odd part."""
    halves = []
    for parity in (0, 1):
        part = [coefficient if power % 2 == parity else Fraction(0) for power, coefficient in enumerate(row)]
        scale = next(coefficient for coefficient in reversed(part) if coefficient)
        halves.append((scale, _combine([coefficient / scale for coefficient in part], values)))
    (even_scale, even), (odd_scale, odd) = halves
    return _combine((even_scale, odd_scale), (even, odd)), _combine((even_scale, -odd_scale), (even, odd))

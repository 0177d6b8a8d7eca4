"""ONNX frontend: the static type of every input, from the model and from the shapes that the caller gives.

In: the declared inputs, where a dimension is a number, a symbol or nothing. Out: a `TensorType` for each. Next: `load_onnx.py`.
"""

from collections.abc import Mapping, Sequence

from onnx import ValueInfoProto

from compiler.errors import ShapeError, UnsupportedOperator
from compiler.frontends.onnx.read_model import element_dtype
from compiler.tensor_type import TensorType

Dimension = int | str | None


def input_types(inputs: Sequence[ValueInfoProto], shapes: Mapping[str, Sequence[int]]) -> dict[str, TensorType]:
    """Types by name. A symbol that `shapes` gives one value everywhere has it in all inputs. Raises `ShapeError` for what stays unknown."""
    names = [declared.name for declared in inputs]
    for name in shapes:
        if name not in names:
            raise ShapeError(f"a shape is given for {name!r}, which is no input; inputs are {', '.join(map(repr, names)) or 'none'}")
    declared_shapes = {declared.name: _declared_shape(declared) for declared in inputs}
    bindings: dict[str, set[int]] = {}
    for name, shape in shapes.items():
        _check_given(name, declared_shapes[name], shape, bindings)
    symbols = {symbol: extent for symbol, extents in bindings.items() for extent in extents if len(extents) == 1}
    types = {}
    for declared in inputs:
        dtype = element_dtype(declared.type.tensor_type.elem_type, f"input {declared.name!r}")
        if declared.name in shapes:
            shape = tuple(int(extent) for extent in shapes[declared.name])
        else:
            shape = _resolve(declared.name, declared_shapes[declared.name], symbols)
        types[declared.name] = TensorType(shape, dtype)
    return types


def _declared_shape(declared: ValueInfoProto) -> tuple[Dimension, ...] | None:
    """One entry per axis: an extent, a symbol, or None; None for the whole when the rank is unknown."""
    if not declared.type.HasField("tensor_type"):
        kind = declared.type.WhichOneof("value") or "unknown"
        raise UnsupportedOperator(f"input {declared.name!r} is of kind {kind.removesuffix('_type')}; supported are tensors")
    tensor = declared.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    dimensions: list[Dimension] = []
    for dim in tensor.shape.dim:
        kind = dim.WhichOneof("value")
        if kind == "dim_value" and dim.dim_value >= 0:
            dimensions.append(int(dim.dim_value))
        else:
            dimensions.append(dim.dim_param or None)
    return tuple(dimensions)


def _check_given(name: str, declared: tuple[Dimension, ...] | None, given: Sequence[int], bindings: dict[str, set[int]]) -> None:
    """A given shape must agree with the model; a declared extent of 0 counts as unknown, since some exporters write it so."""
    text = ",".join(map(str, given))
    if any(extent < 0 for extent in given):
        raise ShapeError(f"the shape {text} given for input {name!r} has a negative extent")
    if declared is None:
        return
    if len(declared) != len(given):
        raise ShapeError(f"the shape {text} given for input {name!r} has {len(given)} dimensions; the model has {_spell(declared)}")
    for axis, (dimension, extent) in enumerate(zip(declared, given, strict=True)):
        if isinstance(dimension, str):
            bindings.setdefault(dimension, set()).add(int(extent))
        elif dimension and dimension != extent:
            raise ShapeError(f"the shape {text} given for input {name!r} differs in dimension {axis}; the model has {_spell(declared)}")


def _resolve(name: str, declared: tuple[Dimension, ...] | None, symbols: Mapping[str, int]) -> tuple[int, ...]:
    if declared is None:
        raise ShapeError(f"input {name!r} has no shape in the model; give it, for example --shape {name}=1,3,224,224")
    bound = [symbols.get(dimension) if isinstance(dimension, str) else dimension for dimension in declared]
    unknown = [axis for axis, extent in enumerate(bound) if extent is None]
    if unknown:
        which = ", ".join(str(axis) + (f" ({declared[axis]})" if declared[axis] else "") for axis in unknown)
        example = ",".join(str(extent if extent is not None else 1 if axis == 0 else 224) for axis, extent in enumerate(bound))
        word = "dimension" if len(unknown) == 1 else "dimensions"
        raise ShapeError(f"input {name!r} has unknown {word} {which}; give the whole shape, for example --shape {name}={example}")
    return tuple(extent for extent in bound if extent is not None)


def _spell(declared: tuple[Dimension, ...]) -> str:
    return ",".join("?" if dimension is None else str(dimension) for dimension in declared)

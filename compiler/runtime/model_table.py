"""The C source of a model's table: what `native/model.c` and `load_model.py` read about it.

In: `ModelInfo`, and the fields in which a library and a standalone model differ. Out: C text. Next: `link_model.py`, `write_standalone.py`.
"""

from collections.abc import Mapping, Sequence

from compiler.runtime.model_info import ModelInfo, NamedType

RUN_SYMBOL = "tw_entry_run"
PROFILE_SYMBOL = "tw_entry_profile"
HEAD = f"""#include "model_table.h"
extern int32_t {RUN_SYMBOL}(void **, void **, const uint8_t *, uint8_t *, tw_pool *);
extern int32_t {PROFILE_SYMBOL}(void **, void **, const uint8_t *, uint8_t *, tw_pool *, double *);
extern const uint8_t tw_model_weights_data[];
extern const char tw_model_metadata_data[];
"""
LIBRARY_FIELDS: Mapping[str, str] = {
    "profile": PROFILE_SYMBOL,
    "weights": "tw_model_weights_data",
    "metadata": "tw_model_metadata_data",
    "time_calls": "tw_time_calls",
}


def c_string(text: str) -> str:
    """A C string literal of the text's UTF-8 bytes, every byte spelled as an octal escape unless it is a plain character."""
    plain = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./: ")
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'


def _tensors_source(name: str, tensors: Sequence[NamedType]) -> str:
    """One shape array per tensor and the array of `tw_tensor`; C has no empty arrays, so both end with an unused entry."""
    lines: list[str] = []
    for position, item in enumerate(tensors):
        lines.append(f"static const int64_t {name}_shape_{position}[] = {{{', '.join(map(str, (*item.type.shape, 0)))}}};")
    lines.append(f"static const tw_tensor {name}[] = {{")
    for position, item in enumerate(tensors):
        fields = (c_string(item.name), c_string(item.type.dtype.name), str(len(item.type.shape)), f"{name}_shape_{position}")
        lines.append(f"    {{{', '.join(fields)}, {item.type.size_bytes}}},")
    return "\n".join([*lines, "    {0}};"]) + "\n"


def table_source(info: ModelInfo, fields: Mapping[str, str], declarations: str = "") -> str:
    """The C source that defines `tw_this_model`. fields: those of the struct that tell a library from a standalone model."""
    entries = {
        "abi": "TW_MODEL_ABI",
        "threads": str(info.threads),
        "run": RUN_SYMBOL,
        "arena_bytes": str(info.arena_bytes),
        "pool_create": "tw_pool_create",
        "pool_destroy": "tw_pool_destroy",
        "input_count": str(len(info.inputs)),
        "output_count": str(len(info.outputs)),
        "inputs": "inputs",
        "outputs": "outputs",
        **fields,
    }
    lines = "".join(f"    .{name} = {value},\n" for name, value in entries.items())
    return (
        f"{HEAD}{declarations}{_tensors_source('inputs', info.inputs)}{_tensors_source('outputs', info.outputs)}"
        f"const tw_model_table tw_this_model = {{\n{lines}}};\n"
    )

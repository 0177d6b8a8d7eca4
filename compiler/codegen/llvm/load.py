"""Object code -> functions in this process, for measuring, tests and models that are run where they are compiled. Needs no linker."""

from collections.abc import Mapping, Sequence

import llvmlite.binding as llvm

from compiler.errors import CodegenError

_LIBRARY = "tilewright"


class LoadedObjects:
    """The functions stay callable as long as this object lives."""

    def __init__(self, jit: llvm.LLJIT, library: llvm.ResourceTracker) -> None:
        self._jit = jit
        self._library = library
        self._trackers: dict[str, llvm.ResourceTracker] = {}  # the end of any tracker, a look-up's too, unloads the whole library

    def address(self, symbol: str) -> int:
        try:
            if symbol not in self._trackers:
                self._trackers[symbol] = self._jit.lookup(_LIBRARY, symbol)
            return int(self._trackers[symbol][symbol])
        except RuntimeError as error:
            raise CodegenError(f"function {symbol!r} cannot be loaded, or a symbol that it needs: {error}") from error


def load_objects(objects: Sequence[bytes], symbols: Mapping[str, int]) -> LoadedObjects:
    """Link the objects with each other, with `symbols` (addresses by name, `tw_parallel_for` first of all) and with this process's libm."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    library = llvm.JITLibraryBuilder().add_current_process()
    for name, address in symbols.items():
        library.import_symbol(name, address)
    for code in objects:
        library.add_object_img(code)
    jit = llvm.create_lljit_compiler(suppress_errors=True)
    try:
        return LoadedObjects(jit, library.link(jit, _LIBRARY))
    except RuntimeError as error:
        raise CodegenError(f"object code cannot be loaded: {error}") from error

"""Every error that the compiler raises on purpose: one root, one subclass per decision that a caller can take."""


class TilewrightError(Exception):
    """Root of all errors raised on purpose; its text is one line that says what was asked, found and allowed."""


class ScheduleError(TilewrightError):
    """A schedule step cannot be applied here: discard this candidate."""


class CodegenError(TilewrightError):
    """A lowered function cannot be turned into machine code: discard this candidate."""


class VerifyError(TilewrightError):
    """A pass produced an ill-formed loop nest: a defect of the compiler, never of the input."""


class ModelError(TilewrightError):
    """A model file cannot be read or is inconsistent."""


class UnsupportedOperator(ModelError):
    """A model uses an operator, attribute or dtype that has no implementation."""


class ShapeError(ModelError):
    """Input types do not fit an operator, or a dimension is unknown."""


class InputError(TilewrightError):
    """An input handed to a compiled model is missing, unknown or of the wrong type."""


class TargetError(TilewrightError):
    """A target text, preset or cpu is unknown or cannot be compiled for."""


class ToolchainError(TilewrightError):
    """The C compiler or linker is missing or failed."""

"""What can go wrong in the fleet, for whoever has to decide what to do about it.

The root class stands by itself, since nothing here may import the compiler; `tilewright` shows both kinds of error in one line.
"""


class FleetError(Exception):
    """The fleet cannot do what was asked; the text says what was found and what to do."""


class TlsError(FleetError):
    """A bundle or an authority cannot be read, or is not what it has to be."""


class MessageError(FleetError):
    """The other side sent what is no message of this protocol: it is refused, and nothing of it was used."""


class RefusedError(FleetError):
    """The tracker refused; the text is its own."""


class ConnectionLostError(FleetError):
    """The other side is gone, or was never there: trying again may help."""

"""A client's connection: jobs and files come in, results and requests for files go out."""

from fleet.errors import MessageError
from fleet.messages import Job, Message, text_of
from fleet.tracker.exchange import Exchange
from fleet.tracker.session import Session
from fleet.wire import Connection


class ClientSession(Session):
    """user: whose turn it is when the client's jobs are. name: unique among all clients, also of one user."""

    def __init__(self, connection: Connection, exchange: Exchange, user: str, join: Message) -> None:
        super().__init__(connection, exchange.silence_secs)
        self.user = user
        self.name = ""
        self.instance = f"{user} {text_of(join, 'instance', 100)}"
        self.who = f"client {user}"
        self._exchange = exchange

    def enter(self) -> None:
        self._exchange.add_client(self, self.user)
        self.outbox.send({"op": "welcome", "name": self.name})

    def leave(self) -> None:
        self._exchange.remove_client(self)

    def tell(self, message: Message) -> None:
        self.outbox.send(message)

    def handle(self, message: Message) -> None:
        """A file over the cap ends the connection, since more of it may be on its way."""
        match message["op"]:
            case "alive":
                pass
            case "devices":
                self.outbox.send({"op": "devices", "rows": self._exchange.rows()})
            case "submit":
                self._exchange.submit(self, Job.from_message(message))
            case "blob":
                if (digest := self._exchange.store.add_piece(self.name, message)) is not None:
                    self._exchange.arrived(digest)
            case "cancel":
                self._exchange.cancel(self, text_of(message, "identity", 100))
            case unknown:
                raise MessageError(f"{unknown!r} is not an operation of clients"[:200])

"""Temporal's development server from its wheel, with its state in a file that survives.

It listens on 127.0.0.1 only and asks nobody for a password: every user of this machine can reach
it, which is fine on a laptop and is why it is for nothing else.
"""

from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activity_core.core.errors import UnavailableError
from activity_core.embedded.directory import DataDirectory
from activity_core.embedded.ports import LOOPBACK
from activity_core.embedded.process import ChildProcess, installed_program

NAMESPACE = "default"
_READY_WITHIN = 60.0  # seconds
# Besides those it is given it takes free ports of its own choice, and gives up when somebody else
# gets one of them first.
_STARTS = 3
_ANSWER_WITHIN = timedelta(seconds=5)


class EmbeddedTemporal:
    """A Temporal server on 127.0.0.1:`port`, with its web pages on `ui_port` if that is given.

    Args:
        durable: whether a write is on disk before it is acknowledged; False only for tests.
    """

    def __init__(
        self,
        directory: DataDirectory,
        port: int,
        *,
        ui_port: int | None = None,
        durable: bool = True,
    ) -> None:
        self._database = directory.path / "temporal" / "temporal.db"
        self._port = port
        self._ui_port = ui_port
        self._durable = durable
        self.process = ChildProcess("Temporal", directory)

    @property
    def address(self) -> str:
        """`127.0.0.1:port` of the frontend (gRPC)."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def ui_url(self) -> str | None:
        """`http://…` of the web pages; None without them."""
        return None if self._ui_port is None else f"http://{LOOPBACK}:{self._ui_port}"

    async def start(self) -> None:
        """Return once its namespace takes workflows.

        Raises:
            ConfigurationError: the program is not installed.
            UnavailableError: it ended, or was not ready in time.
        """
        for left in reversed(range(_STARTS)):
            await self._launch()
            try:
                await self.process.ready(self._takes_workflows, within=_READY_WITHIN)
            except UnavailableError:
                if self.process.running or not left:
                    raise
            else:
                return

    async def _launch(self) -> None:
        self._database.parent.mkdir(mode=0o700, exist_ok=True)
        ui = ("--headless",) if self._ui_port is None else ("--ui-port", str(self._ui_port))
        await self.process.start(
            [
                *(installed_program("temporal"), "server", "start-dev", "--log-level", "warn"),
                *("--ip", LOOPBACK, "--port", str(self._port), *ui, "--ui-disable-news-fetch"),
                *("--db-filename", str(self._database)),
                # Without a write-ahead log one server does 32 workflows/s, with it 75.
                *("--sqlite-pragma", "journal_mode=WAL"),
                *("--sqlite-pragma", f"synchronous={'FULL' if self._durable else 'OFF'}"),
            ],
            environment={
                "TEMPORAL_VERSION_CHECK_DISABLED": "1",  # it would ask the internet
                # Settings for its client in our user's home are not meant for this server; and a
                # uid without a name (a container's) has neither of these.
                "HOME": str(self._database.parent),
                "USER": "activity-core",
            },
        )

    async def _takes_workflows(self) -> bool:
        try:
            client = await Client.connect(self.address, namespace=NAMESPACE)
            # A health check would not go through to where workflows are kept, as this does.
            await client.get_workflow_handle("none").describe(rpc_timeout=_ANSWER_WITHIN)
        except RuntimeError:
            return False
        except RPCError as error:
            return error.status is RPCStatusCode.NOT_FOUND
        return True

"""Free TCP ports on loopback: demanded ones or an error, else preferred ones, else any.

In: names with wishes. Out: one port per name, all different and free a moment ago.
"""

import errno
import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack

import psutil

from activity_core.core.errors import ConfigurationError

LOOPBACK = "127.0.0.1"


def choose_ports(
    names: Iterable[str], *, demanded: Mapping[str, int], preferred: Mapping[str, int]
) -> dict[str, int]:
    """One free port for each of `names`.

    Raises:
        ConfigurationError: a demanded port cannot be used; says by whom it is taken if known.
    """
    # All are held until the last is chosen, so that none is given out twice; demanded ones come
    # first, so that no other name takes them by chance.
    with ExitStack() as held:
        return {
            name: _choose(name, demanded.get(name), preferred.get(name), held)
            for name in sorted(names, key=lambda name: (name not in demanded, name))
        }


def _choose(name: str, demanded: int | None, preferred: int | None, held: ExitStack) -> int:
    if demanded is not None:
        try:
            return _hold(demanded, held)
        except OSError as error:
            raise _refused(name, demanded, error) from error
    if preferred is not None:
        try:
            return _hold(preferred, held)
        except OSError:
            pass  # only a preference
    return _hold(0, held)


def _hold(port: int, held: ExitStack) -> int:
    """Listen on `port` (0: any) until `held` closes; listening, as bound ports can be shared."""
    holder = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    # As the servers do: connections of the last one that linger in TIME_WAIT are no obstacle.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((LOOPBACK, port))
    holder.listen(1)
    chosen: int = holder.getsockname()[1]
    return chosen


def _refused(name: str, port: int, error: OSError) -> ConfigurationError:
    if error.errno != errno.EADDRINUSE:
        return ConfigurationError(
            f"port {port} cannot be used: {error.strerror}", subject=name, hint="choose another"
        )
    user = _listener(port)
    return ConfigurationError(
        f"port {port} is in use" + (f" by {user}" if user else ""),
        subject=name,
        hint="stop what uses it, or choose another port, or none for any free one",
    )


def _listener(port: int) -> str:
    """`nats-server (pid 4711)`, or empty where the system does not tell."""
    try:
        for connection in psutil.net_connections("tcp"):
            at = connection.laddr.port if connection.laddr else None
            if connection.status == psutil.CONN_LISTEN and at == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return ""

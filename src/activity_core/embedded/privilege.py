"""How to run PostgreSQL, which refuses to run as root, whoever we are.

ordinary user                    as we are
root, or a uid without a name    in a user namespace of its own, as `nobody`; outside of it the
                                 process stays ours, so files and private directories do too
root, and no such namespaces     as `nobody`, keeping the one right to pass by file permissions:
(a plain container)              the program or the data may lie below a private directory
"""

import os
import pwd
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from activity_core.core.errors import ConfigurationError

_NAMESPACE = "unshare"
_CHANGE_USER = "setpriv"


@dataclass(frozen=True, slots=True)
class Launch:
    """What to put before a command, and the owner that its files must have."""

    prefix: tuple[str, ...]
    uid: int
    gid: int

    def own(self, root: Path) -> None:
        """Make `root` and all below it belong to the owner, if a former launch was another."""
        if root.stat().st_uid == self.uid:
            return
        for folder, _, files in os.walk(
            root, topdown=False
        ):  # root last: it tells that all is done
            for path in (*(Path(folder, file) for file in files), Path(folder)):
                os.chown(path, self.uid, self.gid, follow_symlinks=False)


def unprivileged_launch(death_signal: signal.Signals) -> Launch:
    """The first way of the table that works here.

    Args:
        death_signal: what the process gets when its parent dies; a change of user makes the
            kernel forget it, so it is asked for again after that.

    Raises:
        ConfigurationError: none does.
    """
    ours = (os.geteuid(), os.getegid())
    if ours[0] != 0 and _has_name(ours[0]):
        return Launch((), *ours)
    nobody = _nobody()
    user, group = nobody.pw_uid, nobody.pw_gid
    namespace = (_NAMESPACE, "--user", f"--map-user={user}", f"--map-group={group}", "--")
    if _works(namespace):
        return Launch(namespace, *ours)
    rights = "-all,+dac_override"
    change_user = (
        *(_CHANGE_USER, f"--reuid={user}", f"--regid={group}", "--clear-groups"),
        *(f"--inh-caps={rights}", f"--ambient-caps={rights}", f"--bounding-set={rights}"),
        *(f"--pdeathsig={death_signal.name.removeprefix('SIG')}", "--"),
    )
    if ours[0] == 0 and _works(change_user):
        return Launch(change_user, user, group)
    raise ConfigurationError(
        "PostgreSQL runs neither as root nor as a user without a name, and this system lets us "
        "become no other",
        hint="run as an ordinary user, or name an existing server with ACTIVITY_CORE_DATABASE_URL",
    )


def _works(prefix: tuple[str, ...]) -> bool:
    try:
        probe = subprocess.run([*prefix, "true"], check=False, capture_output=True, timeout=10)  # noqa: S603 - our own words
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _nobody() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise ConfigurationError(
            "this system has no user `nobody`, as whom PostgreSQL could run",
            hint="run as an ordinary user",
        ) from None

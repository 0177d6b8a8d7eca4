"""A PostgreSQL server of the tests' own: on a socket in a folder of its own, without a port, gone when the tests are.

Debian's package is installed where it is missing and that is possible; else the tests that need a server skip with the command to type.
"""

import fcntl
import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

INSTALL = "apt-get install postgresql"
INSTALL_SECS = 150
START_SECS = 180
SERVER_USER = "postgres"  # the server refuses to run as root; Debian's package makes this user
APT_LOCK = Path(tempfile.gettempdir()) / "tilewright-apt.lock"
CLUSTER_SETTINGS = Path("/etc/postgresql-common/createcluster.conf")
CLEAN_UP = 'cat > /dev/null; "$1/pg_ctl" -D "$2/data" -w -m immediate stop; rm -rf "$2"'
NO_SERVICE = ["-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=120"]


class NoServerError(Exception):
    """Why there is no server, and the command that would supply one."""


def find_programs() -> Path | None:
    """The folder with initdb, pg_ctl and pg_dump; of several versions the newest."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = versions[-1] if versions else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def install() -> None:
    """Debian's package, without the cluster and the service that it makes by itself; raises `NoServerError`."""
    if os.getuid() != 0 or shutil.which("apt-get") is None:
        raise NoServerError(f"PostgreSQL is not installed, and only root may on Debian: {INSTALL}")
    if not CLUSTER_SETTINGS.exists():
        CLUSTER_SETTINGS.parent.mkdir(exist_ok=True)
        CLUSTER_SETTINGS.write_text("create_main_cluster = false\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-q"], ["install", *NO_SERVICE, "postgresql"]):
        try:
            done = subprocess.run(
                ["apt-get", *arguments], capture_output=True, text=True, check=False, timeout=INSTALL_SECS, env=environment
            )
        except subprocess.TimeoutExpired as error:
            raise NoServerError(f"apt-get {arguments[0]} took over {INSTALL_SECS} s; by hand: {INSTALL}") from error
        if done.returncode and arguments[0] == "install":
            said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise NoServerError(f"PostgreSQL could not be installed ({said}); by hand: {INSTALL}")


def programs() -> Path:
    """The same as `find_programs`, installed if need be, by one process at a time; raises `NoServerError`."""
    with APT_LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if find_programs() is None:
            install()
    found = find_programs()
    if found is None:
        raise NoServerError(f"PostgreSQL is installed, but there is no initdb in /usr/lib/postgresql; by hand: {INSTALL}")
    return found


@dataclass(frozen=True, slots=True)
class Server:
    """programs: the folder of the server's own. folder: where its socket is."""

    programs: Path
    folder: Path

    def create(self, name: str) -> str:
        """The URL of a new empty database."""
        self._call("createdb", name)
        return f"postgresql://tilewright@/{name}?host={self.folder}"

    def drop(self, name: str) -> None:
        """Whoever still uses it."""
        self._call("dropdb", "--force", name)

    def _call(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.programs / program), "-h", str(self.folder), "-U", "tilewright", *arguments], check=True, timeout=START_SECS
        )


@contextmanager
def running_server() -> Iterator[Server]:
    """Raises `NoServerError`."""
    found = programs()
    folder = Path(tempfile.mkdtemp(prefix="tilewright-pg-"))  # a short path, since sockets allow no long one
    user = SERVER_USER if os.getuid() == 0 else getpass.getuser()
    shutil.chown(folder, user)
    with _cleaned_up(found, folder, user):
        _start(found, folder, user)
        yield Server(found, folder)


@contextmanager
def _cleaned_up(found: Path, folder: Path, user: str) -> Iterator[None]:
    """Stops the server and removes its folder at the end, even that of a process which is killed: a shell waits for its end of a pipe."""
    words = ["sh", "-c", CLEAN_UP, "sh", str(found), str(folder)]
    silent = subprocess.DEVNULL
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=silent, stderr=silent, user=user, cwd="/", start_new_session=True
    ) as waiting:
        yield
        assert waiting.stdin is not None
        waiting.stdin.close()
        waiting.wait(START_SECS)


def _start(found: Path, folder: Path, user: str) -> None:
    data, log = str(folder / "data"), folder / "log"
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c shared_buffers=16MB -c max_connections=40"
    for words in (
        ["initdb", "-D", data, "-U", "tilewright", "--auth=trust", "--locale=C", "-E", "UTF8", "--no-sync"],
        ["pg_ctl", "-D", data, "-w", "-t", str(START_SECS), "-l", str(log), "-o", options, "start"],
    ):
        silent = subprocess.DEVNULL
        command = [str(found / words[0]), *words[1:]]
        done = subprocess.run(command, user=user, cwd=folder, timeout=START_SECS, check=False, stdin=silent, stdout=silent)
        if done.returncode:
            said = (log.read_text().strip().splitlines() if log.exists() else [])[-1:]
            raise NoServerError(f"{words[0]} ended with {done.returncode}: {' '.join(said)}")

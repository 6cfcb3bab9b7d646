"""Processes that tests look for, wait for and kill; and whether there is Ray."""

import importlib.util
import time
import uuid
from pathlib import Path

import pytest

HAS_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="needs Ray: pip install -e '.[ray]'")


@pytest.fixture(scope="module")
def ray_secret():
    """What keeps others out of the clusters of these tests; without one Ray writes its own into the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", uuid.uuid4().hex)
        yield


def wait_for(look, is_enough, seconds=40):
    for _ in range(seconds * 20):
        if is_enough(found := look()):
            return found
        time.sleep(0.05)
    raise AssertionError(f"still {found} after {seconds} s")


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def workers_of(pid):
    """Processes that wait for work or do it; they are children of the fork server."""
    servers = children(pid)
    return [each for server in servers for each in children(server)]


def children(pid):
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found

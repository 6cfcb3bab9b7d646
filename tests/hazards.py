"""What workers are given in the tests of executors; imports little, since every worker imports it."""

import os
import signal
import time

import numpy as np
from threadpoolctl import threadpool_info

from pipeline.incremental import Rejected
from tts.errors import TtsError


def square(number):
    return number * number


def fail_on_three(number):
    if number == 3:
        raise TtsError("three is not to be had")
    return number


class OddError(Exception):
    """Pickles, and cannot be unpickled."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def raise_odd(number):
    raise OddError(number, number)


def leave_on_three(number):
    if number == 3:
        os._exit(7)
    return number


def kill_itself_on_three(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    return number


def die_the_first_time(folder, number):
    """Both 4 and 5 die, once."""
    if number in (4, 5) and once(folder / f"{number}"):
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def once(path):
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def tell_and_sleep(folder, number):
    (folder / f"{os.getpid()}.pid").touch()
    time.sleep(0.05)
    return number


def thread_settings(number):
    return os.environ["OMP_NUM_THREADS"], {each["num_threads"] for each in threadpool_info()}, number


def ramp(folder, length):
    """A clip's arrays; 13 crashes always, 20 the first time, 0 is refused."""
    if length == 13 and not (folder / "healed").exists():
        os._exit(3)
    if length == 20 and once(folder / "20"):
        os.kill(os.getpid(), signal.SIGKILL)
    return {"ramp": np.arange(length)} if length else Rejected("empty", "no samples")


def fail_on_clip(length):
    if length == 5:
        raise ValueError("no such length")
    return {"ramp": np.arange(length)}


def sleep_after(folder, seconds):
    (folder / f"{os.getpid()}.pid").touch()
    time.sleep(seconds)
    return seconds


def fail_on_clip_never(length):
    return {"ramp": np.arange(length)}

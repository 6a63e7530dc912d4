"""A node in a process of its own."""

import os
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class NodeProcess:
    """`vedette node` with ROS arguments, or without the word as launch files start it. `ends_with` is the exit code that is
    expected of it."""

    def __init__(self, binary, ros_args, log, fault="", ends_with=0, word=("node",)):
        self.log_path, self.ends_with = log, ends_with
        with log.open("w") as file:
            command = [binary, *word, "--ros-args", *map(str, ros_args)]
            environment = {**os.environ, "VEDETTE_FAULT": fault}
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=file)

    @property
    def log(self):
        """All that it has written."""
        return self.log_path.read_text()

    def is_running(self):
        return self.process.poll() is None

    def end(self, with_signal=signal.SIGINT, patience_s=10.0):
        """Signals it; returns its exit code and how long it took."""
        begin = time.monotonic()
        if self.is_running():
            self.process.send_signal(with_signal)
        try:
            code = self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the node did not end within {patience_s} s of {with_signal!r}:\n{self.log}") from None
        return code, time.monotonic() - begin

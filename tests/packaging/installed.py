"""Running what is installed: shells that have sourced it, the node in them, a question to it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Program:
    """A running program in a process group of its own, as under a terminal."""

    def __init__(self, process, log):
        self.process, self.log_path = process, log

    @property
    def log(self):
        """All that it has written."""
        return self.log_path.read_text()

    def end(self):
        """Ctrl-C: it must end in order."""
        os.killpg(self.process.pid, signal.SIGINT)
        assert self.process.wait(20) == 0, self.log

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Shell:
    """Shells with an environment that has ROS, in which `setup` is sourced: they know no ONNX Runtime, and have a
    domain of their own."""

    def __init__(self, environment, setup):
        self.setup = setup
        domain = {"ROS_DOMAIN_ID": str(100 + os.getpid() % 100), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
        self.environment = {name: value for name, value in environment.items() if name != "ORT_DYLIB_PATH"} | domain

    def words(self, *command):
        """A command in such a shell, from a folder of no meaning."""
        return ["bash", "-c", f'cd / && . "{self.setup}" && exec "$@"', "bash", *map(str, command)]

    def start(self, folder, *command):
        """Starts it; its log goes into `folder`."""
        log = folder / "program.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                self.words(*command), env=self.environment, stdout=file, stderr=file, start_new_session=True
            )
        return Program(process, log)

    def ask(self, node, parameter):
        """Where the messages come from, and a parameter of the running node."""
        command = self.words(sys.executable, HERE / "answers.py", node, parameter)
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()[-2:]

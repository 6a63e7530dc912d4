"""Signals, one and many, in start-up, at work and at the end: none of them crashes the node."""

import os
import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PAIRS = 34
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_with_two(binary, number, seen, load_ms, delay_s):
    """Starts a node, waits until it has said `seen` and a moment more, and signals it twice, 0 to 50 ms apart. Returns
    its exit code and what it said."""
    environment = {**os.environ, "VEDETTE_FAULT": f"load:{load_ms}"}
    command = [binary, "node", "--ros-args", "-r", f"__node:=signalled{number}", "-p", "max_age_ms:=100"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        said = ""
        while seen not in said:
            line = process.stderr.readline()
            assert line, f"it ended without {seen!r}:\n{said}"
            said += line
        time.sleep(delay_s())
        process.send_signal(random.choice(SIGNALS))
        time.sleep(number * 0.05 / PAIRS)
        process.send_signal(random.choice(SIGNALS))
        try:
            said += process.communicate(timeout=15)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            return "hangs", said
        return process.returncode, said


@pytest.mark.parametrize(
    ("seen", "load_ms", "delay_s"),
    [
        pytest.param("loading", 100, lambda: random.uniform(0, 0.6), id="in start-up"),
        pytest.param("saying stop", 0, lambda: random.uniform(0, 0.2), id="at work"),
    ],
)
def test_two_signals_end_the_node_in_order(faulty_binary, seen, load_ms, delay_s):
    with ThreadPoolExecutor(3) as pool:
        ends = list(pool.map(lambda number: end_with_two(faulty_binary, number, seen, load_ms, delay_s), range(PAIRS)))
    assert [end for end in ends if end[0] not in (0, 130)] == []


def test_a_signal_while_it_ends_changes_nothing(faulty_binary):
    """One signal, and the pair while the node is ending."""

    def end(number):
        environment = {**os.environ, "VEDETTE_FAULT": ""}
        command = [binary, "node", "--ros-args", "-r", f"__node:=signalled{number}", "-p", "max_age_ms:=100"]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            while "saying stop" not in process.stderr.readline():
                assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            for _ in range(2):
                time.sleep(random.uniform(0, 0.15))
                process.send_signal(random.choice(SIGNALS))
            said = process.communicate(timeout=15)[1]
            return process.returncode, said

    binary = faulty_binary
    with ThreadPoolExecutor(3) as pool:
        ends = list(pool.map(end, range(PAIRS)))
    assert [end for end in ends if end[0] not in (0, 130)] == []


def test_a_node_that_loads_ends_at_once(faulty_binary):
    environment = {**os.environ, "VEDETTE_FAULT": "load:30000"}
    with subprocess.Popen(
        [faulty_binary, "node"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            while "loading" not in (line := process.stderr.readline()):
                assert line, "it ended before it loaded"
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert process.wait(5) == 130 and time.monotonic() - began < 1
            assert "ended while it was loading" in process.stderr.read()
        finally:
            process.kill()

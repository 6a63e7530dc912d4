"""How the node ends, and how it says what it does."""

import signal
import threading
import time

import pytest
from camera import ROSOUT, wait_until
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import Log
from vision_msgs.msg import Detection2DArray


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order_while_pictures_come(start, camera, listen, with_signal):
    node = start()
    listener = listen({"/vedette/detections": Detection2DArray})
    listener.connect()
    camera.connect(with_info=True)
    ended = threading.Event()

    def send():
        while not ended.is_set():
            camera.send()
            time.sleep(0.01)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        wait_until(lambda: len(listener["/vedette/detections"]) > 10, "detections")
        code, seconds = node.end(with_signal)
    finally:
        ended.set()
        sender.join()
    assert code == 0, node.log
    assert seconds < 2
    assert "ended in order" in node.log and "panic" not in node.log


def test_an_idle_node_ends_at_once(start):
    code, seconds = start().end(signal.SIGTERM)
    assert code == 0 and seconds < 1


def test_the_log_reaches_rosout_and_stderr(start, listen):
    rosout = listen({"/rosout": Log}, qos=ROSOUT)
    node = start("-p", "max_age_ms:=300")
    wait_until(lambda: "saying stop" in node.log, "the watchdog's warning on stderr")
    wait_until(lambda: any("saying stop" in log.msg for log in rosout["/rosout"]), "the warning on /rosout")


def test_diagnostics_come_once_a_second_with_proof_rates_ages_and_plan(start, camera, listen):
    start("-p", "providers:=[cpu]")
    listener = listen({"/diagnostics": DiagnosticArray})
    listener.connect()
    camera.connect(with_info=True)
    camera.send_until(lambda: len(listener["/diagnostics"]) >= 4, "four diagnostics")
    statuses = {status.name: status for status in listener["/diagnostics"][-1].status}
    values = {name: {entry.key: entry.value for entry in status.values} for name, status in statuses.items()}
    assert set(statuses) == {f"vedette: {topic}" for topic in ("lifecycle", "inference", "frames", "plan", "topics")}
    assert values["vedette: inference"]["provider"] == "cpu"
    assert int(values["vedette: inference"]["nodes on CPUExecutionProvider"]) > 0
    assert statuses["vedette: inference"].level == b"\x00"
    frames = values["vedette: frames"]
    assert 15 < float(frames["rate_in_hz"]) < 40 and int(frames["processed"]) > 30
    for name in ("age_ms", "latency_ms"):
        p50, p95, p99 = (float(frames[f"{name} {percentile}"]) for percentile in ("p50", "p95", "p99"))
        assert 0 < p50 <= p95 <= p99 < 500
    assert values["vedette: plan"]["decision"] in {"proceed", "slow", "stop"}
    assert values["vedette: topics"]["image publishers"] == "1"
    stamps = listener.stamps("/diagnostics")
    assert all(0.9 < (b - a) / 1e9 < 1.3 for a, b in zip(stamps, stamps[1:]))

"""The lock `~/stop`: what twist_mux makes of it while pictures come, stop coming, and never come."""

import signal
import time
from pathlib import Path

import yaml
from camera import wait_until
from rclpy.qos import qos_profile_system_default
from std_msgs.msg import Bool

STOP = "/vedette/stop"
MUX = yaml.safe_load((Path(__file__).parents[2] / "config/twist_mux.yaml").read_text())["twist_mux"]["ros__parameters"]
LOCK = MUX["locks"]["vedette"]


class Mux:
    """The rule of twist_mux's LockTopicHandle (include/twist_mux/topic_handle.hpp): locked by true, and by silence."""

    def __init__(self, ros):
        self.node = ros
        self.came = []
        self.subscription = ros.create_subscription(Bool, LOCK["topic"], self.take, qos_profile_system_default)

    def take(self, message):
        self.came.append((time.monotonic(), message.data))

    def is_locked(self):
        if not self.came:
            return True
        at, data = self.came[-1]
        return time.monotonic() - at > LOCK["timeout"] or data

    def longest_gap_s(self, since):
        times = [at for at, _ in self.came if at >= since]
        return max(later - before for before, later in zip(times, times[1:]))


def test_the_robot_may_move_only_while_pictures_come(start_faulty, camera, listen):
    # Nothing is in the way, and no fault comes in this time.
    node = start_faulty("fail:1000000", ends_with=-signal.SIGKILL)
    listener = listen({})
    mux = Mux(listener.node)
    listener.executor.wake()
    wait_until(lambda: len(mux.came) > 5, "the lock, without a camera")
    assert all(data for _, data in mux.came) and mux.is_locked()
    camera.connect(with_info=True)
    with camera.streaming(20):
        wait_until(lambda: not mux.is_locked(), "leave to move")
        began = time.monotonic()
        time.sleep(2)
        assert mux.longest_gap_s(began) < LOCK["timeout"]
    stopped = time.monotonic()
    wait_until(mux.is_locked, "the lock, when pictures no longer come", 2.0)
    assert time.monotonic() - stopped < 1.0, "max_age_ms is 500"
    with camera.streaming(20):
        wait_until(lambda: not mux.is_locked(), "leave to move again")
        node.process.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        wait_until(mux.is_locked, "the lock of a node that is gone", 2.0)
        assert time.monotonic() - killed < LOCK["timeout"] + 0.3
        assert not mux.came[-1][1], "by silence alone"


def test_the_lock_is_said_at_ten_hertz_and_more_without_a_camera_and_not_while_the_node_is_inactive(start, listen):
    start()
    listener = listen({})
    mux = Mux(listener.node)
    listener.executor.wake()
    wait_until(lambda: mux.came, "the lock")
    began = time.monotonic()
    time.sleep(3)
    assert sum(at > began for at, _ in mux.came) >= 30
    assert listener.change("deactivate")
    time.sleep(0.3)
    count = len(mux.came)
    time.sleep(0.5)
    assert len(mux.came) == count and mux.came[-1][1] and mux.is_locked()


def test_it_has_another_name_where_one_is_given(start, listen):
    node = start("-r", "~/stop:=/e_stop")
    listener = listen({"/e_stop": Bool})
    wait_until(lambda: listener["/e_stop"], "the lock under its new name")
    assert "e_stop" not in node.log, "no warning of a rule that renames nothing"

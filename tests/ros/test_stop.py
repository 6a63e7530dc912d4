"""The lock `~/stop`: what twist_mux makes of it while pictures come, stop coming, and never come."""

import signal
import time
from pathlib import Path

import yaml
from camera import wait_until
from rclpy.qos import qos_profile_system_default
from std_msgs.msg import Bool

MUX = yaml.safe_load((Path(__file__).parents[2] / "config/twist_mux.yaml").read_text())["twist_mux"]["ros__parameters"]
LOCK = MUX["locks"]["vedette"]


class Mux:
    """The rule of twist_mux's LockTopicHandle (include/twist_mux/topic_handle.hpp): locked by true, and by silence."""

    def __init__(self, listen):
        self.listener = listen({LOCK["topic"]: Bool}, qos=qos_profile_system_default)
        self.came, self.said_ns = self.listener[LOCK["topic"]], self.listener.published_ns[LOCK["topic"]]

    def is_locked(self):
        if not self.came:
            return True
        return time.time_ns() - self.said_ns[-1] > LOCK["timeout"] * 1e9 or self.came[-1].data

    def longest_gap_s(self, since_ns):
        times = [at for at in self.said_ns if at >= since_ns]
        return max(later - before for before, later in zip(times, times[1:])) / 1e9


def test_the_robot_may_move_only_while_pictures_come(start_faulty, camera, listen):
    # Nothing is in the way, and no fault comes in this time.
    node = start_faulty("fail:1000000", ends_with=-signal.SIGKILL)
    mux = Mux(listen)
    wait_until(lambda: len(mux.came) > 5, "the lock, without a camera")
    assert all(lock.data for lock in mux.came) and mux.is_locked()
    camera.connect(with_info=True)
    with camera.streaming(20):
        wait_until(lambda: not mux.is_locked(), "leave to move")
        began_ns = time.time_ns()
        time.sleep(2)
        assert mux.longest_gap_s(began_ns) < LOCK["timeout"]
    stopped = time.monotonic()
    wait_until(mux.is_locked, "the lock, when pictures no longer come", 2.0)
    assert time.monotonic() - stopped < 1.0, "max_age_ms is 500"
    with camera.streaming(20):
        wait_until(lambda: not mux.is_locked(), "leave to move again")
        node.process.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        wait_until(mux.is_locked, "the lock of a node that is gone", 2.0)
        assert time.monotonic() - killed < LOCK["timeout"] + 0.3
        assert not mux.came[-1].data, "by silence alone"


def test_the_lock_is_said_at_ten_hertz_and_more_without_a_camera_and_not_while_the_node_is_inactive(start, listen):
    start()
    mux = Mux(listen)
    wait_until(lambda: mux.came, "the lock")
    count = len(mux.came)
    time.sleep(3)
    assert len(mux.came) - count >= 30
    assert mux.listener.change("deactivate")
    time.sleep(0.3)
    count = len(mux.came)
    time.sleep(0.5)
    assert len(mux.came) == count and mux.came[-1].data and mux.is_locked()


def test_it_has_another_name_where_one_is_given(start, listen):
    node = start("-r", "~/stop:=/e_stop")
    listener = listen({"/e_stop": Bool})
    wait_until(lambda: listener["/e_stop"], "the lock under its new name")
    assert "e_stop" not in node.log, "no warning of a rule that renames nothing"

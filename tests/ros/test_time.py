"""Fresh or nothing: age, the watchdog, simulated time."""

import time

from camera import NS_PER_S, ns, wait_until
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Path
from rosgraph_msgs.msg import Clock
from test_bad_input import counters
from vedette_msgs.msg import Plan
from vision_msgs.msg import Detection2DArray

DETECTIONS, PLAN, PATH, DIAGNOSTICS = "/vedette/detections", "/vedette/plan", "/vedette/path", "/diagnostics"


def test_pictures_that_are_too_old_or_from_the_future_are_counted_drops(start, camera, listen):
    node = start("-p", "max_age_ms:=200")
    listener = listen({DETECTIONS: Detection2DArray, DIAGNOSTICS: DiagnosticArray})
    listener.connect()
    camera.connect()
    now = camera.now_ns()
    for stamp in (now - NS_PER_S, now + NS_PER_S):
        camera.send(stamp)
        time.sleep(0.05)
    wait_until(lambda: counters(listener).get("dropped image too_old") == "1", "the drop of the old picture")
    wait_until(lambda: counters(listener).get("dropped image from_the_future") == "1", "the drop of the early one")
    fresh = camera.send()
    wait_until(lambda: listener.stamps(DETECTIONS) == [fresh], "the answer to the fresh picture alone")
    assert "max_age_ms is 200" in node.log


def test_the_watchdog_says_stop_until_pictures_come_and_after_they_end(start, camera, listen):
    start("-p", "max_age_ms:=200")
    listener = listen({DETECTIONS: Detection2DArray, PLAN: Plan, PATH: Path})
    listener.connect()
    wait_until(lambda: len(listener[PLAN]) >= 3, "the stop of a camera that never comes")
    stop = listener[PLAN][-1]
    assert (stop.decision, stop.source, stop.header.frame_id) == ("stop", "watchdog", "base_link")
    assert abs(ns(stop.header.stamp) - camera.now_ns()) < NS_PER_S
    assert stop.speed_limit_mps == 0.0 and stop.path.poses == []
    wait_until(lambda: len(listener[PATH]) >= 3, "the empty path")
    assert all(path.poses == [] for path in listener[PATH][:3])

    camera.connect()
    camera.send_until(lambda: len(listener[DETECTIONS]) >= 10, "detections")
    first = listener.stamps(DETECTIONS)[0]
    during = [plan for plan in listener[PLAN] if ns(plan.header.stamp) >= first]
    assert {plan.source for plan in during} == {"rules"}

    last = listener.stamps(DETECTIONS)[-1]
    quiet = listener[PLAN][-1:]
    wait_until(lambda: listener[PLAN][-1].source == "watchdog", "the stop after the last picture")
    assert quiet[0].source == "rules"
    time.sleep(1.0)
    stops = [ns(plan.header.stamp) for plan in listener[PLAN] if ns(plan.header.stamp) > last]
    assert 0.15 < (stops[0] - last) / NS_PER_S < 0.5
    assert all(gap < 0.35 for gap in ((b - a) / NS_PER_S for a, b in zip(stops, stops[1:])))


def test_with_simulated_time_age_and_watchdog_follow_the_clock(start, ros, camera, listen):
    node = start("-p", "use_sim_time:=true", "-p", "max_age_ms:=200")
    listener = listen({DETECTIONS: Detection2DArray, PLAN: Plan, DIAGNOSTICS: DiagnosticArray})
    listener.connect()
    clock = camera.node.create_publisher(Clock, "/clock", 10)
    wait_until(lambda: clock.get_subscription_count() > 0, "a subscriber to /clock")
    camera.connect()

    def tell(seconds):
        message = Clock()
        message.clock.sec, message.clock.nanosec = divmod(int(seconds * NS_PER_S), NS_PER_S)
        clock.publish(message)
        time.sleep(0.1)

    # Before the clock begins no picture has an age, and there is nothing to watch.
    camera.send(100 * NS_PER_S)
    wait_until(lambda: counters(listener).get("dropped image no_clock") == "1", "the drop without a clock")
    assert listener[PLAN] == []

    tell(100.0)
    fresh = camera.send(100 * NS_PER_S)
    wait_until(lambda: listener.stamps(DETECTIONS) == [fresh], "a picture of simulated now")
    # A paused simulation is no alarm.
    time.sleep(0.6)
    assert {plan.source for plan in listener[PLAN]} == {"rules"}
    tell(100.3)
    wait_until(lambda: listener[PLAN][-1].source == "watchdog", "the watchdog in simulated time")
    assert ns(listener[PLAN][-1].header.stamp) == int(100.3 * NS_PER_S)
    camera.send(100 * NS_PER_S + 1)
    wait_until(lambda: counters(listener).get("dropped image too_old") == "1", "the drop in simulated time")
    # A simulation that begins again.
    tell(5.0)
    again = camera.send(5 * NS_PER_S)
    wait_until(lambda: listener.stamps(DETECTIONS)[-1] == again, "a picture after the restart")
    assert node.is_running()

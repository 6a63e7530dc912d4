"""Silence is never a plan: whatever part of the node fails, the last plan that a robot holds is `stop`."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from asking import Asker
from camera import ns, wait_until
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Path as PathMessage
from vedette_msgs.msg import Plan
from vedette_msgs.srv import SetPrompts
from vision_msgs.msg import Detection2DArray

DETECTIONS, PLAN, PATH, DIAGNOSTICS = "/vedette/detections", "/vedette/plan", "/vedette/path", "/diagnostics"
TOPICS = {DETECTIONS: Detection2DArray, PLAN: Plan, PATH: PathMessage, DIAGNOSTICS: DiagnosticArray}
MAX_AGE_MS = 500
MS = 1_000_000
ERROR = 2


@pytest.fixture
def listener(listen):
    """Collects all that a robot gets."""

    def connected():
        listener = listen(TOPICS)
        listener.connect()
        return listener

    return connected


def is_silent(listener):
    """Whether the last plan is the edge's own stop."""
    return bool(listener[PLAN]) and listener[PLAN][-1].source == "watchdog"


def proceeds(listener):
    return bool(listener[PLAN]) and listener[PLAN][-1].decision == "proceed"


def load_again(listener):
    """Models and threads anew."""
    for transition in ("deactivate", "cleanup", "configure", "activate"):
        assert listener.change(transition), transition


def assert_stopped(listener):
    """The last plan and the last path."""
    last = listener[PLAN][-1]
    assert (last.decision, last.source, last.speed_limit_mps) == ("stop", "watchdog", 0.0)
    assert last.path.poses == [] and listener[PATH][-1].poses == []
    return last


def stopped_after_ms(listener):
    """From the last plan of the rules to the first stop after it, by the stamps of both."""
    plans = listener[PLAN]
    last = max(at for at, plan in enumerate(plans) if plan.source == "rules")
    assert plans[last + 1].sequence == plans[last].sequence, "it takes back the last plan"
    return (ns(plans[last + 1].header.stamp) - ns(plans[last].header.stamp)) / MS


def assert_stop_in_time(listener):
    """When the last plan was too old, and not before."""
    assert MAX_AGE_MS < stopped_after_ms(listener) <= MAX_AGE_MS + 100


def test_a_detector_that_fails_leads_to_stop_and_says_so(start_faulty, camera, listener):
    node = start_faulty("fail:60")
    listener = listener()
    camera.connect(with_info=True)
    with camera.streaming():
        wait_until(lambda: proceeds(listener), "proceed")
        wait_until(lambda: is_silent(listener), "the stop")
        wait_until(lambda: listener.status("inference")[0] == ERROR, "inference at ERROR")
        wait_until(lambda: listener.status("plan")[0] == ERROR, "plan at ERROR")
        assert is_silent(listener) and node.is_running()
    assert_stop_in_time(listener)
    assert "the device is gone" in listener.status("inference")[1]
    _, message, values = listener.status("plan")
    assert values["decision"] == "stop" and "inference_failed" in message


def test_a_plan_that_is_late_does_not_leave(start_faulty, camera, listener):
    start_faulty(f"slow:60:{MAX_AGE_MS * 3 // 2}")
    listener = listener()
    camera.connect(with_info=True)
    with camera.streaming():
        wait_until(lambda: proceeds(listener), "proceed")
        wait_until(lambda: is_silent(listener), "the stop")
        wait_until(lambda: proceeds(listener), "proceed after the slow picture")
        wait_until(lambda: listener.status("frames")[2].get("dropped image late") == "1", "the counted loss")
    time.sleep(0.3)
    for topic in (PLAN, PATH, DETECTIONS):
        assert max(listener.ages_ns(topic)) <= MAX_AGE_MS * MS, topic
    stamps = [ns(plan.header.stamp) for plan in listener[PLAN] if plan.source == "rules"]
    assert listener.stamps(DETECTIONS) == stamps, "detections leave with their plan or not at all"


def test_a_detector_that_hangs_leads_to_stop_and_the_node_can_be_ended(start_faulty, camera, listener):
    node = start_faulty("hang:40", ends_with=130)
    listener = listener()
    camera.connect(with_info=True)
    with camera.streaming():
        wait_until(lambda: is_silent(listener) and listener[PLAN][-1].sequence > 1, "the stop")
        wait_until(lambda: "at one image for" in listener.status("inference")[1], "inference at ERROR")
        assert_stop_in_time(listener)
        node.process.send_signal(signal.SIGINT)
        wait_until(lambda: listener[PLAN][-1].verdict == "the node ends", "the last stop", patience_s=1)
        code, seconds = node.end(signal.SIGINT)
    assert code == 130 and seconds < 3
    assert "not ended in time" in node.log


def test_a_language_model_that_panics_ends_its_lane_and_nothing_else(start_faulty, camera, listener, ros):
    node = start_faulty(
        "ask_panics", "-p", "reason_model:=panicking", "-p", "reason_period_ms:=0", "-p", "reason_on_new_class:=false"
    )
    listener = listener()
    asker = Asker(listener)
    camera.connect(with_info=True)
    with camera.streaming():
        wait_until(lambda: proceeds(listener), "proceed")
        first, second = asker.ask("What is this?"), asker.ask("And that?")
        for asked in (first, second):
            state, result = asked.end()
            assert (state, result.finish_reason) == ("aborted", "failed")
            assert "the thread reason ended in a panic: by order of the test" in result.message
        assert not asker.ask("Is anybody there?").accepted
        wait_until(lambda: listener.status("reasoning")[0] == ERROR, "reasoning at ERROR")
        seen = len(listener[DETECTIONS])
        wait_until(lambda: len(listener[DETECTIONS]) > seen + 30, "perception going on")
        assert proceeds(listener) and listener.status("plan")[0] == 0
        load_again(listener)
        wait_until(lambda: listener.status("reasoning")[0] == 0, "reasoning at OK")
        assert "ended in a panic" in asker.ask("And now?").end()[1].message, "it came to the new thread"
    asker.close()
    assert "perception goes on without it" in node.log


def test_a_text_encoder_that_panics_takes_no_more_prompts_and_nothing_else_ends(start_faulty, camera, listener):
    node = start_faulty("prompts_panic")
    listener = listener()
    camera.connect(with_info=True)
    with camera.streaming():
        wait_until(lambda: proceeds(listener), "proceed")
        for _ in range(2):
            answer = listener.call(SetPrompts, "/vedette/set_prompts", SetPrompts.Request(prompts=["van"]))
            assert not answer.success and "the thread that encodes prompts has ended" in answer.message
        wait_until(lambda: "takes no more prompts" in listener.status("inference")[1], "inference at WARN")
        assert proceeds(listener) and node.is_running()
        load_again(listener)
        wait_until(lambda: listener.status("inference")[0] == 0, "inference at OK")


def test_a_panic_in_the_lane_says_stop_and_ends_the_node(start_faulty, camera, listener):
    node = start_faulty("panic:60", ends_with=1)
    listener = listener()
    camera.connect(with_info=True)
    with camera.streaming():
        wait_until(lambda: proceeds(listener), "proceed")
        wait_until(lambda: not node.is_running(), "the end of the node")
        time.sleep(0.3)
    last = assert_stopped(listener)
    assert last.verdict == "the thread perceive ended in a panic: by order of the test"
    assert stopped_after_ms(listener) <= MAX_AGE_MS + 100


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM])
def test_a_node_that_is_ended_says_stop_last(start_faulty, camera, listener, with_signal):
    node = start_faulty("")
    listener = listener()
    camera.connect(with_info=True)
    with camera.streaming(hz=100):
        wait_until(lambda: proceeds(listener), "proceed")
        code, _ = node.end(with_signal)
        time.sleep(0.3)
    assert code == 0 and assert_stopped(listener).verdict == "the node ends"


def test_a_camera_that_is_killed_leads_to_stop(start_faulty, listener):
    start_faulty("")
    listener = listener()
    program = [sys.executable, Path(__file__).with_name("camera.py"), "30"]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as process:
        try:
            wait_until(lambda: proceeds(listener), "proceed")
        finally:
            process.kill()
    wait_until(lambda: is_silent(listener), "the stop")
    assert_stop_in_time(listener)
    assert_stopped(listener)


def test_plans_that_replace_each_other_too_slowly_are_warned_about(start_faulty, camera, listener):
    node = start_faulty("", "-p", "max_age_ms:=150")
    listener = listener()
    camera.connect(with_info=True)
    with camera.streaming(hz=4):
        wait_until(lambda: "plans come too slowly" in node.log, "the warning")
    assert {"rules", "watchdog"} <= {plan.source for plan in listener[PLAN]}
    assert node.log.count("plans come too slowly") == 1

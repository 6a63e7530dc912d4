"""Bad input is normal input: it costs a frame, is counted, and the node goes on."""

import math
import random

import pytest
from camera import FRAME_ID, HEIGHT, WIDTH, noisy_red, wait_until
from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import String
from vedette_msgs.msg import Plan
from vision_msgs.msg import Detection2DArray

DETECTIONS, DIAGNOSTICS, PLAN = "/vedette/detections", "/diagnostics", "/vedette/plan"


def counters(listener):
    """The values of the last `frames` status."""
    for array in reversed(listener[DIAGNOSTICS]):
        for status in array.status:
            if status.name == "vedette: frames":
                return {entry.key: entry.value for entry in status.values}
    return {}


@pytest.fixture
def connected(start, camera, listen):
    """The node, and a listener to its answers and diagnostics."""
    # Long enough for a test to wait for diagnostics between two stamps.
    node = start("-p", "max_age_ms:=5000")
    listener = listen({DETECTIONS: Detection2DArray, DIAGNOSTICS: DiagnosticArray})
    listener.connect()
    camera.connect(with_info=True)
    return node, listener


def assert_goes_on(node, camera, listener):
    stamp = camera.send()
    wait_until(lambda: stamp in listener.stamps(DETECTIONS), "the answer to a good picture after bad ones")
    assert node.is_running()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"data": b"\x00" * 90}, id="data shorter than its rows"),
        pytest.param({"data": b""}, id="no data"),
        pytest.param({"width": 0, "height": 0, "step": 0, "data": b""}, id="no size"),
        pytest.param({"width": 2**32 - 1, "height": 2**32 - 1}, id="a huge size"),
        pytest.param({"step": 2**32 - 1}, id="a huge step"),
        pytest.param({"step": 5, "data": bytes(3 * WIDTH * HEIGHT + 1)}, id="a step shorter than a row"),
        pytest.param({"encoding": "bayer_magic12"}, id="an unknown encoding"),
        pytest.param({"encoding": ""}, id="no encoding"),
    ],
)
def test_a_bad_picture_is_a_counted_drop(connected, camera, changes):
    node, listener = connected
    bad = camera.send(**changes)
    wait_until(lambda: counters(listener).get("dropped image bad_message") == "1", "the counted drop")
    assert_goes_on(node, camera, listener)
    assert bad not in listener.stamps(DETECTIONS)
    assert "image dropped: " in node.log


def test_a_camera_info_with_nan_is_a_counted_drop_and_its_picture_is_answered(connected, camera):
    node, listener = connected
    stamp = camera.now_ns()
    camera.infos.publish(camera.info(stamp, k=[math.nan] * 9))
    camera.images.publish(camera.image(stamp))
    wait_until(lambda: stamp in listener.stamps(DETECTIONS), "the detections")
    wait_until(lambda: counters(listener).get("dropped camera_info bad_message") == "1", "the counted drop")
    assert counters(listener)["processed without camera_info"] == "1"
    assert_goes_on(node, camera, listener)


def test_a_picture_whose_camera_info_never_comes_is_answered_after_a_short_wait(connected, camera):
    node, listener = connected
    stamp = camera.now_ns()
    camera.images.publish(camera.image(stamp))
    wait_until(lambda: stamp in listener.stamps(DETECTIONS), "the detections", patience_s=2)
    assert_goes_on(node, camera, listener)


def test_stamps_that_go_back_a_little_are_counted_drops(connected, camera):
    node, listener = connected
    first = camera.send()
    wait_until(lambda: first in listener.stamps(DETECTIONS), "the detections")
    for count, stamp in enumerate((first, first - 10_000_000), start=1):
        camera.send(stamp)
        wait_until(lambda: counters(listener).get("dropped image out_of_order") == str(count), "the counted drop")
    assert listener.stamps(DETECTIONS) == [first]
    assert_goes_on(node, camera, listener)


@pytest.mark.parametrize(
    "cause, changes",
    [
        ("dark", {"data": bytes(3 * WIDTH * HEIGHT)}),
        ("bright", {"data": b"\xff" * (3 * WIDTH * HEIGHT)}),
        ("flat", {"data": b"\x55" * (3 * WIDTH * HEIGHT)}),
        ("frozen", {"data": noisy_red(1)}),
        ("too_small", {"width": 1, "height": 1, "step": 3, "data": b"\x55" * 3}),
    ],
)
def test_a_camera_that_shows_nothing_leads_to_stop_and_is_told(start, camera, listen, cause, changes):
    start("-p", "max_age_ms:=300")
    listener = listen({DETECTIONS: Detection2DArray, DIAGNOSTICS: DiagnosticArray, PLAN: Plan})
    listener.connect()
    camera.connect()
    camera.send_until(lambda: listener[DETECTIONS], "detections")
    begin = len(listener[PLAN])
    blind = lambda: counters(listener).get(f"blind {cause}")
    stamps = camera.send_until(lambda: listener[PLAN][-1].source == "watchdog" and blind(), "the stop", **changes)
    assert {plan.decision for plan in listener[PLAN][begin:] if plan.source == "watchdog"} == {"stop"}
    if cause != "frozen":
        assert not set(stamps) & set(listener.stamps(DETECTIONS))
    messages = [s.message for array in listener[DIAGNOSTICS] for s in array.status if s.name == "vedette: frames"]
    assert any("the camera shows nothing: the picture is" in message for message in messages)
    camera.send_until(lambda: listener[PLAN][-1].source == "rules", "plans of pictures that show something")


def test_another_type_on_the_topic_is_named_and_harmless(start, ros, camera, listen):
    node = start()
    listener = listen({DETECTIONS: Detection2DArray, DIAGNOSTICS: DiagnosticArray})
    listener.connect()
    # One DDS participant cannot have both types on one topic.
    context = ros.Context()
    ros.init(context=context)
    stranger = ros.create_node("stranger", context=context)
    try:
        strange = stranger.create_publisher(String, "/image", 1)
        text = "/stranger on /image publishes std_msgs/msg/String, expected sensor_msgs/msg/Image"
        wait_until(lambda: text in node.log, "the warning about the type")
        strange.publish(String(data="no picture"))

        def is_reported():
            statuses = [status for array in listener[DIAGNOSTICS] for status in array.status]
            return any(status.name == "vedette: topics" and text in status.message for status in statuses)

        wait_until(is_reported, "the type in the diagnostics")
        camera.connect()
        assert_goes_on(node, camera, listener)
    finally:
        stranger.destroy_node()
        ros.shutdown(context=context)


def test_a_mono_picture_with_row_padding_is_good(connected, camera):
    node, listener = connected
    step = WIDTH + 16
    stamp = camera.send(encoding="mono8", step=step, data=random.Random(1).randbytes(step * HEIGHT))
    wait_until(lambda: stamp in listener.stamps(DETECTIONS), "the detections")
    assert listener[DETECTIONS][-1].header.frame_id == FRAME_ID and node.is_running()

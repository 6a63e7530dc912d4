"""Subscribers of the node's topics that will never get anything: who they are, and what would cure it."""

import time

import pytest
from camera import wait_until
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from std_msgs.msg import String
from vedette_msgs.msg import Event, Plan
from vision_msgs.msg import Detection2DArray

DETECTIONS, DIAGNOSTICS, PLAN = "/vedette/detections", "/diagnostics", "/vedette/plan"
FOR_LATE = QoSProfile(
    depth=1, reliability=QoSReliabilityPolicy.RELIABLE, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL
)
RELIABLE = QoSProfile(depth=10, reliability=QoSReliabilityPolicy.RELIABLE)
PATIENCE_S = 2.0
# Until the participants of DDS know each other: one that has just come is told what it missed every three seconds only.
DISCOVERY_S = 3.5


@pytest.fixture
def subscriber(ros):
    """A node that subscribes: `subscriber("late", DETECTIONS, Detection2DArray, qos)`."""
    nodes = []

    def subscribe(name, topic, message_class, qos):
        node = ros.create_node(name)
        node.create_subscription(message_class, topic, lambda _: None, qos)
        nodes.append(node)
        return node

    yield subscribe
    for node in nodes:
        node.destroy_node()


@pytest.fixture
def heard(listen):
    """Diagnostics of a node that has been active for a while."""

    def listening():
        heard = listen({DIAGNOSTICS: DiagnosticArray})
        heard.connect()
        wait_until(lambda: "unreached subscribers" in heard.status("topics")[2], "diagnostics")
        time.sleep(DISCOVERY_S)
        return heard

    return listening


def test_a_subscriber_that_asks_for_more_is_named_in_log_and_diagnostics_until_it_leaves(
    start, subscriber, heard
):
    node = start()
    listener = heard()
    began = time.monotonic()
    late = subscriber("recorder", DETECTIONS, Detection2DArray, FOR_LATE)
    words = f"/recorder gets nothing of {DETECTIONS}: it asks for durability transient_local, we offer volatile"
    wait_until(lambda: words in node.log, "the log", PATIENCE_S)
    wait_until(lambda: words in listener.status("topics")[1], "diagnostics", began + PATIENCE_S - time.monotonic())
    level, message, values = listener.status("topics")
    assert level == 1 and values["unreached subscribers"] == "1"
    for cure in ("subscription.durability:=volatile", "publisher.durability:=transient_local"):
        assert f"qos_overrides.{DETECTIONS}.{cure}" in message
    time.sleep(2)
    assert node.log.count(words) == 1, "said once"
    late.destroy_node()
    wait_until(lambda: words not in listener.status("topics")[1], "its end", 3.0)


def test_a_subscriber_that_fits_is_not_named(start, subscriber, heard):
    node = start()
    listener = heard()
    subscriber("fitting", DETECTIONS, Detection2DArray, RELIABLE)
    subscriber("latched", "/vedette/events", Event, FOR_LATE)
    time.sleep(PATIENCE_S)
    assert listener.status("topics")[2]["unreached subscribers"] == "0"
    assert "gets nothing of" not in node.log


def test_an_override_of_the_publisher_changes_who_is_reached(start, subscriber, heard):
    node = start(
        "-p", f"qos_overrides.{DETECTIONS}.publisher.durability:=transient_local",
        "-p", f"qos_overrides.{PLAN}.publisher.reliability:=best_effort",
    )  # fmt: skip
    listener = heard()
    subscriber("late", DETECTIONS, Detection2DArray, FOR_LATE)
    subscriber("careful", PLAN, Plan, RELIABLE)
    words = f"/careful gets nothing of {PLAN}: it asks for reliability reliable, we offer best_effort"
    wait_until(lambda: words in listener.status("topics")[1], "diagnostics", PATIENCE_S)
    assert listener.status("topics")[2]["unreached subscribers"] == "1"
    assert "/late gets nothing" not in node.log


def test_a_subscriber_of_another_type_is_named(start, subscriber, heard):
    start()
    listener = heard()
    subscriber("mistaken", PLAN, String, RELIABLE)
    words = f"/mistaken subscribes to {PLAN} as std_msgs/msg/String, it is vedette_msgs/msg/Plan"
    wait_until(lambda: words in listener.status("topics")[1], "diagnostics", PATIENCE_S)

"""tf over DDS: where the camera is, at each image's stamp, the same as in a replay; and what is told of it when it is
missing."""

import json
import math
import pathlib
import subprocess
import sys

import pytest
from camera import FRAME_ID, LATCHED, RELIABLE, wait_until
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TransformStamped
from nav_msgs.msg import Path
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.serialization import deserialize_message
from picture_encodings import IMAGE, STORE
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Writer
from tf2_msgs.msg import TFMessage
from vedette_msgs.msg import Plan

ROOT = pathlib.Path(__file__).resolve().parents[2]
FRAMES = 30
STATIC = QoSProfile(
    depth=1, reliability=QoSReliabilityPolicy.RELIABLE, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL
)
OPTICAL = (-0.5, 0.5, -0.5, 0.5)
REMAP = "image:=/camera/image"
PARAMETERS = ("model:=yolov12n", "providers:=[cpu]", "intra_op_threads:=1", "use_sim_time:=true", "score_threshold:=0.2")


def transform(stamp_ns, parent, child, place, turn=(0.0, 0.0, 0.0, 1.0)):
    """A TFMessage of one transform."""
    stamped = TransformStamped(child_frame_id=child)
    stamped.header.frame_id = parent
    stamped.header.stamp.sec, stamped.header.stamp.nanosec = divmod(stamp_ns, 10**9)
    translation, rotation = stamped.transform.translation, stamped.transform.rotation
    translation.x, translation.y, translation.z = map(float, place)
    rotation.x, rotation.y, rotation.z, rotation.w = turn
    return TFMessage(transforms=[stamped])


def in_store(message):
    """The same message for rosbags."""
    (stamped,) = message.transforms
    types = STORE.types
    stamp = types["builtin_interfaces/msg/Time"](stamped.header.stamp.sec, stamped.header.stamp.nanosec)
    place, turn = stamped.transform.translation, stamped.transform.rotation
    placed = types["geometry_msgs/msg/Transform"](
        types["geometry_msgs/msg/Vector3"](place.x, place.y, place.z),
        types["geometry_msgs/msg/Quaternion"](turn.x, turn.y, turn.z, turn.w),
    )
    header = types["std_msgs/msg/Header"](stamp, stamped.header.frame_id)
    return types["tf2_msgs/msg/TFMessage"](
        [types["geometry_msgs/msg/TransformStamped"](header, stamped.child_frame_id, placed)]
    )


@pytest.fixture
def panning_bag(bag, tmp_path):
    """The beginning of the footage, from a camera that pans and is told of 20 ms behind each image."""
    folder = tmp_path / "panning"
    with AnyReader([bag], default_typestore=STORE) as reader, Writer(folder, version=9) as writer:
        tf, tf_static = (writer.add_connection(name, "tf2_msgs/msg/TFMessage", typestore=STORE) for name in ("/tf", "/tf_static"))

        def write(connection, logged_ns, message):
            writer.write(connection, logged_ns, bytes(STORE.serialize_cdr(in_store(message), "tf2_msgs/msg/TFMessage")))

        written, frames = {}, 0
        for connection, logged_ns, cdr in reader.messages():
            if not written:
                frame_id = next(
                    reader.deserialize(data, known.msgtype).header.frame_id
                    for known, _, data in reader.messages()
                    if known.msgtype == IMAGE
                )
                write(tf_static, logged_ns, transform(0, "pan", frame_id, (0, 0, 0.1), OPTICAL))
                write(tf, logged_ns, transform(logged_ns - 5 * 10**8, "base_link", "pan", (0, 0, 7)))
            if connection.topic not in written:
                written[connection.topic] = writer.add_connection(connection.topic, connection.msgtype, typestore=STORE)
            writer.write(written[connection.topic], logged_ns, bytes(cdr))
            if connection.msgtype == IMAGE:
                yaw = 0.2 * math.sin(frames / 5)
                turn = (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))
                stamp = reader.deserialize(cdr, IMAGE).header.stamp
                stamp_ns = stamp.sec * 10**9 + stamp.nanosec
                write(tf, logged_ns + 2 * 10**7, transform(stamp_ns + 10**7, "base_link", "pan", (0, 0, 7), turn))
                frames += 1
                if frames > FRAMES:
                    break
    return folder


def test_a_panning_camera_played_live_gives_the_plans_of_its_replay(start, binary, panning_bag, listen, tmp_path):
    out = tmp_path / "replay.mcap"
    parameters = [flag for value in PARAMETERS for flag in ("--param", value)]
    command = [binary, "replay", panning_bag, "--out", out, "--json", "--limit", FRAMES, *parameters, "--remap", REMAP]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["topics"]["tf"], report["topics"]["tf_static"], report["lost"]) == ("/tf", "/tf_static", {})
    with AnyReader([out], default_typestore=STORE) as reader:
        expected = [bytes(cdr) for connection, _, cdr in reader.messages() if connection.topic == "/vedette/plan"]

    node = start(*[flag for value in PARAMETERS for flag in ("-p", value)], "-p", "tf_wait_ms:=500", "-r", REMAP)
    live = listen({"/vedette/plan": Plan, "/vedette/path": Path}, raw=True)
    live.connect()
    play = [sys.executable, ROOT / "scripts/play_bag.py", panning_bag, "--paced", "--wait-for-node", "--frames", FRAMES]
    played = subprocess.run(list(map(str, play)), capture_output=True, text=True, timeout=300)
    assert played.returncode == 0, f"{played.stderr}\n{node.log}"
    wait_until(lambda: len(live["/vedette/plan"]) >= FRAMES, "the last plan")
    for ours, theirs in zip(live["/vedette/plan"], expected, strict=True):
        padding = ours[len(theirs) :]
        assert ours[: len(theirs)] == theirs and len(padding) < 4, (
            deserialize_message(ours, Plan),
            deserialize_message(theirs, Plan),
        )


def values_of(messages, key):
    """The values of this key in all statuses."""
    return [value.value for message in messages for status in message.status for value in status.values if value.key == key]


def test_a_static_camera_is_placed_by_tf_across_all_states_of_the_node(ros, start, camera, listen):
    publisher = ros.create_node("robot_state_publisher")
    static = publisher.create_publisher(TFMessage, "/tf_static", STATIC)
    static.publish(transform(camera.now_ns(), "base_footprint", FRAME_ID, (0.2, 0, 0.6), OPTICAL))
    start()
    heard = listen({"/vedette/plan": Plan}, qos=RELIABLE)
    told = listen({"/diagnostics": DiagnosticArray}, qos=RELIABLE)
    camera.connect(with_info=True)

    def plans_in(frame):
        return [plan for plan in heard["/vedette/plan"] if plan.header.frame_id == frame]

    camera.send_until(lambda: plans_in("base_footprint"), "a plan by tf")
    camera.send_until(lambda: "tf" in values_of(told["/diagnostics"], "mounting"), "the word of the diagnostics")
    # What does not move is told once, and holds for the models that come after.
    for label in ("deactivate", "cleanup", "configure", "activate"):
        assert heard.change(label), label
    before = len(plans_in("base_footprint"))
    # Two of them could be what was said before.
    camera.send_until(lambda: len(plans_in("base_footprint")) > before + 2, "a plan by tf")
    publisher.destroy_node()


def test_a_transform_that_does_not_come_costs_the_image_and_is_named(ros, start, camera, listen):
    publisher = ros.create_node("robot_state_publisher")
    moving = publisher.create_publisher(TFMessage, "/tf", RELIABLE)
    node = start("-p", "tf_wait_ms:=20")
    told = listen({"/diagnostics": DiagnosticArray}, qos=RELIABLE)
    camera.connect(with_info=True)
    wait_until(lambda: moving.get_subscription_count() > 0, "the node to listen to /tf")
    moving.publish(transform(camera.now_ns(), "base_link", FRAME_ID, (0.2, 0, 0.6), OPTICAL))

    def is_counted():
        return any(int(count) > 0 for count in values_of(told["/diagnostics"], "dropped image no_transform"))

    camera.send_until(is_counted, "a counted loss")
    assert f'no transform from "{FRAME_ID}" to "base_link" at ' in node.log
    statuses = [status for message in told["/diagnostics"] for status in message.status]
    assert any(f'"{FRAME_ID}" in "base_link" has the one stamp' in status.message for status in statuses)
    publisher.destroy_node()


def test_a_camera_beside_tf_is_placed_by_the_parameters_with_a_warning(ros, start, camera, listen):
    publisher = ros.create_node("odometry")
    moving = publisher.create_publisher(TFMessage, "/tf", RELIABLE)
    node = start("-p", "tf_wait_ms:=20")
    heard = listen({"/vedette/plan": Plan}, qos=RELIABLE)
    camera.connect(with_info=True)
    wait_until(lambda: moving.get_subscription_count() > 0, "the node to listen to /tf")
    moving.publish(transform(camera.now_ns(), "odom", "base_link", (1, 2, 0)))
    camera.send_until(lambda: "the mounting parameters serve" in node.log, "the warning")
    camera.send_until(lambda: any(plan.header.frame_id == "base_link" for plan in heard["/vedette/plan"]), "a plan")
    publisher.destroy_node()


def test_latched_qos_is_asked_for(ros, start, camera):
    start()
    watcher = ros.create_node("watcher_of_tf")
    camera.connect()
    (found,) = watcher.get_subscriptions_info_by_topic("/tf_static")
    assert found.qos_profile.durability == LATCHED.durability
    assert found.topic_type == "tf2_msgs/msg/TFMessage"
    watcher.destroy_node()

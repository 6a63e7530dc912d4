"""The same bytes, live or replayed: a bag played into the live node with its own stamps, against `vedette replay`."""

import json
import pathlib
import subprocess
import sys

import cv2
import numpy as np
import pytest
from camera import LATCHED, wait_until
from nav_msgs.msg import Path
from rclpy.serialization import deserialize_message
from picture_encodings import IMAGE, RAW, STORE, raw_image
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Writer
from vedette_msgs.msg import Plan
from vision_msgs.msg import Detection2DArray, LabelInfo, VisionInfo

ROOT = pathlib.Path(__file__).resolve().parents[2]
FRAMES = 60
PER_FRAME = {"/vedette/detections": Detection2DArray, "/vedette/plan": Plan, "/vedette/path": Path}
ONCE = {"/vedette/label_info": LabelInfo, "/vedette/vision_info": VisionInfo}
# camera_info stands beside the image, here and there.
REMAP = "image:=/camera/image"
# Of another size and lens than the bag's own.
FISHEYE = "camera_info_file:=tests/data/lenses/fisheye.yaml"
# Everything that happens between picture and plan depends on these and on the model.
PARAMETERS = ("model:=yolov12n", "providers:=[cpu]", "intra_op_threads:=1", "use_sim_time:=true", "score_threshold:=0.2")


def changed(bag, folder, change):
    """The beginning of the bag with its images changed: `change(number, message, rgb)` gives topic suffix and message."""
    with AnyReader([bag], default_typestore=STORE) as reader, Writer(folder, version=9) as writer:
        written, frames = {}, 0
        for connection, logged_ns, cdr in reader.messages():
            topic, msgtype = connection.topic, connection.msgtype
            if msgtype == IMAGE:
                image = reader.deserialize(cdr, msgtype)
                assert image.encoding == "bgr8"
                pixels = np.asarray(image.data).reshape(image.height, image.width, 3)
                suffix, message = change(frames, image, pixels[:, :, ::-1])
                topic, msgtype = topic + suffix, message.__msgtype__
                cdr = STORE.serialize_cdr(message, msgtype)
                frames += 1
            if topic not in written:
                written[topic] = writer.add_connection(topic, msgtype, typestore=STORE)
            writer.write(written[topic], logged_ns, bytes(cdr))
            if frames > FRAMES:
                break
    return folder


def as_jpeg(number, image, rgb):
    _, data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    compressed = STORE.types["sensor_msgs/msg/CompressedImage"]
    return "/compressed", compressed(image.header, "bgr8; jpeg compressed bgr8", data.reshape(-1))


def in_every_encoding(number, image, rgb):
    return "", raw_image(image.header, rgb, list(RAW)[number % len(RAW)])


@pytest.fixture(scope="session")
def bags(bag, tmp_path_factory):
    """The bag, the same from a driver that publishes jpeg only, and one that goes through all encodings."""
    folder = tmp_path_factory.mktemp("bags")
    return {
        "raw": bag,
        "jpeg": changed(bag, folder / "jpeg", as_jpeg),
        "encodings": changed(bag, folder / "encodings", in_every_encoding),
    }


def replayed(binary, bag, out, parameters, *remaps):
    """The bytes that `vedette replay` records, by topic."""
    parameters = [flag for value in parameters for flag in ("--param", value)]
    remaps = [flag for rule in remaps for flag in ("--remap", rule)]
    command = [binary, "replay", bag, "--out", out, "--json", "--limit", FRAMES, *parameters, *remaps]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["topics"]["camera_info"] == "/camera/camera_info"
    messages = {topic: [] for topic in (*PER_FRAME, *ONCE)}
    with AnyReader([out], default_typestore=STORE) as reader:
        for connection, _, cdr in reader.messages():
            if connection.topic in messages:
                messages[connection.topic].append(bytes(cdr))
    return messages


def is_same(live, replayed):
    """Whether the bytes are the same; DDS may pad its own to a multiple of four."""
    padding = live[len(replayed) :]
    return live[: len(replayed)] == replayed and len(padding) < 4 and not any(padding)


@pytest.mark.parametrize(
    ("transport", "camera"),
    [("raw", ()), ("jpeg", ()), ("encodings", ()), ("raw", (FISHEYE,))],
    ids=["raw", "jpeg", "every encoding", "a calibration file"],
)
def test_the_bag_played_live_under_one_remap_gives_the_bytes_of_its_replay(
    start, binary, bags, listen, tmp_path, transport, camera
):
    bag = bags[transport]
    expected = replayed(binary, bag, tmp_path / "replay.mcap", PARAMETERS + camera, REMAP)
    parameters = [flag for value in PARAMETERS + camera for flag in ("-p", value)]
    node = start(*parameters, "-r", REMAP)
    live = listen(PER_FRAME, raw=True)
    latched = listen(ONCE, qos=LATCHED, raw=True)
    live.connect()
    play = [sys.executable, ROOT / "scripts/play_bag.py", bag, "--paced", "--wait-for-node", "--frames", FRAMES]
    played = subprocess.run(list(map(str, play)), capture_output=True, text=True, timeout=300)
    assert played.returncode == 0, f"{played.stderr}\n{node.log}"

    wait_until(lambda: len(live["/vedette/path"]) >= FRAMES, "the last path")
    for topic, message_class in PER_FRAME.items():
        assert len(live[topic]) == FRAMES == len(expected[topic]), topic
        for index, (ours, theirs) in enumerate(zip(live[topic], expected[topic])):
            if not is_same(ours, theirs):
                assert deserialize_message(ours, message_class) == deserialize_message(theirs, message_class)
                raise AssertionError(f"{topic} {index}: other bytes for the same values")
    for topic in ONCE:
        wait_until(lambda topic=topic: latched[topic], f"a latched {topic}")
        assert len(latched[topic]) == len(expected[topic]) == 1 and is_same(latched[topic][0], expected[topic][0])
    detected = [deserialize_message(cdr, Detection2DArray) for cdr in live["/vedette/detections"]]
    assert sum(len(array.detections) for array in detected) > FRAMES, "the footage shows people"

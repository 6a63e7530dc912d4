"""Bags as a test needs them, written by rosbags: no code of ours comes between."""

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_JAZZY)
BEGIN_NS = 1_700_000_000 * 10**9
PERIOD_NS = 10**8
WIDTH, HEIGHT = 64, 64
IMAGE, CAMERA_INFO = "/camera/image", "/camera/camera_info"
TYPES = {IMAGE: "sensor_msgs/msg/Image", CAMERA_INFO: "sensor_msgs/msg/CameraInfo"}

# Pictures that show nothing are taken too: for bags whose pictures are a few pixels of one colour.
SEES_ANYTHING = [
    word
    for setting in ("min_side_px:=1", "dark_luma:=0", "bright_luma:=255", "min_contrast:=0.0", "min_sharpness:=0.0")
    for word in ("-p", f"blind_{setting}")
] + ["-p", "blind_frozen_ms:=0"]


def stamp_of(frame):
    """The stamp of a frame at 10 Hz, in nanoseconds."""
    return BEGIN_NS + frame * PERIOD_NS


def header(stamp_ns):
    time = STORE.types["builtin_interfaces/msg/Time"](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    return STORE.types["std_msgs/msg/Header"](stamp=time, frame_id="camera_optical_frame")


def image(stamp_ns, **changes):
    """A noisy red picture, in which the model of tests/data/models sees three red boxes."""
    noise = np.random.default_rng(stamp_ns // PERIOD_NS).integers(0, 20, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    pixels = noise + np.array([235, 0, 0], dtype=np.uint8)
    fields = dict(
        header=header(stamp_ns),
        height=HEIGHT,
        width=WIDTH,
        encoding="rgb8",
        is_bigendian=0,
        step=3 * WIDTH,
        data=pixels.reshape(-1),
    )
    return STORE.types["sensor_msgs/msg/Image"](**fields | changes)


def camera_info(stamp_ns, **changes):
    """A pinhole camera without distortion."""
    fields = dict(
        header=header(stamp_ns),
        height=HEIGHT,
        width=WIDTH,
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=np.array([64.0, 0, 32, 0, 64, 32, 0, 0, 1]),
        r=np.eye(3).reshape(-1),
        p=np.array([64.0, 0, 32, 0, 0, 64, 32, 0, 0, 0, 1, 0]),
        binning_x=0,
        binning_y=0,
        roi=STORE.types["sensor_msgs/msg/RegionOfInterest"](
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        ),
    )
    return STORE.types["sensor_msgs/msg/CameraInfo"](**fields | changes)


def write_bag(folder, records, types=TYPES, strange_topic=None, silent=()):
    """Writes `(topic, log time, message)` as a rosbag2 folder and returns it; the MCAP in it has the folder's name.
    `strange_topic` gets messages of a type that nobody knows, `silent` topics get none."""
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {t: writer.add_connection(t, types[t], typestore=STORE) for t in {t: None for t in [*(t for t, _, _ in records), *silent]}}
        if strange_topic:
            strange = writer.add_connection(strange_topic, "strange_msgs/msg/Strange", msgdef="int32 x", rihs01="0")
            writer.write(strange, BEGIN_NS, b"\x00\x01\x00\x00\x07\x00\x00\x00")
        for topic, log_ns, message in records:
            writer.write(connections[topic], log_ns, bytes(STORE.serialize_cdr(message, types[topic])))
    return folder


def pictures(frames, topic=IMAGE):
    """So many good pictures on one topic."""
    return [(topic, stamp_of(frame), image(stamp_of(frame))) for frame in range(frames)]

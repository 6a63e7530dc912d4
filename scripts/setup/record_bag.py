"""Record vtest.avi as a rosbag2 folder, with a library that shares no code with Vedette (rosbags).

    python3 record_bag.py VIDEO BAG

Runs in the Python environment that the set-up made. The bag holds two topics:

- `/camera/camera_info`, sensor_msgs/msg/CameraInfo (plumb_bob), and
- `/camera/image`, sensor_msgs/msg/Image (bgr8),

for each frame one message on each, with the same stamp and frame_id, logged at that stamp, 10 per
second from a round beginning on. Storage: MCAP, uncompressed.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import vtest_camera
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

FRAMES = 795
BEGIN_NS = 1_700_000_000 * 10**9
PERIOD_NS = 10**9 // 10
FRAME_ID = "camera_optical_frame"

STORE = get_typestore(Stores.ROS2_JAZZY)
Header = STORE.types["std_msgs/msg/Header"]
Time = STORE.types["builtin_interfaces/msg/Time"]
Image = STORE.types["sensor_msgs/msg/Image"]
CameraInfo = STORE.types["sensor_msgs/msg/CameraInfo"]
RegionOfInterest = STORE.types["sensor_msgs/msg/RegionOfInterest"]


def header(stamp_ns: int):
    """A header at `stamp_ns` in the camera's optical frame."""
    return Header(stamp=Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9), frame_id=FRAME_ID)


def camera_info(stamp_ns: int):
    """The camera's calibration, the same for every frame."""
    return CameraInfo(
        header=header(stamp_ns),
        height=vtest_camera.HEIGHT_PX,
        width=vtest_camera.WIDTH_PX,
        distortion_model="plumb_bob",
        d=np.array(vtest_camera.plumb_bob()),
        k=np.array(vtest_camera.camera_matrix()),
        r=np.eye(3).ravel(),
        p=np.array(vtest_camera.projection_matrix()),
        binning_x=0,
        binning_y=0,
        roi=RegionOfInterest(x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
    )


def image(stamp_ns: int, pixels: np.ndarray):
    """A picture of shape `[H, W, 3]`, BGR."""
    height, width, channels = pixels.shape
    return Image(
        header=header(stamp_ns),
        height=height,
        width=width,
        encoding="bgr8",
        is_bigendian=0,
        step=width * channels,
        data=pixels.reshape(-1),
    )


def frames(video: Path) -> Iterator[np.ndarray]:
    """The decoded pictures of a video, `[H, W, 3]` BGR, in order."""
    capture = cv2.VideoCapture(str(video))
    while True:
        present, pixels = capture.read()
        if not present:
            return
        yield pixels


def record(video: Path, bag: Path) -> int:
    """Write the bag and return the number of frames."""
    count = 0
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        infos = writer.add_connection("/camera/camera_info", CameraInfo.__msgtype__, typestore=STORE)
        images = writer.add_connection("/camera/image", Image.__msgtype__, typestore=STORE)
        for count, pixels in enumerate(frames(video), start=1):
            stamp_ns = BEGIN_NS + (count - 1) * PERIOD_NS
            info, picture = camera_info(stamp_ns), image(stamp_ns, pixels)
            writer.write(infos, stamp_ns, STORE.serialize_cdr(info, info.__msgtype__))
            writer.write(images, stamp_ns, STORE.serialize_cdr(picture, picture.__msgtype__))
    return count


if __name__ == "__main__":
    found = record(Path(sys.argv[1]), Path(sys.argv[2]))
    if found != FRAMES:
        sys.exit(f"{sys.argv[1]} gave {found} frames, expected {FRAMES}")

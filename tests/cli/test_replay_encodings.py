"""`vedette replay`: encodings and compressed pictures as drivers and recorders write them."""

import cv2
import numpy as np
import pytest
from bags import CAMERA_INFO, HEIGHT, IMAGE, STORE, TYPES, WIDTH, camera_info, header, image, stamp_of, write_bag

COMPRESSED = f"{IMAGE}/compressed"
ALL_TYPES = {**TYPES, COMPRESSED: "sensor_msgs/msg/CompressedImage", f"{IMAGE}/compressedDepth": "sensor_msgs/msg/CompressedImage"}
FRAMES = 5
REMAP = ("--remap", f"image:={IMAGE}")


def rgb(frame):
    """The red picture of `image`."""
    return np.asarray(image(stamp_of(frame)).data).reshape(HEIGHT, WIDTH, 3)


def compressed(frame, words="bgr8; jpeg compressed bgr8", suffix=".jpg", cut=None, flags=()):
    _, data = cv2.imencode(suffix, rgb(frame)[:, :, ::-1], flags)
    data = data.reshape(-1)[:cut]
    return STORE.types["sensor_msgs/msg/CompressedImage"](header=header(stamp_of(frame)), format=words, data=data)


def bag_of(folder, messages, topic=IMAGE, with_info=True):
    records = []
    for frame, message in enumerate(messages):
        if with_info:
            records.append((CAMERA_INFO, stamp_of(frame), camera_info(stamp_of(frame))))
        records.append((topic, stamp_of(frame), message))
    return write_bag(folder, records, types=ALL_TYPES)


def test_opencvs_names_and_a_step_of_0_are_taken_and_said_once(report, tmp_path):
    bgr = [np.ascontiguousarray(rgb(frame)[:, :, ::-1]).reshape(-1) for frame in range(FRAMES)]
    good = [image(stamp_of(frame), encoding="bgr8", data=bgr[frame]) for frame in range(FRAMES)]
    expected = report(bag_of(tmp_path / "good", good), *REMAP)
    assert expected["processed"] == FRAMES and expected["detections"] > 0
    for name, changes, said in (
        ("8uc3", {"encoding": "8UC3"}, '"8UC3", which is no name of ROS: taken for bgr8'),
        ("step_zero", {"step": 0}, "have step 0 and exactly the bytes"),
        ("step_of_width", {"step": WIDTH}, f"have step {WIDTH} and exactly the bytes"),
        ("big_endian", {"is_bigendian": 1}, "are bgr8 and is_bigendian: passed over"),
    ):
        odd = [
            image(stamp_of(frame), **{"encoding": "bgr8", "data": bgr[frame], **changes}) for frame in range(FRAMES)
        ]
        found = report(bag_of(tmp_path / name, odd), *REMAP)
        assert (found["processed"], found["detections"]) == (FRAMES, expected["detections"]), name
        assert found["stderr"].count(said) == 1, found["stderr"]


@pytest.mark.parametrize("encoding", ["8UC2", "32FC1"])
def test_what_is_no_picture_is_refused_with_the_reason(report, tmp_path, encoding):
    bag = bag_of(tmp_path / "bag", [image(stamp_of(0), encoding=encoding)])
    found = report(bag, *REMAP, code=1)
    assert found["lost"] == {"image: bad_message": 1}
    assert f'image encoding "{encoding}" is not supported (it ' in found["stderr"]


@pytest.mark.parametrize(
    ("words", "suffix"),
    [
        ("bgr8; jpeg compressed bgr8", ".jpg"),
        ("rgb8; jpeg compressed bgr8", ".jpg"),
        ("jpeg", ".jpg"),
        ("JPEG", ".jpg"),
        ("", ".jpg"),
        ("png", ".png"),
        ("rgb8; png compressed bgr8", ".png"),
        ("webp", ".webp"),
        ("png", ".jpg"),
    ],
)
@pytest.mark.parametrize("rules", [(), REMAP, ("--remap", f"image:={COMPRESSED}")])
def test_compressed_pictures_are_found_by_the_name_of_their_image(report, tmp_path, words, suffix, rules):
    messages = [compressed(frame, words, suffix) for frame in range(FRAMES)]
    found = report(bag_of(tmp_path / "bag", messages, COMPRESSED), *rules)
    assert found["topics"]["image"] == COMPRESSED and found["topics"]["camera_info"] == CAMERA_INFO
    assert (found["processed"], found["lost"]) == (FRAMES, {}) and found["detections"] > 0
    # Whoever names them is not told that they are taken.
    is_named = rules[-1:] == (f"image:={COMPRESSED}",)
    assert found["stderr"].count(f"those of {COMPRESSED} are taken, compressed") == int(not is_named)
    is_odd = words == "" or (words, suffix) == ("png", ".jpg")
    assert found["stderr"].count("by their first bytes") == int(is_odd)


def test_raw_pictures_are_taken_where_both_are_there_unless_the_parameter_says_otherwise(report, tmp_path):
    records = []
    for frame in range(FRAMES):
        records.append((IMAGE, stamp_of(frame), image(stamp_of(frame))))
        records.append((COMPRESSED, stamp_of(frame), compressed(frame)))
    bag = write_bag(tmp_path / "bag", records, types=ALL_TYPES)
    for parameter, topic in (("auto", IMAGE), ("raw", IMAGE), ("compressed", COMPRESSED)):
        found = report(bag, "-p", f"image_transport:={parameter}")
        assert (found["topics"]["image"], found["images"], found["processed"]) == (topic, FRAMES, FRAMES)


def test_a_truncated_jpeg_costs_its_frame_and_no_other(report, tmp_path):
    messages = [compressed(frame, cut=-90 if frame == 2 else None) for frame in range(FRAMES)]
    found = report(bag_of(tmp_path / "bag", messages, COMPRESSED), code=3)
    assert (found["processed"], found["lost"]) == (FRAMES - 1, {"image: bad_picture": 1})
    assert "is cut off: its picture has no end marker" in found["stderr"]


def test_distances_are_no_pictures(replay, report, tmp_path):
    depth = [compressed(frame, "16UC1; compressedDepth", ".png") for frame in range(FRAMES)]
    bag = bag_of(tmp_path / "depth", depth, f"{IMAGE}/compressedDepth")
    assert "no sensor_msgs/msg/Image topic in the bag" in replay(bag, code=1).stderr
    found = report(bag_of(tmp_path / "named", depth, COMPRESSED), code=1)
    assert found["lost"] == {"image: bad_picture": FRAMES} and "holds distances" in found["stderr"]


@pytest.mark.parametrize(
    "flags",
    [
        (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        (cv2.IMWRITE_JPEG_OPTIMIZE, 1),
        (cv2.IMWRITE_JPEG_RST_INTERVAL, 4),
        (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422),
        (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    ],
)
def test_every_kind_of_jpeg_is_read(report, tmp_path, flags):
    messages = [compressed(frame, flags=flags) for frame in range(FRAMES)]
    found = report(bag_of(tmp_path / "bag", messages, COMPRESSED))
    assert (found["processed"], found["lost"]) == (FRAMES, {}) and found["detections"] > 0


def test_bytes_behind_the_end_of_a_jpeg_are_passed_over(report, tmp_path):
    """Cameras fill their buffers up."""
    messages = [compressed(frame) for frame in range(FRAMES)]
    for message in messages:
        message.data = np.concatenate([message.data, np.zeros(5000, np.uint8)])
    assert report(bag_of(tmp_path / "bag", messages, COMPRESSED))["processed"] == FRAMES

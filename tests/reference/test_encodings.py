"""The detections of real footage in every encoding and as compressed pictures, against those of the same frames in rgb8:
of what OpenCV makes of the encoding, which must be the same, and of the frames themselves, which most of them must be.
"""

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Writer
from picture_encodings import IMAGE, RAW, STORE, raw_image, wide
from recorded import messages
from test_replay import boxes_of, matched

COMPRESSED = "sensor_msgs/msg/CompressedImage"
FRAMES, STEP = 5, 40
# Sure boxes: at the edge of a threshold another encoding tips the scale.
SCORE = 0.4


# What OpenCV makes of the data again. It has no NV24.
AGAIN = {
    "yuv422": cv2.COLOR_YUV2RGB_UYVY,
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuyv": cv2.COLOR_YUV2RGB_YUY2,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2,
    "nv12": cv2.COLOR_YUV2RGB_NV12,
    "nv21": cv2.COLOR_YUV2RGB_NV21,
    "bayer_rggb8": cv2.COLOR_BayerRGGB2RGB,
    "bayer_bggr8": cv2.COLOR_BayerBGGR2RGB,
    "bayer_gbrg8": cv2.COLOR_BayerGBRG2RGB,
}
LOSSLESS = ("bgr8", "8UC3", "rgba8", "bgra8", "8UC4", "rgb16", "16UC3", "rgba16")
FILES = {
    "bgr8; jpeg compressed bgr8": (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 95]),
    "rgb8; png compressed bgr8": (".png", []),
    "webp": (".webp", [cv2.IMWRITE_WEBP_QUALITY, 95]),
}


def rgb8(header, rgb):
    height, width = rgb.shape[:2]
    return STORE.types[IMAGE](header, height, width, "rgb8", 0, 3 * width, np.ascontiguousarray(rgb).reshape(-1))


def compressed(header, rgb, words):
    suffix, flags = FILES[words]
    _, data = cv2.imencode(suffix, rgb[:, :, ::-1], flags)
    return STORE.types[COMPRESSED](header, words, data.reshape(-1))


@pytest.fixture(scope="module")
def frames(bag):
    """Some frames of the footage with their headers."""
    found = []
    with AnyReader([bag], default_typestore=STORE) as reader:
        connections = [connection for connection in reader.connections if connection.msgtype == IMAGE]
        for number, (connection, _, cdr) in enumerate(reader.messages(connections)):
            if number % STEP == 0:
                image = reader.deserialize(cdr, connection.msgtype)
                pixels = np.asarray(image.data).reshape(image.height, image.width, 3)
                found.append((image.header, np.ascontiguousarray(pixels[:, :, ::-1])))
            if len(found) == FRAMES:
                return found
    raise AssertionError("the bag has too few frames")


@pytest.fixture(scope="module")
def boxes(vedette, frames, tmp_path_factory):
    """What a replay of the frames sees: `boxes(make_message, type_name)`."""

    def seen(make, type_name=IMAGE):
        folder = tmp_path_factory.mktemp("encodings")
        topic = "/camera/image" + ("/compressed" if type_name == COMPRESSED else "")
        with Writer(folder / "bag", version=9) as writer:
            connection = writer.add_connection(topic, type_name, typestore=STORE)
            for header, rgb in frames:
                stamp_ns = header.stamp.sec * 10**9 + header.stamp.nanosec
                writer.write(connection, stamp_ns, bytes(STORE.serialize_cdr(make(header, rgb), type_name)))
        # Tracking is of no use at this pace, and goes on.
        vedette(
            "replay", folder / "bag", "--remap", "image:=/camera/image", "--out", folder / "out.mcap",
            "-p", "providers:=[cpu]", "-p", "score_threshold:=0.2",
        )  # fmt: skip
        arrays = [message for topic, _, message in messages(folder / "out.mcap") if topic == "/vedette/detections"]
        assert len(arrays) == FRAMES
        return [boxes_of(message) for message in arrays]

    return seen


@pytest.fixture(scope="module")
def expected(boxes):
    found = boxes(rgb8)
    assert sum(box["score"] > SCORE for frame in found for box in frame) >= 3 * FRAMES, "the footage shows people"
    return found


def assert_alike(found, expected):
    """Of the sure boxes of either nine in ten have their partner in the other: class, IoU of 0.9, score within 0.05. The
    others are people half behind one another, whose boxes any change of a pixel moves."""
    for some, others in ((found, expected), (expected, found)):
        sure = [[box for box in frame if box["score"] > SCORE] for frame in some]
        partners = sum(matched(frame, other, 0.9, 0.05) for frame, other in zip(sure, others, strict=True))
        assert partners >= 0.9 * sum(map(len, sure)), f"{partners} of {sum(map(len, sure))}"


@pytest.mark.parametrize("encoding", RAW)
def test_every_encoding_gives_the_boxes_of_rgb8(boxes, expected, encoding):
    found = boxes(lambda header, rgb: raw_image(header, rgb, encoding))
    assert_alike(found, expected)
    if encoding in LOSSLESS:
        assert found == expected, "no pixel differs"
    if encoding in AGAIN:

        def again(header, rgb):
            image = raw_image(header, rgb, encoding)
            rows = image.height * (3 if encoding.startswith("nv") else 2) // 2
            shape = (rows if encoding.startswith("nv") else image.height, image.width, RAW[encoding][1])
            data = np.asarray(image.data).reshape(shape)
            return rgb8(header, cv2.cvtColor(data[:, :, 0] if shape[2] == 1 else data, AGAIN[encoding]))

        assert found == boxes(again), "pixels are those of OpenCV"


@pytest.mark.parametrize("words", FILES)
def test_compressed_pictures_give_the_boxes_of_rgb8(boxes, expected, words):
    found = boxes(lambda header, rgb: compressed(header, rgb, words), COMPRESSED)
    if "png" in words:
        assert found == expected, "no pixel differs"
    assert_alike(found, expected)


def test_gray_gives_the_boxes_of_its_own_rgb8(boxes):
    """Without colors other boxes are right; 8 and 16 bits in both byte orders must give the same ones."""
    gray = lambda rgb: cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)  # noqa: E731
    expected = boxes(lambda header, rgb: rgb8(header, np.repeat(gray(rgb)[:, :, None], 3, axis=2)))
    assert any(expected)
    for encoding, order in (("mono8", None), ("8UC1", None), ("mono16", "<"), ("mono16", ">"), ("16UC1", "<")):

        def make(header, rgb):
            height, width = rgb.shape[:2]
            pixels = gray(rgb) if order is None else wide(gray(rgb), order)
            step = width * (1 if order is None else 2)
            data = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)
            return STORE.types[IMAGE](header, height, width, encoding, int(order == ">"), step, data)

        assert boxes(make) == expected, (encoding, order)

"""Raw and compressed pictures over DDS: which of them the node takes, and that it takes each picture once."""

import time

import cv2
import numpy as np
import pytest
from camera import HEIGHT, WIDTH, wait_until
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image
from vision_msgs.msg import Detection2DArray

DETECTIONS, DIAGNOSTICS = "/vedette/detections", "/diagnostics"


class JpegCamera:
    """The pictures of a camera, as jpeg."""

    def __init__(self, camera, topic="/image/compressed"):
        self.camera, self.topic = camera, topic
        self.publisher = camera.node.create_publisher(CompressedImage, topic, qos_profile_sensor_data)

    def connect(self):
        wait_until(lambda: self.publisher.get_subscription_count() > 0, f"a subscriber to {self.topic}")
        time.sleep(0.5)

    def message(self, stamp_ns, words="bgr8; jpeg compressed bgr8", cut=None):
        pixels = np.frombuffer(next(self.camera.pictures), np.uint8).reshape(HEIGHT, WIDTH, 3)
        _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])
        return CompressedImage(header=self.camera.header(stamp_ns), format=words, data=data.tobytes()[:cut])

    def send(self, **changes):
        stamp_ns = self.camera.now_ns()
        self.publisher.publish(self.message(stamp_ns, **changes))
        return stamp_ns


@pytest.fixture
def listener(listen):
    """Hears boxes and diagnostics."""

    def listening():
        heard = listen({DETECTIONS: Detection2DArray, DIAGNOSTICS: DiagnosticArray})
        heard.connect()
        return heard

    return listening


def send_until(send, is_true, what, patience_s=10.0):
    def sent_and_true():
        if is_true():
            return True
        send()
        time.sleep(1 / 30)
        return False

    wait_until(sent_and_true, what, patience_s)


@pytest.mark.parametrize("transport", ["auto", "compressed"])
def test_compressed_pictures_are_taken_where_only_they_are_published(start, camera, listener, transport):
    node = start("-p", f"image_transport:={transport}")
    camera.node.destroy_publisher(camera.images)
    heard, jpegs = listener(), JpegCamera(camera)
    jpegs.connect()
    send_until(jpegs.send, lambda: len(heard[DETECTIONS]) >= 5, "detections")
    assert all(array.detections for array in heard[DETECTIONS]), "red boxes in every picture"
    wait_until(lambda: heard.status("topics")[1] == "connected", "the diagnostics", 5.0)
    _, _, values = heard.status("topics")
    assert values["image/compressed"] == "/image/compressed" and values["image/compressed publishers"] == "1"
    if transport == "auto":
        assert node.log.count("only compressed pictures are published") == 1


def test_a_remap_of_the_image_alone_moves_the_compressed_pictures_too(start, camera, listener):
    start("-r", "image:=/front/image_raw")
    heard, jpegs = listener(), JpegCamera(camera, "/front/image_raw/compressed")
    jpegs.connect()
    send_until(jpegs.send, lambda: len(heard[DETECTIONS]) >= 3, "detections")


def test_of_a_camera_that_publishes_both_each_picture_is_taken_once_and_raw(start, camera, listener):
    start()
    heard, jpegs = listener(), JpegCamera(camera)
    camera.connect()
    sent = []

    def send_both():
        stamp_ns = camera.send()
        jpegs.publisher.publish(jpegs.message(stamp_ns))
        sent.append(stamp_ns)

    send_until(send_both, lambda: len(heard[DETECTIONS]) >= 20, "detections")
    time.sleep(1.2)
    assert jpegs.publisher.get_subscription_count() == 0, "nobody makes a driver compress for nothing"
    stamps = heard.stamps(DETECTIONS)
    assert len(set(stamps)) == len(stamps) and set(stamps) <= set(sent)
    _, _, values = heard.status("frames")
    assert "dropped image out_of_order" not in values, values


def test_raw_pictures_take_over_when_they_come(start, camera, listener):
    node = start()
    camera.node.destroy_publisher(camera.images)
    heard, jpegs = listener(), JpegCamera(camera)
    jpegs.connect()
    send_until(jpegs.send, lambda: len(heard[DETECTIONS]) >= 3, "detections of jpeg")
    camera.images = camera.node.create_publisher(Image, "/image", qos_profile_sensor_data)
    camera.send_until(lambda: "raw pictures are there" in node.log, "the change")
    before = len(heard[DETECTIONS])
    camera.send_until(lambda: len(heard[DETECTIONS]) >= before + 3, "detections of raw pictures")


def test_a_truncated_jpeg_costs_its_frame_alone(start, camera, listener):
    start("-p", "image_transport:=compressed")
    heard, jpegs = listener(), JpegCamera(camera)
    jpegs.connect()
    send_until(jpegs.send, lambda: len(heard[DETECTIONS]) >= 3, "detections")

    def is_counted():
        return int(heard.status("frames")[2].get("dropped image bad_picture", "0")) > 0

    send_until(lambda: jpegs.send(cut=300), is_counted, "the counted loss")
    before = len(heard[DETECTIONS])
    send_until(jpegs.send, lambda: len(heard[DETECTIONS]) >= before + 3, "more detections")

"""Camera drivers as they are: a camera_info that was said once, one of another size, images without a stamp, a bag that
is played without its clock."""

import time

import pytest
from camera import FRAME_ID, HEIGHT, LATCHED, NS_PER_S, WIDTH, Camera, wait_until
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo
from test_bad_input import counters
from vision_msgs.msg import Detection2DArray

DETECTIONS, DIAGNOSTICS = "/vedette/detections", "/diagnostics"
TOPICS = {DETECTIONS: Detection2DArray, DIAGNOSTICS: DiagnosticArray}
TWICE = {"width": 2 * WIDTH, "height": 2 * HEIGHT}


class Driver(Camera):
    """A camera whose camera_info has fields changed."""

    def __init__(self, ros, **changes):
        super().__init__(ros, "odd_driver")
        self.changes = changes

    def info(self, stamp_ns, **changes):
        return super().info(stamp_ns, **(self.changes | changes))


@pytest.fixture
def driver(ros):
    """Makes odd drivers: `driver(width=128)`."""
    drivers = []

    def make(**changes):
        drivers.append(Driver(ros, **changes))
        return drivers[-1]

    yield make
    for made in drivers:
        made.close()


def test_a_camera_info_that_was_said_once_before_the_node_came_serves_all_images(start, camera, listen):
    latched = camera.node.create_publisher(CameraInfo, "/camera_info", LATCHED)
    latched.publish(camera.info(camera.now_ns()))
    time.sleep(0.2)
    start()
    listener = listen(TOPICS)
    listener.connect()
    camera.connect()
    camera.send_until(lambda: len(listener[DETECTIONS]) >= 10, "detections")
    # A report that counts all of them.
    seen = len(listener[DIAGNOSTICS])
    wait_until(lambda: len(listener[DIAGNOSTICS]) > seen + 1, "a report")
    assert int(counters(listener)["processed"]) >= 10
    assert counters(listener)["processed without camera_info"] == "0"


@pytest.mark.parametrize(
    ("size", "words", "is_located"),
    [
        (TWICE, f"camera_info is for {2 * WIDTH}x{2 * HEIGHT} px, images have {WIDTH}x{HEIGHT}: it is scaled", True),
        (
            {"width": WIDTH, "height": HEIGHT - 12},
            f"camera_info is for {WIDTH}x{HEIGHT - 12} px, images have {WIDTH}x{HEIGHT}: the aspect is another one",
            False,
        ),
    ],
)
def test_a_camera_info_of_another_size_is_told_once_and_warns_in_diagnostics(
    start, driver, listen, size, words, is_located
):
    node = start()
    listener = listen(TOPICS)
    listener.connect()
    camera = driver(**size)
    camera.connect(with_info=True)
    camera.send_until(lambda: words in listener.status("frames")[1], "the warning", patience_s=20)
    assert listener.status("frames")[0] == 1
    assert node.log.count(words) == 1
    without = int(counters(listener)["processed without camera_info"])
    assert without == 0 if is_located else without > 0


def test_images_without_a_stamp_are_dropped_with_the_cure_or_take_the_time_at_which_they_come(start, camera, listen):
    node = start()
    listener = listen(TOPICS)
    listener.connect()
    camera.connect(with_info=True)
    cure = "images are stamped 0: the driver does not stamp them"
    with camera.streaming(send=lambda: camera.send(0)):
        wait_until(lambda: cure in node.log, "the cause in the log")
        wait_until(lambda: int(counters(listener).get("dropped image too_old", 0)) > 5, "the counted drops")
    assert node.log.count(cure) == 1 and listener[DETECTIONS] == []


def test_under_received_images_without_a_stamp_are_answered_with_the_time_at_which_they_came(start, camera, listen):
    node = start("-p", "image_stamp:=received")
    listener = listen(TOPICS)
    listener.connect()
    camera.connect(with_info=True)
    began = camera.now_ns()
    with camera.streaming(send=lambda: camera.send(0)):
        wait_until(lambda: len(listener[DETECTIONS]) >= 20, "detections")
    ended = camera.now_ns()
    stamps = listener.stamps(DETECTIONS)
    assert stamps == sorted(set(stamps)) and began <= stamps[0] and stamps[-1] <= ended
    seen = len(listener[DIAGNOSTICS])
    wait_until(lambda: len(listener[DIAGNOSTICS]) > seen + 1, "a report")
    assert counters(listener)["processed without camera_info"] == "0", "camera_info has the stamp 0 too"
    assert "stamped 0" not in node.log


def test_images_that_count_from_boot_and_images_of_a_bag_are_told_apart(start, camera, listen):
    node = start()
    listener = listen(TOPICS)
    listener.connect()
    camera.connect()
    camera.send(95 * NS_PER_S)
    wait_until(lambda: "image stamps are decades off: 95.000000000 for an image that came at" in node.log, "the cause")
    time.sleep(2.1)
    camera.send(camera.now_ns() - 3 * 3600 * NS_PER_S)
    wait_until(lambda: "(3.0 hours): is this a bag? use --clock and use_sim_time" in node.log, "the question")
    assert listener[DETECTIONS] == []


def test_a_frame_that_is_not_called_optical_is_one_line_in_the_log(start, camera, listen):
    node = start()
    listener = listen(TOPICS)
    listener.connect()
    camera.connect()
    camera.send_until(lambda: len(listener[DETECTIONS]) >= 3, "detections")
    assert FRAME_ID in listener[DETECTIONS][0].header.frame_id and "frame_id" not in node.log
    good = camera.header
    camera.header = lambda stamp_ns: rename(good(stamp_ns), "default_cam")
    before = len(listener[DETECTIONS])
    camera.send_until(lambda: len(listener[DETECTIONS]) >= before + 10, "detections in the other frame")
    words = 'the image\'s frame_id "default_cam" is not named as an optical frame'
    assert node.log.count(words) == 1
    assert listener[DETECTIONS][-1].header.frame_id == "default_cam"


def rename(header, frame_id):
    header.frame_id = frame_id
    return header

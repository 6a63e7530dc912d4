"""What people's viewers receive, and only while they look."""

import math
import time

from camera import HEIGHT, WIDTH, wait_until
from foxglove_msgs.msg import ImageAnnotations, PointsAnnotation
from vision_msgs.msg import Detection2DArray
from visualization_msgs.msg import Marker, MarkerArray

DETECTIONS, MARKERS, ANNOTATIONS = "/vedette/detections", "/vedette/markers", "/vedette/image_annotations"


def test_markers_say_where_the_robot_is_to_go_and_what_stands_around_it(start, camera, listen):
    start()
    viewer = listen({MARKERS: MarkerArray})
    viewer.connect()
    camera.connect(with_info=True)
    camera.send_until(lambda: len(viewer[MARKERS]) > 5, "markers")
    for array in viewer[MARKERS]:
        keys = [(marker.ns, marker.id) for marker in array.markers]
        assert len(keys) == len(set(keys)), "a key is said once"
        assert {("corridor", 0), ("corridor", 1), ("decision", 0)} <= set(keys)
        for marker in array.markers:
            assert marker.header.frame_id == "base_link" and marker.header.stamp == array.markers[0].header.stamp
            assert marker.action in (Marker.ADD, Marker.DELETE)
            turn = marker.pose.orientation
            assert math.isclose(math.hypot(turn.x, turn.y, turn.z, turn.w), 1.0, abs_tol=1e-9)
            if marker.action == Marker.ADD:
                # Half a second more than max_age_ms, which is at most some seconds.
                lifetime_s = marker.lifetime.sec + marker.lifetime.nanosec / 1e9
                assert 0.5 < lifetime_s < 10 and marker.color.a > 0
    (decision,) = (marker for marker in viewer[MARKERS][-1].markers if marker.ns == "decision")
    assert decision.type == Marker.TEXT_VIEW_FACING and decision.text.split("\n")[0]
    (edge,) = (marker for marker in viewer[MARKERS][-1].markers if (marker.ns, marker.id) == ("corridor", 1))
    assert edge.type == Marker.LINE_STRIP and len(edge.points) == 5 and edge.points[0] == edge.points[-1]


def test_annotations_are_of_the_boxes_of_their_picture(start, camera, listen):
    start()
    results = listen({DETECTIONS: Detection2DArray, ANNOTATIONS: ImageAnnotations})
    results.connect()
    camera.connect(with_info=True)
    camera.send_until(lambda: len(results[ANNOTATIONS]) > 5, "annotations")
    arrays = {(array.header.stamp.sec, array.header.stamp.nanosec): array for array in results[DETECTIONS]}
    compared = 0
    for annotations in results[ANNOTATIONS]:
        array = arrays.get((annotations.timestamp.sec, annotations.timestamp.nanosec))
        if array is None:
            continue
        compared += 1
        boxes = [line for line in annotations.points if line.type == PointsAnnotation.LINE_LOOP]
        drawn = {(p.x, p.y) for line in boxes for p in line.points}
        for detection in array.detections:
            box = detection.bbox
            corner = (box.center.position.x - box.size_x / 2, box.center.position.y - box.size_y / 2)
            assert any(math.dist(corner, point) < 0.01 for point in drawn)
        names = [text.text for text in annotations.texts]
        assert len(names) == len(boxes) + 1, "a name for each box, and the decision"
        assert sum(name.startswith("red ") for name in names) >= len(array.detections)
        assert all(0 <= p.x <= WIDTH and 0 <= p.y <= HEIGHT for p in (text.position for text in annotations.texts))
    assert compared > 0


def test_nothing_is_made_for_viewers_while_nobody_looks(start, camera, listen):
    start()
    results = listen({DETECTIONS: Detection2DArray})
    results.connect()
    camera.connect(with_info=True)
    camera.send_until(lambda: len(results[DETECTIONS]) > 3, "detections")
    late = listen({MARKERS: MarkerArray, ANNOTATIONS: ImageAnnotations})
    late.connect()
    time.sleep(0.2)
    assert not late[MARKERS] and not late[ANNOTATIONS], "nothing is kept for who comes late"
    camera.send_until(lambda: late[MARKERS] and late[ANNOTATIONS], "markers and annotations")
    wait_until(lambda: len(results[DETECTIONS]) > 4, "more detections")

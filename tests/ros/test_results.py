"""What a robot receives for each picture."""

import time

from camera import FRAME_ID, HEIGHT, LATCHED, WIDTH, wait_until
from nav_msgs.msg import Path
from sensor_msgs.msg import Image
from vedette_msgs.msg import Plan
from vision_msgs.msg import Detection2DArray, LabelInfo, VisionInfo

DETECTIONS, PLAN, PATH = "/vedette/detections", "/vedette/plan", "/vedette/path"


def test_every_picture_is_answered_under_its_own_header(start, camera, listen):
    start()
    listener = listen({DETECTIONS: Detection2DArray, PLAN: Plan, PATH: Path})
    listener.connect()
    camera.connect(with_info=True)
    sent = []
    for _ in range(20):
        sent.append(camera.send())
        wait_until(lambda: sent[-1] in listener.stamps(DETECTIONS), "the detections of a picture")
    wait_until(lambda: listener.stamps(PATH)[-1:] == sent[-1:], "the last path")
    assert listener.stamps(DETECTIONS) == sent
    assert all(message.header.frame_id == FRAME_ID for message in listener[DETECTIONS])
    for array in listener[DETECTIONS]:
        assert array.detections, "the picture is all red"
        for detection in array.detections:
            assert detection.header == array.header
            assert detection.results[0].hypothesis.class_id == "red"
            box = detection.bbox
            assert 0 <= box.center.position.x - box.size_x / 2 and box.center.position.x + box.size_x / 2 <= WIDTH
            assert 0 <= box.center.position.y - box.size_y / 2 and box.center.position.y + box.size_y / 2 <= HEIGHT
    tracks = {detection.id for detection in listener[DETECTIONS][-1].detections if detection.id}
    assert tracks and tracks <= {detection.id for detection in listener[DETECTIONS][-5].detections}, "ids stay"
    # The watchdog may have spoken before the first picture.
    plans = [plan for plan in listener[PLAN] if plan.source == "rules"]
    assert [plan.header.stamp for plan in plans] == [array.header.stamp for array in listener[DETECTIONS]]
    assert all(plan.header.frame_id == "base_link" for plan in plans)
    sequence = [plan.sequence for plan in plans]
    assert sequence == list(range(sequence[0], sequence[0] + len(sent)))
    paths = listener[PATH][-len(sent) :]
    assert [path.header for path in paths] == [plan.header for plan in plans]
    assert [path.poses for path in paths] == [plan.path.poses for plan in plans]


def test_label_info_waits_for_who_comes_late(start, camera, listen):
    start()
    results = listen({DETECTIONS: Detection2DArray})
    results.connect()
    camera.connect()
    first = camera.send_until(lambda: results[DETECTIONS], "the first detections")[0]
    topics = {"/vedette/label_info": LabelInfo, "/vedette/vision_info": VisionInfo}
    late = listen(topics, qos=LATCHED)
    wait_until(lambda: all(late[topic] for topic in topics), "the latched label_info and vision_info")
    label_info = late["/vedette/label_info"][0]
    assert late.stamps("/vedette/label_info") == [results.stamps(DETECTIONS)[0]] and first > 0
    names = {entry.class_id: entry.class_name for entry in label_info.class_map}
    assert sorted(names) == list(range(len(names))) and all(names.values())


def test_pictures_are_drawn_only_while_someone_looks(start, camera, listen):
    start()
    results = listen({DETECTIONS: Detection2DArray})
    results.connect()
    camera.connect()
    camera.send_until(lambda: len(results[DETECTIONS]) > 3, "detections")
    topic = "/vedette/image_annotated"
    viewer = listen({topic: Image})
    sent = camera.send_until(lambda: viewer[topic], "an annotated picture")
    picture = viewer[topic][0]
    assert (picture.width, picture.height, picture.encoding) == (WIDTH, HEIGHT, "rgb8")
    assert len(picture.data) == picture.step * HEIGHT
    assert viewer.stamps(topic)[0] in sent and picture.header.frame_id == FRAME_ID


def test_a_flood_is_answered_with_the_newest(start, camera, listen):
    """Whatever is lost on the way, the last picture is answered, and nothing is answered twice or out of order."""
    start()
    results = listen({DETECTIONS: Detection2DArray})
    results.connect()
    camera.connect()
    sent = [camera.send() for _ in range(200)]
    time.sleep(0.2)
    sent.append(camera.send())
    wait_until(lambda: results.stamps(DETECTIONS)[-1:] == sent[-1:], "the detections of the last picture")
    answered = results.stamps(DETECTIONS)
    assert answered == sorted(set(answered)) and set(answered) <= set(sent)


def test_namespace_name_and_topics_can_be_remapped(start, listen, ros):
    start(
        "-r", "__ns:=/robot1", "-r", "__node:=scout", "-r", "image:=front/image",
        name="/robot1/scout",
    )  # fmt: skip
    listener = listen({"/robot1/scout/plan": Plan})
    wait_until(lambda: listener.node.count_subscribers("/robot1/front/image") == 1, "the remapped subscription")
    wait_until(lambda: listener["/robot1/scout/plan"], "the watchdog's plan")

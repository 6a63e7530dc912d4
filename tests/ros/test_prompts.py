"""Prompts in the running node: one set replaces another between two pictures, without a restart."""

import threading
import time
from pathlib import Path

import pytest
from camera import RELIABLE, ns, wait_until
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from vedette_msgs.srv import SetPrompts
from vision_msgs.msg import Detection2DArray, LabelInfo, VisionInfo

DETECTIONS, LABELS, VISION = "/vedette/detections", "/vedette/label_info", "/vedette/vision_info"
SERVICE = "/vedette/set_prompts"
ALL_LATCHED = QoSProfile(
    depth=100, reliability=QoSReliabilityPolicy.RELIABLE, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL
)
# Whatever the red box is like, the best of the prompts takes it.
ANY_PROMPT = ("-p", "prompt_min_similarity:=0.0", "-p", "prompt_min_lead:=0.0", "-p", "max_age_ms:=5000")


@pytest.fixture
def stream(text_encoder, start, camera, listen):
    """A node under a stream of pictures at 30 Hz, and who listens to it: (set_prompts, arrays, announced, sent)."""

    def begin(*parameters):
        node = start(*ANY_PROMPT, *parameters)
        announced = listen({LABELS: LabelInfo, VISION: VisionInfo}, qos=ALL_LATCHED)
        arrays = listen({DETECTIONS: Detection2DArray}, qos=RELIABLE)
        arrays.connect()
        camera.connect()
        sender.start()
        client = listen({})

        def set_prompts(*words):
            # The first set loads the text encoder.
            return client.call(SetPrompts, SERVICE, SetPrompts.Request(prompts=words), patience_s=60)

        return node, set_prompts, arrays, announced

    ended = threading.Event()

    def send():
        while not ended.is_set():
            sent.append(camera.send())
            time.sleep(1 / 30)

    sent = []
    sender = threading.Thread(target=send)
    begin.sent = sent
    yield begin
    ended.set()
    if sender.is_alive():
        sender.join()


def class_ids(array):
    return {detection.results[0].hypothesis.class_id for detection in array.detections}


def is_detected(arrays, name, after_ns):
    return any(class_ids(array) == {name} for array in arrays[DETECTIONS] if ns(array.header.stamp) > after_ns)


def test_twenty_switches_under_a_stream_leave_no_array_with_mixed_or_stale_labels(stream):
    node, set_prompts, arrays, announced = stream()
    wait_until(lambda: len(arrays[DETECTIONS]) > 5, "detections before any prompt")
    expected = {0: "red"}
    in_force = []
    for turn in range(20):
        word = f"thing {turn}"
        response = set_prompts(word)
        assert response.success, response.message
        assert response.version == turn + 1 and response.message == ""
        expected[response.version] = word
        # What is sent from now on can only be answered under the new set.
        in_force.append((stream.sent[-1] if stream.sent else 0, response.version))
        wait_until(lambda word=word: is_detected(arrays, word, 0), f"a box that is {word!r}")
    wait_until(lambda: len(announced[VISION]) == len(announced[LABELS]) == 21, "all announcements")
    time.sleep(0.3)

    versions = [message.database_version for message in announced[VISION]]
    assert versions == list(range(21))
    begins = announced.stamps(VISION)
    assert begins == sorted(begins) == announced.stamps(LABELS)
    names = [{entry.class_name for entry in message.class_map} for message in announced[LABELS]]
    stamps = arrays.stamps(DETECTIONS)
    assert set(begins[1:]) <= set(stamps), "announced under the header of a picture that has detections"
    for array, stamp in zip(arrays[DETECTIONS], stamps):
        version = max(version for version, begin in enumerate(begins) if begin <= stamp)
        assert class_ids(array) == {expected[version]} <= names[version], f"version {version}"
        assert all(asked <= version for sent, asked in in_force if sent < stamp - 40_000_000)
    # Five before any prompt, and of each set one at least: faster switches leave no more.
    assert len(stamps) > 25 and node.is_running()


def test_a_prompt_with_a_comma_is_taken_as_one_and_told(stream):
    node, set_prompts, arrays, _ = stream()
    response = set_prompts("pedestrian, delivery van")
    assert response.success and response.message == ""
    assert 'is one prompt; several are ["pedestrian", "delivery van"]' in node.log


def test_a_refused_set_leaves_the_old_one_in_force(stream):
    _, set_prompts, arrays, _ = stream("-p", "prompts:=[scarlet box]")
    wait_until(lambda: is_detected(arrays, "scarlet box", 0), "a box under the parameter's prompts")
    for words, reason in (
        (("van", "Van"), 'prompts 1 and 2 are both "Van"'),
        (("",), 'prompt 1 is ""'),
        (("a\nb",), "prompt 1 (\"a\\nb\") holds the control character '\\n'"),
        (("x" * 10_000,), "has 10000 characters"),
        ([f"thing {number}" for number in range(10_000)], "there are 10000 prompts"),
    ):
        response = set_prompts(*words)
        assert not response.success and response.version == 1
        assert reason in response.message, response.message
    after = stream.sent[-1]
    wait_until(lambda: is_detected(arrays, "scarlet box", after), "a box under the old prompts")
    response = set_prompts()
    assert response.success and response.version == 2, response.message
    wait_until(lambda: is_detected(arrays, "red", after), "a box under the model's own classes again")


def test_requests_are_answered_in_order_and_without_any_picture(text_encoder, start, listen):
    start()
    client = listen({})
    caller = client.node.create_client(SetPrompts, SERVICE)
    assert caller.wait_for_service(5)
    sets = [["van"], ["van", "van"], ["dog"], []]
    futures = [caller.call_async(SetPrompts.Request(prompts=words)) for words in sets]
    wait_until(lambda: all(future.done() for future in futures), "all answers", 60)
    answers = [future.result() for future in futures]
    assert [(answer.success, answer.version) for answer in answers] == [(True, 1), (False, 1), (True, 2), (True, 3)]


def test_without_a_text_encoder_the_reason_is_given_and_the_node_goes_on(start, camera, listen):
    node = start("-p", "text_model:=no_such_encoder")
    arrays = listen({DETECTIONS: Detection2DArray})
    arrays.connect()
    camera.connect()
    response = arrays.call(SetPrompts, SERVICE, SetPrompts.Request(prompts=["van"]))
    assert not response.success and "no_such_encoder" in response.message and response.version == 0
    camera.send_until(lambda: is_detected(arrays, "red", 0), "detections")
    assert "refused" in node.log


def test_of_three_hundred_requests_at_once_each_is_answered(text_encoder, start, listen):
    node = start()
    clients = [listen({}) for _ in range(3)]
    clients[0].call(SetPrompts, SERVICE, SetPrompts.Request(prompts=["van"]), patience_s=60)
    futures = []
    for number, client in enumerate(clients):
        words = [SetPrompts.Request(prompts=[f"thing {number} {turn}"]) for turn in range(100)]
        futures += client.ask_at_once(SetPrompts, SERVICE, words)
    wait_until(lambda: all(future.done() for future in futures), "all answers", 30)
    answers = [future.result() for future in futures]
    versions = sorted(answer.version for answer in answers if answer.success)
    assert versions == list(range(2, 2 + len(versions))), "each set that was taken has a version of its own"
    refusals = [answer.message for answer in answers if not answer.success]
    assert set(refusals) <= {"busy: 32 sets of prompts wait already"} and len(versions) >= 32
    assert len(versions) + len(refusals) == 300 and node.is_running()


def own_mb(node):
    """The process's own memory, without what it shares: the least within a second, for a message may be about to be freed."""

    def now():
        lines = Path(f"/proc/{node.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024

    least = now()
    for _ in range(10):
        time.sleep(0.1)
        least = min(least, now())
    return least


def test_twenty_megabytes_of_prompts_are_refused_without_being_kept_or_logged(text_encoder, start, listen):
    node = start()
    client = listen({})
    assert client.call(SetPrompts, SERVICE, SetPrompts.Request(prompts=["van"]), patience_s=60).success
    requests = (
        (["x" * 20_000_000], 'prompt 1 ("xxxxxxxxxxxxxxxxxxxxxxxx"...) has 20000000 characters, expected at most 256'),
        (["van"] + ["\u00e9" * 10_000_000], "has 10000000 characters, expected at most 256"),
        ([" " * 20_000_000], "expected words"),
        ([f"thing {number}" for number in range(200_000)], "there are 200000 prompts, expected at most 256"),
    )
    log, kept = len(node.log), [own_mb(node)]
    for _ in range(3):
        for request, reason in requests:
            response = client.call(SetPrompts, SERVICE, SetPrompts.Request(prompts=request), patience_s=30)
            assert not response.success and response.version == 1
            assert reason in response.message and len(response.message) < 400
        kept.append(own_mb(node))
    # DDS keeps a buffer as large as the largest request, and the allocator one or two of messages that it has given back:
    # of twelve requests of 20 MB.
    print("of its own it has, in MB:", *(f"{mb:.0f}" for mb in kept))
    assert kept[-1] - kept[0] < 100, kept
    assert len(node.log) - log < 12_000, "the log holds no request whole"
    assert client.call(SetPrompts, SERVICE, SetPrompts.Request(prompts=["dog"])).version == 2

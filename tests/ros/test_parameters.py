"""Parameter services, as `ros2 param` uses them, and what a change does in the running node."""

import json
import random
import subprocess
import time
from pathlib import Path as FilePath

import pytest
from camera import ns, wait_until
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Path
from rcl_interfaces.msg import Parameter, ParameterEvent, ParameterType, ParameterValue
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)
from picture_encodings import STORE
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Writer
from rosbags.typesys import get_types_from_msg
from vedette_msgs.msg import Event, Plan
from vedette_msgs.srv import SetPrompts
from vision_msgs.msg import Detection2DArray

ROOT = FilePath(__file__).resolve().parents[2]
ALL_LATCHED = QoSProfile(
    depth=1000, reliability=QoSReliabilityPolicy.RELIABLE, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL
)


@pytest.fixture
def client(start, listen, tmp_path):
    """A node with a parameter file, and someone who asks it."""
    params = tmp_path / "params.yaml"
    params.write_text("/**:\n  ros__parameters:\n    score_threshold: 0.4\n    base_frame: base_footprint\n")
    start("--params-file", params, "-p", "max_age_ms:=321", "-p", "qos_overrides./image.subscription.depth:=2")
    return listen({})


def test_values_of_file_and_command_line_are_seen(client):
    names = ["score_threshold", "base_frame", "max_age_ms", "use_sim_time", "providers", "no_such"]
    values = client.call(GetParameters, "/vedette/get_parameters", GetParameters.Request(names=names)).values
    assert values[0].double_value == 0.4 and values[1].string_value == "base_footprint"
    assert values[2].integer_value == 321
    assert values[3].type == ParameterType.PARAMETER_BOOL and values[3].bool_value is False
    assert values[4].string_array_value == ["tensorrt", "cuda", "cpu"]
    assert values[5].type == ParameterType.PARAMETER_NOT_SET
    types = client.call(GetParameterTypes, "/vedette/get_parameter_types", GetParameterTypes.Request(names=names)).types
    assert list(types) == [value.type for value in values]


def test_all_parameters_are_listed(client):
    result = client.call(ListParameters, "/vedette/list_parameters", ListParameters.Request()).result
    assert {"model", "max_age_ms", "use_sim_time", "qos_overrides./image.subscription.depth"} <= set(result.names)
    assert result.prefixes == ["qos_overrides./image.subscription"]
    request = ListParameters.Request(prefixes=["qos_overrides"])
    below = client.call(ListParameters, "/vedette/list_parameters", request).result.names
    assert below == ["qos_overrides./image.subscription.depth"]


def test_ranges_and_meanings_are_described(client):
    names = ["score_threshold", "max_age_ms", "provider_policy"]
    request = DescribeParameters.Request(names=names)
    found = client.call(DescribeParameters, "/vedette/describe_parameters", request).descriptors
    assert all(entry.description and not entry.read_only for entry in found)
    score_range = found[0].floating_point_range[0]
    assert (score_range.from_value, score_range.to_value) == (0.0, 1.0)
    assert found[1].integer_range[0].from_value == 1
    assert "strict" in found[2].additional_constraints


def double(name, value):
    return Parameter(name=name, value=ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value))


def integer(name, value):
    return Parameter(name=name, value=ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=value))


def text(name, value):
    return Parameter(name=name, value=ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value))


def flag(name, value):
    return Parameter(name=name, value=ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=value))


def set_each(client, *parameters):
    request = SetParameters.Request(parameters=parameters)
    results = client.call(SetParameters, "/vedette/set_parameters", request).results
    return [(result.successful, result.reason) for result in results]


def set_all(client, *parameters):
    request = SetParametersAtomically.Request(parameters=parameters)
    result = client.call(SetParametersAtomically, "/vedette/set_parameters_atomically", request).result
    return result.successful, result.reason


def value_of(client, name):
    values = client.call(GetParameters, "/vedette/get_parameters", GetParameters.Request(names=[name])).values
    return values[0]


def test_each_of_a_request_is_set_or_refused_with_its_reason(client):
    results = set_each(
        client,
        double("score_threshold", 0.9),
        double("no_such", 0.9),
        double("iou_threshold", 1.5),
        flag("use_sim_time", True),
        text("model", "other"),
    )
    assert [successful for successful, _ in results] == [True, False, False, False, False]
    assert "there is no parameter no_such" in results[1][1]
    assert results[2][1] == "iou_threshold is 1.5, expected a number from 0 to 1"
    assert "read-only" in results[3][1] and "deactivate it first" in results[4][1]
    assert value_of(client, "score_threshold").double_value == 0.9
    assert value_of(client, "iou_threshold").double_value == 0.45


def test_a_whole_request_is_set_or_nothing_of_it(client):
    successful, reason = set_all(client, double("score_threshold", 0.9), double("iou_threshold", 1.5))
    assert not successful and reason.startswith("iou_threshold")
    assert value_of(client, "score_threshold").double_value == 0.4
    assert set_all(client, double("score_threshold", 0.9), double("iou_threshold", 0.5)) == (True, "")
    assert value_of(client, "score_threshold").double_value == 0.9
    assert set_all(client) == (True, "")


def test_hundreds_of_random_requests_are_whole_told_and_read_back(start, listen):
    start("-p", "clear_after_ms:=0")
    client = listen({"/parameter_events": ParameterEvent})
    client.connect()
    names = ["score_threshold", "iou_threshold", "prompt_min_lead", "track_min_iou", "blind_min_sharpness"]
    held = {name: value_of(client, name).double_value for name in names}
    drawn = random.Random(7)
    expected_events = []
    for _ in range(500):
        chosen = drawn.sample(names, drawn.randint(1, 4))
        wanted = {name: round(drawn.uniform(0.0, 1.0), 3) for name in chosen}
        parameters = [double(name, value) for name, value in wanted.items()]
        is_bad = drawn.random() < 0.4
        if is_bad:
            bad = drawn.choice(
                [
                    double("score_threshold", drawn.choice([-0.1, 1.1, float("nan"), float("inf")])),
                    text("iou_threshold", "high"),
                    double("no_such", 0.1),
                    integer("max_age_ms", 0),
                    Parameter(name="score_threshold"),
                    flag("use_sim_time", True),
                ]
            )
            parameters.insert(drawn.randint(0, len(parameters)), bad)
        successful, reason = set_all(client, *parameters)
        assert successful != is_bad, (wanted, reason)
        assert bool(reason) == is_bad
        if successful:
            changed = {name: value for name, value in wanted.items() if held[name] != value}
            held |= wanted
            if changed:
                expected_events.append(changed)
    request = GetParameters.Request(names=names)
    values = client.call(GetParameters, "/vedette/get_parameters", request).values
    assert {name: value.double_value for name, value in zip(names, values)} == held

    def events():
        changes = [event for event in client["/parameter_events"] if event.node == "/vedette" and event.changed_parameters]
        return [{entry.name: entry.value.double_value for entry in event.changed_parameters} for event in changes]

    wait_until(lambda: len(events()) >= len(expected_events), "the events")
    assert events() == expected_events


def test_a_change_governs_the_next_picture_and_is_told_before_it(start, listen, camera):
    start("-p", "max_age_ms:=5000")
    told = listen({"/vedette/events": Event}, qos=ALL_LATCHED)
    client = listen({"/vedette/detections": Detection2DArray})
    client.connect()
    camera.connect()
    boxes = client["/vedette/detections"]
    camera.send_until(lambda: boxes and boxes[-1].detections, "boxes")
    assert set_each(client, double("score_threshold", 0.99)) == [(True, "")]
    count = len(boxes)
    stamps = camera.send_until(lambda: len(boxes) > count + 3, "more")
    after = [array for array in boxes if ns(array.header.stamp) >= stamps[0]]
    assert after and not any(array.detections for array in after)
    wait_until(lambda: len(told["/vedette/events"]) == 2, "the event")
    start_event, event = told["/vedette/events"]
    assert (start_event.kind, start_event.version) == ("start", 0)
    assert len(start_event.parameters) > 70
    assert (event.kind, event.version, event.header.frame_id) == ("parameters", 1, after[0].header.frame_id)
    assert ns(event.header.stamp) == ns(after[0].header.stamp)
    assert [(entry.name, entry.value.double_value) for entry in event.parameters] == [("score_threshold", 0.99)]


def test_a_pause_stops_the_robot_at_once_and_ends_at_once(start, listen, camera):
    start("-p", "max_age_ms:=2000")
    client = listen({"/vedette/plan": Plan, "/diagnostics": DiagnosticArray})
    client.connect()
    camera.connect()
    plans = client["/vedette/plan"]
    camera.send_until(lambda: any(plan.source == "rules" for plan in plans), "plans")
    with camera.streaming():
        began = time.monotonic()
        assert set_each(client, flag("enabled", False)) == [(True, "")]
        wait_until(lambda: plans[-1].source == "watchdog", "the stop")
        assert time.monotonic() - began < 0.5
        assert "paused" in plans[-1].verdict
        time.sleep(0.3)
        assert plans[-1].source == "watchdog"
        wait_until(lambda: client.status("plan")[1].startswith("stop: paused"), "the diagnostics")
        assert client.status("plan")[0] == 1
        # The report that the pause itself brings may come before the next picture.
        wait_until(lambda: client.status("frames")[2].get("passed over paused", "0") != "0", "the pictures passed over")
        assert set_each(client, flag("enabled", True)) == [(True, "")]
        wait_until(lambda: plans[-1].source == "rules", "plans", 1.0)


def test_what_is_loaded_changes_while_the_node_is_not_active(start, listen, camera, model, tmp_path):
    node, loading = start(), f"loading the model {model}"
    client = listen({"/vedette/detections": Detection2DArray})
    assert set_each(client, text("model", str(tmp_path / "none"))) != [(True, "")]
    assert client.change("deactivate")
    # With nothing changed it does not load again.
    assert client.change("activate") and node.log.count(loading) == 1
    assert client.change("deactivate")
    assert set_each(client, integer("intra_op_threads", 2)) == [(True, "")]
    assert client.change("activate", patience_s=30) and node.log.count(loading) == 2
    camera.connect()
    camera.send_until(lambda: any(array.detections for array in client["/vedette/detections"]), "boxes")
    # A model that is not there takes the node down to unconfigured, with the reason.
    assert client.change("deactivate")
    assert set_each(client, text("model", str(tmp_path / "none"))) == [(True, "")]
    assert not client.change("activate", patience_s=30)
    assert client.state() == "unconfigured" and "none" in node.log
    assert set_each(client, text("model", str(model))) == [(True, "")]
    assert client.change("configure", patience_s=30) and client.change("activate")


def test_a_recording_across_changes_replays_to_equal_results(text_encoder, start, listen, camera, binary, model, tmp_path):
    given = {"max_age_ms": 20000, "plan_valid_for_ms": 20000, "prompt_min_similarity": 0.0, "prompt_min_lead": 0.0}
    start(*(flag for name, value in given.items() for flag in ("-p", f"{name}:={value}")))
    topics = {"/vedette/detections": Detection2DArray, "/vedette/plan": Plan, "/vedette/path": Path}
    live = listen(topics, raw=True)
    told = listen({"/vedette/events": Event}, qos=ALL_LATCHED, raw=True)
    live.connect()
    camera.connect()
    changes = {
        5: lambda: set_each(live, double("score_threshold", 0.99)),
        9: lambda: set_prompts("pedestrian"),
        13: lambda: set_all(live, double("score_threshold", 0.1), integer("clear_after_ms", 50)),
        17: lambda: set_prompts("a red box", "a van"),
        21: lambda: set_each(live, double("corridor_width_m", 3.0)),
        25: lambda: set_prompts(),
        29: lambda: set_each(live, flag("enabled", False)),
        33: lambda: set_each(live, flag("enabled", True)),
        37: lambda: set_prompts("person"),
        41: lambda: set_prompts("person", "wall"),
    }

    def set_prompts(*words):
        request = SetPrompts.Request(prompts=words)
        assert live.call(SetPrompts, "/vedette/set_prompts", request, patience_s=60).success

    sent, stamps = [], set()
    for number in range(48):
        if number in changes:
            changes[number]()
        image = camera.image()
        sent.append((time.time_ns(), serialize_message(image)))
        stamps.add(ns(image.header.stamp))
        camera.images.publish(image)
        count = len(live["/vedette/path"])
        if not 29 <= number < 33:
            wait_until(lambda count=count: len(live["/vedette/path"]) > count, f"path {number}")
        else:
            time.sleep(0.1)
    wait_until(lambda: len(told["/vedette/events"]) == 11, "the events")

    bag = tmp_path / "bag"
    with Writer(bag, version=9) as writer:
        images = writer.add_connection("/image", "sensor_msgs/msg/Image", typestore=STORE)
        text = (ROOT / "msgs/vedette_msgs/msg/Event.msg").read_text()
        STORE.register(get_types_from_msg(text, "vedette_msgs/msg/Event"))
        events = writer.add_connection("/vedette/events", "vedette_msgs/msg/Event", typestore=STORE)
        for logged_ns, cdr in sent:
            writer.write(images, logged_ns, cdr)
        for cdr in told["/vedette/events"]:
            event = deserialize_message(cdr, Event)
            logged_ns = next(at for at, _ in sent if at >= ns(event.header.stamp)) + 1
            writer.write(events, logged_ns, cdr)
    out = tmp_path / "out.mcap"
    command = [binary, "replay", bag, "--out", out, "--json", "--param", f"model:={model}"]
    command += [flag for name, value in given.items() for flag in ("--param", f"{name}:={value}")]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["processed"] == 44 and report["passed_over"] == {"paused": 4}
    with AnyReader([out], default_typestore=STORE) as reader:
        messages = [(connection.topic, bytes(cdr)) for connection, _, cdr in reader.messages()]
    for topic in topics:
        replayed = [cdr for of, cdr in messages if of == topic]
        # The watchdog's stop at the pause is the edge's own, stamped when it is said.
        own = [cdr for cdr in live[topic] if ns(deserialize_message(cdr, topics[topic]).header.stamp) in stamps]
        assert len(own) == len(replayed) == 44, (topic, len(own), len(replayed))
        for index, (ours, theirs) in enumerate(zip(own, replayed)):
            assert ours[: len(theirs)] == theirs, (topic, index, deserialize_message(ours, topics[topic]))


@pytest.mark.parametrize(
    ("service", "name", "request_", "is_whole"),
    [
        (
            GetParameters,
            "get_parameters",
            GetParameters.Request(names=["max_age_ms"]),
            lambda answer: answer.values[0].integer_value == 321,
        ),
        (
            ListParameters,
            "list_parameters",
            ListParameters.Request(),
            lambda answer: "max_age_ms" in answer.result.names,
        ),
        (
            GetParameterTypes,
            "get_parameter_types",
            GetParameterTypes.Request(names=["max_age_ms"]),
            lambda answer: list(answer.types) == [ParameterType.PARAMETER_INTEGER],
        ),
    ],
)
def test_of_two_hundred_requests_at_once_each_is_answered(client, listen, service, name, request_, is_whole):
    clients = [client, listen({})]
    futures = []
    for each in clients:
        futures += each.ask_at_once(service, f"/vedette/{name}", [request_] * 100)
    wait_until(lambda: all(future.done() for future in futures), "all answers", 20)
    assert all(is_whole(future.result()) for future in futures)

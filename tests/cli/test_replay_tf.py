"""tf in a replay, by bags that no code of ours wrote: found without a remap, looked up at each image's stamp, and named
where it is missing."""

import numpy as np
import pytest
from bags import BEGIN_NS, CAMERA_INFO, IMAGE, STORE, TYPES, camera_info, image, stamp_of, write_bag
from mcap.reader import make_reader

TF, TF_STATIC = "/tf", "/tf_static"
TF_TYPES = TYPES | {TF: "tf2_msgs/msg/TFMessage", TF_STATIC: "tf2_msgs/msg/TFMessage"}
LEVEL, OPTICAL = (0.0, 0.0, 0.0, 1.0), (-0.5, 0.5, -0.5, 0.5)
CAMERA = "camera_optical_frame"


def tf(stamp_ns, parent, child, place, turn=LEVEL):
    types = STORE.types
    time = types["builtin_interfaces/msg/Time"](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    transform = types["geometry_msgs/msg/Transform"](
        translation=types["geometry_msgs/msg/Vector3"](*map(float, place)),
        rotation=types["geometry_msgs/msg/Quaternion"](*turn),
    )
    header = types["std_msgs/msg/Header"](stamp=time, frame_id=parent)
    stamped = types["geometry_msgs/msg/TransformStamped"](header=header, child_frame_id=child, transform=transform)
    return types["tf2_msgs/msg/TFMessage"](transforms=[stamped])


def frames(count=10):
    infos = [(CAMERA_INFO, stamp_of(frame), camera_info(stamp_of(frame))) for frame in range(count)]
    return infos + [(IMAGE, stamp_of(frame), image(stamp_of(frame))) for frame in range(count)]


@pytest.fixture
def bag(tmp_path):
    """Ten frames with these records of tf beside them."""

    def write(*records):
        ordered = sorted([*frames(), *records], key=lambda record: record[1])
        return write_bag(tmp_path / f"bag{len(list(tmp_path.iterdir()))}", ordered, TF_TYPES)

    return write


def static(place=(0.2, 0.0, 0.6), parent="base_link", child=CAMERA, log_ns=BEGIN_NS - 10**6):
    return (TF_STATIC, log_ns, tf(BEGIN_NS, parent, child, place, OPTICAL))


def moving(late_ns=0):
    """A mast that goes up, said so much behind each image."""
    return [
        (TF, stamp_of(frame) + late_ns, tf(stamp_of(frame), "base_link", "mast", (0.2, 0, 0.5 + 0.01 * frame)))
        for frame in range(10)
    ]


def plans(path):
    """The frames of all plans, as their headers have them, and the bytes of all results."""
    found, results = set(), []
    with path.open("rb") as file:
        for schema, channel, message in make_reader(file).iter_messages():
            results.append((channel.topic, message.data))
            if schema.name == "nav_msgs/msg/Path":
                length = int(np.frombuffer(message.data, "<u4", 1, 12)[0])
                found.add(message.data[16 : 16 + length - 1].decode())
    return found, results


def test_tf_is_found_without_a_remap_and_says_where_the_camera_is(report, bag, tmp_path):
    out = tmp_path / "out.mcap"
    found = report(bag(static()), "--out", out)
    assert (found["processed"], found["lost"], found["remarks"]) == (10, {}, [])
    assert (found["topics"]["tf"], found["topics"]["tf_static"]) == (None, TF_STATIC)
    frames, by_tf = plans(out)
    assert frames == {"base_link"}
    report(bag(static()), "--out", out, "-p", "mounting:=parameters")
    assert plans(out)[1] != by_tf, "the parameters place the camera elsewhere"

    on_ground = (TF_STATIC, BEGIN_NS - 10**6, tf(BEGIN_NS, "base_footprint", "base_link", (0, 0, 0.1)))
    report(bag(static(), on_ground), "--out", out)
    assert plans(out)[0] == {"base_footprint"}
    report(bag(static(), on_ground), "--out", out, "-p", "base_frame:=base_link")
    assert plans(out)[0] == {"base_link"}


def test_a_moving_camera_waits_for_the_transform_of_its_stamp(report, bag, tmp_path):
    results = []
    for late_ns in (0, 30_000_000):
        out = tmp_path / f"out{late_ns}.mcap"
        found = report(bag(static(parent="mast", place=(0, 0, 0)), *moving(late_ns)), "--out", out)
        assert (found["processed"], found["lost"]) == (10, {})
        results.append(plans(out)[1])
    assert results[0] == results[1]


def test_images_without_their_transform_are_lost_and_the_transform_is_named(report, bag):
    some = moving()[:5]
    found = report(bag(static(parent="mast", place=(0, 0, 0)), *some), code=3)
    assert (found["processed"], found["lost"]) == (5, {"image: no_transform": 5})
    assert '"mast" in "base_link" has come to 1700000000.400000000, 0.100 s before' in found["stderr"]


def test_a_camera_that_tf_does_not_have_is_placed_by_the_parameters_and_that_is_said(report, bag):
    odometry = (TF, BEGIN_NS - 10**6, tf(BEGIN_NS, "odom", "base_link", (1, 2, 0)))
    found = report(bag(odometry))
    assert found["processed"] == 10
    (remark,) = found["remarks"]
    assert f'there is no frame "{CAMERA}"; frames: base_link (in odom, ' in remark
    strict = report(bag(odometry), "-p", "mounting:=tf", code=1)
    assert (strict["processed"], strict["lost"]) == (0, {"image: no_transform": 10})


def test_parameters_that_somebody_has_set_and_tf_outdoes_are_told_of(report, bag):
    found = report(bag(static()), "-p", "mount_z_m:=2.0")
    (remark,) = found["remarks"]
    assert remark.startswith("the mounting parameters and tf place the camera 1.41 m and 0.00 rad apart: tf is used")


def test_what_is_wrong_with_a_transform_is_named_and_costs_no_other(report, bag):
    wrong = [
        (TF, BEGIN_NS - 2 * 10**6, tf(BEGIN_NS, "base_link", "arm", (0, 0, 0), (0.0, 0.0, 0.0, 0.0))),
        (TF, BEGIN_NS - 10**6, tf(BEGIN_NS, "arm", "/arm", (0, 0, 0))),
    ]
    found = report(bag(static(), *wrong), code=3)
    assert found["lost"] == {"/tf: bad_message": 1, "/tf: bad_transform": 1}
    assert "expected a quaternion x, y, z, w of length 1" in found["stderr"]
    assert 'a transform of "arm" to itself' in found["stderr"]
    assert found["processed"] == 10

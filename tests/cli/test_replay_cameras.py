"""Cameras in a replay, by bags that no code of ours wrote: which camera_info is taken, what is said of it, and what a
calibration file does."""

import numpy as np
import pytest
from bags import BEGIN_NS, CAMERA_INFO, HEIGHT, IMAGE, TYPES, WIDTH, camera_info, image, stamp_of, write_bag
from mcap.reader import make_reader

CALIBRATION = f"""image_width: {WIDTH}
image_height: {HEIGHT}
camera_name: front
camera_matrix:
  rows: 3
  cols: 3
  data: [64.0, 0.0, 32.0, 0.0, 64.0, 32.0, 0.0, 0.0, 1.0]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [0.0, 0.0, 0.0, 0.0, 0.0]
"""


@pytest.fixture
def bag_with(tmp_path):
    """A bag of ten pictures whose camera_info has fields changed; None: no camera_info at all."""

    def make(changes, image_topic=IMAGE):
        records = []
        for frame in range(10):
            stamp = stamp_of(frame)
            if changes is not None:
                records.append((CAMERA_INFO, stamp, camera_info(stamp, **changes)))
            records.append((image_topic, stamp, image(stamp)))
        types = TYPES | {image_topic: TYPES[IMAGE]}
        return write_bag(tmp_path / f"bag{len(list(tmp_path.iterdir()))}", records, types)

    return make


def plans(path):
    """The bytes of all plans of a recording."""
    with path.open("rb") as file:
        return [message.data for _, _, message in make_reader(file).iter_messages(["/vedette/plan"])]


@pytest.fixture
def plans_of(report, tmp_path):
    """The report of a replay and its plans."""

    def run(bag, *args, **kwargs):
        out = tmp_path / "out.mcap"
        found = report(bag, "--out", out, *args, **kwargs)
        return found, plans(out)

    return run


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"d": np.array([0.03, 0.03, 0, 0, -0.01, 0, 0, 0])}, id="plumb_bob of eight"),
        pytest.param(
            {"d": np.array([0.1, 0.02, 0, 0, 0.001, 0.1, 0.01, 0.001]), "distortion_model": "rational_polynomial"},
            id="rational_polynomial of eight",
        ),
        pytest.param({"d": np.array([0.01, 0.002, 0, 0]), "distortion_model": "equidistant"}, id="equidistant"),
        pytest.param({"distortion_model": ""}, id="no model and five zeros"),
    ],
)
def test_a_lens_of_a_real_driver_is_taken_and_nothing_is_said(plans_of, bag_with, changes):
    found, with_lens = plans_of(bag_with(changes))
    assert (found["processed"], found["lost"], found["remarks"]) == (10, {}, [])
    _, without_any = plans_of(bag_with(None))
    assert with_lens != without_any, "things have places"


def test_a_camera_info_of_twice_the_size_gives_the_plans_of_the_right_one(plans_of, bag_with, ten_frames):
    twice = {"width": 2 * WIDTH, "height": 2 * HEIGHT, "k": np.array([128.0, 0, 64, 0, 128, 64, 0, 0, 1])}
    found, scaled = plans_of(bag_with(twice))
    assert found["remarks"] == ["camera_info is for 128x128 px, images have 64x64: it is scaled to them"]
    assert found["stderr"].count("it is scaled to them") == 1
    assert scaled == plans_of(ten_frames)[1]


def test_a_camera_info_that_cannot_be_is_lost_with_its_numbers(report, bag_with):
    found = report(bag_with({"k": np.eye(3).reshape(-1)}), code=3)
    assert found["lost"] == {"camera_info: bad_message": 10}
    assert "camera_info K[0] is 1 px, expected a focal length above 1 px (an uncalibrated camera?" in found["stderr"]


def test_a_calibration_file_serves_where_nobody_publishes_one(plans_of, bag_with, ten_frames, tmp_path):
    (tmp_path / "front.yaml").write_text(CALIBRATION)
    found, plans = plans_of(bag_with(None), "-p", f"camera_info_file:={tmp_path / 'front.yaml'}")
    assert (found["processed"], found["remarks"]) == (10, [])
    assert plans == plans_of(ten_frames)[1]


def test_a_calibration_file_outdoes_what_is_published_and_that_is_said_once(report, ten_frames, tmp_path):
    (tmp_path / "front.yaml").write_text(CALIBRATION.replace("[64.0, 0.0", "[70.0, 0.0"))
    found = report(ten_frames, "-p", f"camera_info_file:={tmp_path / 'front.yaml'}")
    (remark,) = found["remarks"]
    assert remark.startswith("camera_info has 64.0000 for K[0] and camera_info_file 70.0000: the file is used")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot read camera_info_file"),
        (CALIBRATION.replace("image_width: 64", "image_width: wide"), 'image_width is "wide", expected a whole number'),
        (CALIBRATION.replace("data: [64.0,", "data: [0.5,"), "K[0] is 0.5 px, expected a focal length above 1 px"),
        ("{", "cannot be read as YAML"),
    ],
)
@pytest.mark.parametrize("command", ["replay", "check"])
def test_a_calibration_file_that_is_none_is_refused_by_file_and_key(
    vedette, ten_frames, tmp_path, command, text, words
):
    path = tmp_path / "front.yaml"
    if text is not None:
        path.write_text(text)
    args = (ten_frames, "--discard") if command == "replay" else ()
    done = vedette(command, *args, "-p", f"camera_info_file:={path}", code=1)
    told = done.stderr if command == "replay" else done.stdout
    assert str(path) in told and words in told


def test_a_rectified_topic_takes_p(plans_of, bag_with):
    barrel = {"d": np.array([-0.3, 0.1, 0, 0, 0.0])}
    rectified = "/camera/image_rect"
    _, raw = plans_of(bag_with(barrel))
    _, by_name = plans_of(bag_with(barrel, rectified))
    _, by_parameter = plans_of(bag_with(barrel), "-p", "image_is_rectified:=yes")
    _, ideal = plans_of(bag_with({}))
    assert by_name == by_parameter == ideal != raw
    assert plans_of(bag_with(barrel, rectified), "-p", "image_is_rectified:=no")[1] == raw


def test_images_stamped_0_are_named_and_under_received_have_the_log_time(report, tmp_path):
    records = [(IMAGE, stamp_of(frame), image(stamp_of(frame))) for frame in range(10)]
    for _, _, message in records:
        message.header.stamp.sec = message.header.stamp.nanosec = 0
    bag = write_bag(tmp_path / "unstamped", records)
    lost = report(bag, code=3)
    assert lost["lost"] == {"image: out_of_order": 9}
    assert lost["remarks"][0].startswith("images are stamped 0: the driver does not stamp them")
    found = report(bag, "-p", "image_stamp:=received")
    assert (found["processed"], found["remarks"]) == (10, [])
    assert (found["first_stamp_ns"], found["last_stamp_ns"]) == (BEGIN_NS, stamp_of(9))

"""`vedette replay`: which topics it takes and why, and that what repeats is told once."""

import pytest
from bags import CAMERA_INFO, IMAGE, TYPES, camera_info, image, pictures, stamp_of, write_bag


def test_a_person_reads_which_topics_are_taken_and_why(replay, ten_frames):
    told = replay(ten_frames).stdout.splitlines()
    assert told[:3] == [
        "image       /camera/image (sensor_msgs/msg/Image, 10 messages): guessed, as the only one of its type",
        "camera_info /camera/camera_info (sensor_msgs/msg/CameraInfo, 10 messages): beside the image",
        "odom        none: the bag has no nav_msgs/msg/Odometry",
    ]
    told = replay(ten_frames, "--remap", f"image:={IMAGE}").stdout
    assert "image       /camera/image (sensor_msgs/msg/Image, 10 messages): remapped\n" in told


def test_a_script_reads_the_same(report, ten_frames):
    image_topic, info_topic, odom, *of_tf = report(ten_frames, "-r", f"image:={IMAGE}")["taken"]
    assert image_topic == {
        "input": "image", "topic": IMAGE, "type": TYPES[IMAGE], "messages": 10, "why": "remapped",
    }  # fmt: skip
    assert (info_topic["topic"], info_topic["why"]) == (CAMERA_INFO, "beside the image")
    assert (odom["topic"], odom["messages"]) == (None, None)
    assert [topic["input"] for topic in of_tf] == ["/tf", "/tf_static"]


def test_a_bag_of_which_nothing_is_used_is_named(report, ten_frames, tmp_path):
    other = write_bag(tmp_path / "other", [("/rear/image", stamp_of(0), image(stamp_of(0)))], {"/rear/image": TYPES[IMAGE]})
    found = report(ten_frames, other, "--remap", f"image:={IMAGE}")
    assert found["processed"] == 10
    assert f"nothing of {other} is used: it has none of the topics that are read" in found["stderr"]


def test_what_its_writer_may_have_meant_otherwise_is_told(report, ten_frames, tmp_path):
    params = tmp_path / "params.yaml"
    params.write_text("vedete:\n  ros__parameters:\n    score_threshold: 0.3\n")
    found = report(ten_frames, "--remap", f"image:={IMAGE}", "-r", "odmo:=/x", "--params", params)
    assert "remap rule odmo:=/x renames nothing of /vedette, did you mean odom?" in found["stderr"]
    told = f"parameter file {params}: nothing in it is for /vedette: its sections are vedete, the nearest is vedete"
    assert told in found["stderr"]


def test_prompts_with_a_comma_are_told_before_the_text_encoder_is_loaded(replay, ten_frames):
    without = ("--remap", f"image:={IMAGE}", "-p", "text_model:=no_such_encoder")
    found = replay(ten_frames, *without, "--prompts", "pedestrian, van", code=1)
    told = 'the prompt "pedestrian, van" has a comma in it and is one prompt; several are ["pedestrian", "van"]'
    assert f"--prompts: {told}" in found.stderr
    found = replay(ten_frames, *without, "-p", "prompts:=['pedestrian, van']", code=1)
    assert f"-p prompts:=['pedestrian, van']: {told}" in found.stderr


def test_a_topic_without_messages_is_said_to_have_given_nothing(report, tmp_path):
    records = [(CAMERA_INFO, stamp_of(0), camera_info(stamp_of(0)))]
    bag = write_bag(tmp_path / "empty", records, silent=[IMAGE])
    found = report(bag, code=1)
    assert found["images"] == 0 and f"no image could be processed: 0 were read from {IMAGE}, which has none" in found["stderr"]


@pytest.fixture
def sixty_bad(tmp_path):
    """Two good pictures, then sixty of an encoding that nobody knows, and sixty with a stamp that stands still."""
    records = pictures(2)
    records += [(IMAGE, stamp_of(i), image(stamp_of(i), encoding="plaid")) for i in range(2, 62)]
    records += [(IMAGE, stamp_of(i), image(stamp_of(0))) for i in range(62, 122)]
    return write_bag(tmp_path / "bad", records)


def test_a_loss_that_repeats_is_told_once_with_its_count_in_the_log(report, sixty_bad):
    found = report(sixty_bad, code=3)
    assert found["lost"] == {"image: bad_message": 60, "image: out_of_order": 60}
    lines = [line for line in found["stderr"].splitlines() if "image lost" in line]
    assert len(lines) == 4, found["stderr"]
    assert sum('image lost: image encoding "plaid" is not supported' in line for line in lines) == 1
    assert sum("image lost 59 times more: " in line for line in lines) == 2


def test_a_loss_that_repeats_is_told_once_with_its_count_in_the_report(replay, report, sixty_bad):
    first, second = report(sixty_bad, code=3)["reasons"]
    assert (first["lost"], first["count"]) == ("image: bad_message", 60)
    assert len(first["told"]) == 1 and 'image encoding "plaid" is not supported' in first["told"][0]
    assert (second["lost"], second["count"], len(second["told"])) == ("image: out_of_order", 60, 1)
    told = replay(sixty_bad, code=3).stdout
    assert told.count("plaid") == 1 and "lost        60 x image: bad_message\n" in told
    assert "(and 59 more like that)" in told


def test_damage_that_repeats_is_told_with_its_count(report, tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(60):
        (frames / f"{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    found = report(frames, code=1)
    assert len(found["source_losses"]) == 3
    assert found["source_losses"][2].endswith("(and 57 more like that)")


def test_a_topic_with_two_types_is_refused_before_anything_is_written(replay, tmp_path):
    first = write_bag(tmp_path / "first", pictures(2))
    record = (IMAGE, stamp_of(3), camera_info(stamp_of(3)))
    second = write_bag(tmp_path / "second", [record], {IMAGE: TYPES[CAMERA_INFO]})
    done = replay(first, second, "--out", tmp_path / "out/results.mcap", code=1)
    told = f"topic {IMAGE} is {TYPES[CAMERA_INFO]}, elsewhere it is {TYPES[IMAGE]}"
    assert told in done.stderr and "ended early" not in done.stderr
    assert not (tmp_path / "out").exists()

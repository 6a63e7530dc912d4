"""`vedette replay`: which bags it reads, and what it says of those that it cannot read or not wholly."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from bags import CAMERA_INFO, IMAGE, SEES_ANYTHING, TYPES, camera_info, image, pictures, stamp_of, write_bag
from mcap.reader import make_reader

BAGS = Path(__file__).resolve().parents[1] / "data/bags"


@pytest.fixture
def cut(ten_frames, tmp_path):
    """The bag's file without its last third, and without metadata.yaml."""
    whole = next(ten_frames.glob("*.mcap")).read_bytes()
    path = tmp_path / "cut.mcap"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    return path


def test_a_truncated_bag_gives_its_whole_frames_and_names_the_loss(report, cut, tmp_path):
    found = report(cut, "--out", tmp_path / "out.mcap", code=3)
    assert 0 < found["processed"] < 10
    assert found["processed"] == found["images"] and found["lost"] == {}
    (loss,) = found["source_losses"]
    assert loss.startswith(f"{cut}: cut off or damaged: ") and "are no whole record" in loss
    assert found["results"] == str(tmp_path / "out.mcap") and (tmp_path / "out.mcap").exists()


def test_a_truncated_bag_in_a_folder_is_held_against_its_metadata(replay, ten_frames, cut, tmp_path):
    folder = tmp_path / "folder"
    shutil.copytree(ten_frames, folder)
    shutil.copy(cut, next(folder.glob("*.mcap")))
    told = replay(folder, code=3).stdout
    assert "cut off or damaged" in told
    assert f"{folder}: metadata.yaml counts 20 messages, the files hold " in told


def test_zeros_over_the_header_of_the_only_chunk_are_a_loss(report, ten_frames, tmp_path):
    whole = bytearray(next(ten_frames.glob("*.mcap")).read_bytes())
    with next(ten_frames.glob("*.mcap")).open("rb") as file:
        (chunk,) = make_reader(file).get_summary().chunk_indexes
    # Behind opcode and length: times, size, CRC, compression, size.
    begin = chunk.chunk_start_offset + 9
    whole[begin : begin + 40 + len(chunk.compression)] = bytes(40 + len(chunk.compression))
    path = tmp_path / "zeros.mcap"
    path.write_bytes(whole)
    found = report(path, code=1)
    assert (found["images"], found["processed"]) == (0, 0)
    damage, count = found["source_losses"]
    assert f"{path}: at byte {chunk.chunk_start_offset}: chunk claims to be empty, its record has " in damage
    assert count == f"{path}: its statistics count 20 messages on the topics that were read, 0 could be read"


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_bag_that_is_no_file_is_refused(replay, tmp_path, kind):
    path = Path("/dev/zero") if kind == "device" else tmp_path / "pipe"
    if kind == "pipe":
        os.mkfifo(path)
    told = replay(path, code=1).stderr
    assert f"{path}: is no regular file, expected a rosbag2 folder, an .mcap or a .db3 file" in told


@pytest.mark.parametrize("name", ["no_summary", "no_message_index", "unchunked_no_summary", "chunk_index_only"])
def test_a_bag_without_index_gives_what_the_whole_bag_gives(report, name):
    # Its stamps go back four times: see tests/data/bags/generate.py.
    whole, without = (report(BAGS / f"{bag}.mcap", *SEES_ANYTHING, code=3) for bag in ("plain", name))
    keys = ("images", "processed", "lost", "detections", "decisions", "first_stamp_ns", "last_stamp_ns")
    assert [without[key] for key in keys] == [whole[key] for key in keys]
    assert without["images"] == 12 and without["processed"] == 8


@pytest.mark.parametrize(
    "name", ["split", "sqlite3_none", "sqlite3_message", "mcap_file", "lz4.mcap", "schema4.db3.zstd"]
)
def test_every_kind_of_bag_is_read(report, name):
    found = report(BAGS / name, *SEES_ANYTHING, code=3)
    assert (found["images"], found["processed"], found["source_losses"]) == (12, 8, [])


def test_several_image_topics_are_listed_and_remap_chooses_one(replay, report, tmp_path):
    topics = {"/front/image": TYPES[IMAGE], "/rear/image": TYPES[IMAGE], "/rear/camera_info": TYPES[CAMERA_INFO]}
    records = pictures(3, "/front/image") + pictures(2, "/rear/image")
    records.append(("/rear/camera_info", stamp_of(0), camera_info(stamp_of(0))))
    bag = write_bag(tmp_path / "two", sorted(records, key=lambda record: record[1]), topics)
    told = replay(bag, code=1).stderr
    assert "the bag has several image topics, name one with --remap image:=TOPIC" in told
    assert "/front/image (sensor_msgs/msg/Image), /rear/image (sensor_msgs/msg/Image)" in told
    rear = report(bag, "--remap", "image:=/rear/image")
    assert rear["processed"] == 2
    no_others = {"odom": None, "tf": None, "tf_static": None, "proposal": None, "events": None}
    camera = {"image": "/rear/image", "camera_info": "/rear/camera_info"}
    assert rear["topics"] == camera | {"cameras": [camera]} | no_others
    assert report(bag, "-r", "image:=/front/image")["processed"] == 3


def test_a_remap_to_a_topic_that_is_not_there_lists_the_topics(replay, ten_frames):
    told = replay(ten_frames, "--remap", "image:=/no_such", code=1).stderr
    assert "no topic /no_such (sensor_msgs/msg/Image) in the bag for image, it has " in told
    assert f"{IMAGE} (sensor_msgs/msg/Image)" in told


def test_a_bag_without_images_lists_what_it_has(replay, tmp_path):
    bag = write_bag(tmp_path / "blind", [(CAMERA_INFO, stamp_of(0), camera_info(stamp_of(0)))])
    told = replay(bag, code=1).stderr
    assert f"no sensor_msgs/msg/Image topic in the bag, it has {CAMERA_INFO} (sensor_msgs/msg/CameraInfo)" in told


def test_a_topic_of_an_unknown_type_is_harmless(report, tmp_path):
    bag = write_bag(tmp_path / "strange", pictures(2), strange_topic="/strange")
    assert report(bag)["processed"] == 2


def test_a_missing_bag_is_named(replay, tmp_path):
    told = replay(tmp_path / "no_such.mcap", code=1).stderr
    assert f"cannot read {tmp_path / 'no_such.mcap'}: No such file or directory" in told


@pytest.mark.parametrize(
    ("content", "begins"), [(b"# README\n", "23 20 52 45 41 44 4d 45"), (b"", "nothing")], ids=["text", "empty"]
)
def test_a_file_that_is_no_bag_is_refused_with_its_first_bytes(replay, tmp_path, content, begins):
    path = tmp_path / "bag.mcap"
    path.write_bytes(content)
    told = replay(path, code=1).stderr
    assert f"{path}: begins with {begins}, expected the magic bytes of MCAP, of sqlite3, or of zstd" in told


def test_a_folder_that_is_no_bag_is_refused(replay, tmp_path):
    told = replay(tmp_path, code=1).stderr
    assert f"{tmp_path}: no bag in this folder, expected metadata.yaml or .mcap or .db3 files" in told


def test_a_file_that_metadata_names_and_that_is_not_there_is_named(replay, ten_frames, tmp_path):
    folder = tmp_path / "folder"
    shutil.copytree(ten_frames, folder)
    file = next(folder.glob("*.mcap"))
    file.unlink()
    told = replay(folder, code=1).stderr
    assert f"{folder / 'metadata.yaml'}: names {file.name}, which is not in the folder" in told


def test_bad_pictures_are_counted_by_cause_and_the_good_ones_are_processed(report, tmp_path):
    bad = {
        1: dict(data=np.zeros(90, np.uint8)),
        3: dict(encoding="bayer_magic12"),
        5: dict(width=0, height=0, step=0, data=np.zeros(0, np.uint8)),
        7: dict(width=2**32 - 1, height=2**32 - 1),
        9: dict(step=5, data=np.zeros(3 * 64 * 64 + 1, np.uint8)),
    }
    records = [(IMAGE, stamp_of(i), image(stamp_of(i), **bad.get(i, {}))) for i in range(10)]
    # Stamps that stand still and go back a little.
    records += [(IMAGE, stamp_of(10 + i), image(stamp_of(stamp))) for i, stamp in enumerate((8, 8, 6, 12))]
    found = report(write_bag(tmp_path / "bad", records), code=3)
    assert (found["images"], found["processed"]) == (14, 6)
    assert found["lost"] == {"image: bad_message": 5, "image: out_of_order": 3}
    # In the log each with its value and what was expected.
    told = found["stderr"]
    assert "image data holds 90 bytes, step 192 x height 64 needs 12288" in told
    assert 'image encoding "bayer_magic12" is not supported, expected rgb8, bgr8, rgba8, bgra8 or mono8, the same with 16' in told
    assert "image size 0x0 px, expected sides of 1 to 32768 px" in told
    assert "image size 4294967295x4294967295 px, expected sides of 1 to 32768 px" in told
    assert "image step 5 bytes, 64 pixels of rgb8 need 192" in told
    assert "is not after the one before it" in told
    assert "\x1b[" not in told, "colors in a file"


def test_the_report_for_people_counts_losses_by_cause(replay, tmp_path):
    records = pictures(2) + [(IMAGE, stamp_of(2), image(stamp_of(2), encoding=""))]
    told = replay(write_bag(tmp_path / "bad", records), code=3).stdout
    assert "images      2 of 3 processed" in told and "lost        1 x image: bad_message" in told


def test_a_camera_info_with_nan_is_counted_and_its_picture_is_processed(report, tmp_path):
    broken = camera_info(stamp_of(0), k=np.full(9, np.nan))
    records = [(CAMERA_INFO, stamp_of(0), broken), *pictures(1)]
    found = report(write_bag(tmp_path / "nan", records), code=3)
    assert found["processed"] == 1 and found["lost"] == {"camera_info: bad_message": 1}
    assert "is NaN, expected a finite number" in found["stderr"]


def test_a_bag_that_begins_again_is_no_loss(report, tmp_path):
    stamps = [stamp_of(frame) for frame in (20, 21, 0, 1)]
    records = [(IMAGE, stamp_of(30 + i), image(stamp)) for i, stamp in enumerate(stamps)]
    found = report(write_bag(tmp_path / "again", records))
    assert found["processed"] == 4


def test_the_head_of_the_real_bag_is_seen_by_the_real_model(vedette, bag, tmp_path):
    head = tmp_path / "head.mcap"
    with (bag / "vtest.mcap").open("rb") as file:
        head.write_bytes(file.read(10_000_000))
    done = vedette("replay", head, "--discard", "--json", code=3)
    found = json.loads(done.stdout)
    assert 3 <= found["processed"] <= 7 and found["detections"] > found["processed"]
    assert len(found["source_losses"]) == 1 and f"{head}: cut off or damaged: " in found["source_losses"][0]

"""`vedette replay`: bags of recorders that died, and recordings of others. What is there is replayed, every loss is
told with its name, and exit code 3 says that there was one."""

import json
import shlex
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from bags import CAMERA_INFO, IMAGE, STORE, TYPES, camera_info, image, pictures, stamp_of, write_bag
from mcap.reader import make_reader
from mcap.writer import Writer as McapWriter
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.rosbag2.metadata import parse_qos
from ruamel.yaml import YAML


@pytest.fixture
def folder(ten_frames, tmp_path):
    """A copy of the bag of ten frames, to be damaged."""
    return Path(shutil.copytree(ten_frames, tmp_path / "folder"))


def name_another(folder, name):
    """Another file in metadata.yaml behind the only one."""
    metadata = folder / "metadata.yaml"
    text = metadata.read_text()
    line = next(line for line in text.splitlines(keepends=True) if line.strip() == "- ten_frames.mcap")
    metadata.write_text(text.replace(line, line + line.replace("ten_frames.mcap", name), 1))


def test_a_split_of_no_bytes_costs_itself(report, folder):
    name_another(folder, "ten_frames_1.mcap")
    (folder / "ten_frames_1.mcap").touch()
    found = report(folder, code=3)
    assert found["processed"] == 10
    assert found["source_losses"] == [f"{folder / 'ten_frames_1.mcap'}: left out, it holds no bytes"]


def test_a_metadata_of_no_bytes_costs_no_message(report, folder):
    (folder / "metadata.yaml").write_bytes(b"")
    found = report(folder, code=3)
    assert found["processed"] == 10
    (loss,) = found["source_losses"]
    assert loss == f"{folder / 'metadata.yaml'}: holds no bytes; the bag files of the folder are read without it"


def test_a_metadata_that_is_cut_costs_no_message(report, folder):
    metadata = folder / "metadata.yaml"
    metadata.write_bytes(metadata.read_bytes()[:100])
    found = report(folder, code=3)
    assert found["processed"] == 10 and len(found["source_losses"]) == 1


def test_a_file_that_is_gone_is_named(report, folder):
    name_another(folder, "ten_frames_1.mcap")
    found = report(folder, code=3)
    assert found["processed"] == 10
    assert found["source_losses"] == [f"{folder / 'metadata.yaml'}: names ten_frames_1.mcap, which is not in the folder"]


def test_a_bag_without_a_readable_file_is_refused_with_the_reasons(replay, folder):
    name_another(folder, "ten_frames_1.mcap")
    (folder / "ten_frames.mcap").write_bytes(b"")
    told = replay(folder, code=1).stderr
    assert f"{folder}: nothing of this bag can be read: " in told
    assert "names ten_frames_1.mcap, which is not in the folder" in told
    assert "ten_frames.mcap: left out, it holds no bytes" in told


@pytest.mark.parametrize("storage", [StoragePlugin.SQLITE3, StoragePlugin.MCAP], ids=["sqlite3", "mcap"])
def test_a_file_alone_whose_messages_are_compressed_is_read(report, tmp_path, storage):
    writer = Writer(tmp_path / "bag", version=9, storage_plugin=storage)
    writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection(IMAGE, TYPES[IMAGE], typestore=STORE)
        for topic, log_ns, message in pictures(5):
            writer.write(connection, log_ns, bytes(STORE.serialize_cdr(message, TYPES[topic])))
    (file,) = (path for path in (tmp_path / "bag").iterdir() if path.name != "metadata.yaml")
    found = report(file)
    assert found["processed"] == 5 and found["source_losses"] == []
    assert found["stderr"].count("each message is compressed by itself") == 1


def write_killed(path, frames=5):
    """A sqlite3 bag whose recorder was killed: all but the first message are still in the log beside it."""
    live = path.with_name("live.db3")
    db = sqlite3.connect(live, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute("CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT)")
    db.execute("CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB)")
    db.execute("INSERT INTO topics VALUES (1, ?, ?, 'cdr')", (IMAGE, TYPES[IMAGE]))
    for number, (topic, log_ns, message) in enumerate(pictures(frames)):
        cdr = bytes(STORE.serialize_cdr(message, TYPES[topic]))
        db.execute("INSERT INTO messages (topic_id, timestamp, data) VALUES (1, ?, ?)", (log_ns, cdr))
        if number == 0:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in ("", "-wal"):
        shutil.copy(f"{live}{suffix}", f"{path}{suffix}")
    db.close()
    live.unlink()


def test_the_log_of_a_killed_recorder_is_read_and_nothing_is_left_beside_it(report, tmp_path):
    folder = tmp_path / "killed"
    folder.mkdir()
    write_killed(folder / "killed_0.db3")
    found = report(folder)
    assert found["processed"] == 5 and found["source_losses"] == []
    assert sorted(path.name for path in folder.iterdir()) == ["killed_0.db3", "killed_0.db3-wal"]


@pytest.fixture
def read_only(tmp_path):
    """A folder that not even root may write: a file system mounted read-only. Called with what fills it."""
    folder = tmp_path / "read_only"
    folder.mkdir()
    mounted = False

    def mount(fill):
        nonlocal mounted
        fill(folder)
        for options in (["--bind", str(folder), str(folder)], ["-o", "remount,ro,bind", str(folder)]):
            if subprocess.run(["mount", *options], capture_output=True).returncode != 0:
                pytest.skip("only root may mount a folder read-only")
            mounted = True
        return folder

    yield mount
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_the_log_of_a_killed_recorder_is_read_from_a_disk_that_cannot_be_written(report, read_only):
    folder = read_only(lambda folder: write_killed(folder / "killed_0.db3"))
    with pytest.raises(OSError):
        (folder / "probe").touch()
    found = report(folder)
    assert found["processed"] == 5 and found["source_losses"] == []


def test_a_log_that_has_nowhere_to_be_merged_is_a_loss_with_its_name(report, read_only):
    folder = read_only(lambda folder: write_killed(folder / "killed_0.db3"))
    found = report(folder, env={"TMPDIR": str(folder)}, code=3)
    (loss,) = found["source_losses"]
    assert loss.startswith(f"{folder / 'killed_0.db3'}: killed_0.db3-wal beside it is not read: no copy can be made: ")
    assert found["processed"] == 1


def test_a_ros_1_bag_is_named_as_such_with_the_cure(replay, tmp_path):
    path = tmp_path / "ros1.bag"
    path.write_bytes(b"#ROSBAG V2.0\n" + bytes(4096))
    told = replay(path, code=1).stderr
    assert told == f"vedette: {path}: a ROS 1 bag: convert it first (rosbags-convert)\n"
    (tmp_path / "metadata.yaml").write_bytes(b"")
    assert "a ROS 1 bag: convert it first (rosbags-convert)" in replay(tmp_path, code=1).stderr


def test_an_mcap_of_ros_1_is_named_as_such(replay, tmp_path):
    path = tmp_path / "ros1.mcap"
    with path.open("wb") as file:
        writer = McapWriter(file)
        writer.start("ros1", "test")
        schema = writer.register_schema("sensor_msgs/Image", "ros1msg", b"")
        channel = writer.register_channel("/camera/image", "ros1", schema)
        writer.add_message(channel, 1, b"bytes", 1)
        writer.finish()
    told = replay(path, code=1).stderr
    assert f"{path}: a ROS 1 recording in MCAP: convert the ROS 1 bag that it was made from first (rosbags-convert)" in told


def test_a_topic_of_two_types_hurts_only_whoever_uses_it(replay, report, ten_frames, tmp_path):
    odd = write_bag(tmp_path / "odd", [("/other", stamp_of(0), camera_info(stamp_of(0)))], {"/other": TYPES[CAMERA_INFO]})
    even = write_bag(tmp_path / "even", [("/other", stamp_of(0), image(stamp_of(0)))], {"/other": TYPES[IMAGE]})
    assert report(ten_frames, odd, even)["processed"] == 10
    told = replay(ten_frames, even, odd, "--remap", "image:=/other", code=1).stderr
    assert "topic /other is sensor_msgs/msg/CameraInfo, elsewhere it is sensor_msgs/msg/Image" in told


ENDLESS = QosTime(9223372036, 854775807)


@pytest.mark.parametrize("version", [8, 9])
@pytest.mark.parametrize("storage", [StoragePlugin.SQLITE3, StoragePlugin.MCAP], ids=["sqlite3", "mcap"])
def test_qos_in_numbers_and_in_names_is_read(report, tmp_path, version, storage):
    qos = Qos(
        QosHistory.KEEP_LAST, 10, QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL, ENDLESS, ENDLESS,
        QosLiveliness.AUTOMATIC, ENDLESS, False,
    )  # fmt: skip
    with Writer(tmp_path / "bag", version=version, storage_plugin=storage) as writer:
        connection = writer.add_connection(IMAGE, TYPES[IMAGE], typestore=STORE, offered_qos_profiles=[qos])
        for topic, log_ns, message in pictures(3):
            writer.write(connection, log_ns, bytes(STORE.serialize_cdr(message, TYPES[topic])))
    assert report(tmp_path / "bag")["processed"] == 3


def test_the_qos_of_results_is_read_by_players_old_and_new(replay, ten_frames, tmp_path):
    out = tmp_path / "out.mcap"
    replay(ten_frames, "--out", out)
    with out.open("rb") as file:
        reader = make_reader(file)
        channels = reader.get_summary().channels.values()
        texts = {channel.topic: channel.metadata["offered_qos_profiles"] for channel in channels}
        (note,) = [record.metadata for record in reader.iter_metadata() if record.name == "rosbag2"]
    for topic, text in texts.items():
        (found,) = parse_qos(text)
        latched = topic in ("/vedette/events", "/vedette/label_info", "/vedette/vision_info")
        durability = QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE
        assert (found.reliability, found.durability, found.history) == (QosReliability.RELIABLE, durability, QosHistory.KEEP_LAST)
        assert (found.liveliness, found.deadline, found.lifespan) == (QosLiveliness.AUTOMATIC, ENDLESS, ENDLESS)
        # Humble's player reads numbers only.
        (raw,) = YAML(typ="safe").load(text)
        assert all(isinstance(raw[key], int) for key in ("history", "reliability", "durability", "liveliness"))
    # From version 9 on a player expects names; the file says that it is older, with all that this version demands.
    said = YAML(typ="safe").load(note["serialized_metadata"])
    assert said["version"] == 8
    assert set(said) == {
        "version", "storage_identifier", "duration", "starting_time", "message_count", "topics_with_message_count",
        "compression_format", "compression_mode", "relative_file_paths", "files", "custom_data", "ros_distro",
    }  # fmt: skip


def test_a_day_of_splits_needs_no_other_limit_of_open_files(binary, model, tmp_path):
    folder = tmp_path / "day"
    folder.mkdir()
    for number, record in enumerate(pictures(80)):
        part = write_bag(tmp_path / f"part_{number}", [record])
        (part / f"part_{number}.mcap").rename(folder / f"day_{number}.mcap")
    words = [binary, "replay", folder, "--discard", "--json", "-p", f"model:={model}", "-p", "providers:=[cpu]"]
    command = f"ulimit -Sn 64; exec {shlex.join(map(str, words))}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["processed"] == 80

"""scripts/play_bag.py and scripts/record_bag.py over DDS: what a bag holds comes out as its drivers sent it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from camera import LATCHED, ns, wait_until
from geometry_msgs.msg import PoseStamped, TransformStamped
from nav_msgs.msg import Odometry
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

ROOT = Path(__file__).resolve().parents[2]
STORE = get_typestore(Stores.ROS2_JAZZY)
STORE.register(get_types_from_msg("string words\n", "someones_msgs/msg/Own"))
BEGIN_NS = 1_700_000_000 * 10**9
PERIOD_NS = 50_000_000
FRAMES = 8
MAX = QosTime(sec=0x7FFFFFFF, nsec=0xFFFFFFFF)


def offered(reliable, latched=False):
    """What rosbag2 writes of a publisher's quality of service."""
    return Qos(
        history=QosHistory.KEEP_LAST, depth=5,
        reliability=QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=MAX, lifespan=MAX, liveliness=QosLiveliness.AUTOMATIC, liveliness_lease_duration=MAX,
        avoid_ros_namespace_conventions=False,
    )  # fmt: skip


def stamped(message, stamp_ns, frame_id=""):
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
    message.header.frame_id = frame_id
    return message


def transforms(message_class, stamp_ns, child):
    return message_class(transforms=[stamped(TransformStamped(child_frame_id=child), stamp_ns, "base_link")])


def image(stamp_ns, **changes):
    fields = {"width": 4, "height": 2, "step": 12, "encoding": "rgb8", "data": bytes(range(24))} | changes
    return stamped(Image(**fields), stamp_ns, "camera_optical_frame")


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    """Two cameras (one raw, one compressed), depth, tf, a map that was latched, odometry; and what is left out."""
    path = tmp_path_factory.mktemp("bags") / "robot"
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:

        def topic(name, cls, *qos):
            type_name = f"{cls.__module__.split('.')[0]}/msg/{cls.__name__}"
            return writer.add_connection(name, type_name, typestore=STORE, offered_qos_profiles=list(qos))

        static = topic("/tf_static", TFMessage)
        latched = topic("/site", String, offered(True, latched=True))
        per_frame = [
            (topic("/front/image_raw", Image, offered(False)), lambda at: image(at)),
            (topic("/front/camera_info", CameraInfo), lambda at: stamped(CameraInfo(width=4, height=2), at)),
            (topic("/front/depth", Image), lambda at: image(at, encoding="32FC1", step=16, data=bytes(32))),
            (topic("/rear/image_raw/compressed", CompressedImage, offered(True)), lambda at: stamped(
                CompressedImage(format="jpeg", data=bytes(100)), at
            )),
            (topic("/odom", Odometry), lambda at: stamped(Odometry(), at)),
            (topic("/goal_pose", PoseStamped), lambda at: stamped(PoseStamped(), at)),
            (topic("/tf", TFMessage), lambda at: transforms(TFMessage, at, "wheel")),
            (topic("/vedette/plan", String), lambda at: String(data="what the node said then")),
            (topic("/clock", Clock), lambda at: Clock()),
        ]
        own = writer.add_connection("/own", "someones_msgs/msg/Own", typestore=STORE)
        writer.write(own, BEGIN_NS, b"\0\1\0\0\2\0\0\0x\0\0\0")
        writer.write(static, BEGIN_NS, bytes(serialize_message(transforms(TFMessage, BEGIN_NS, "camera"))))
        writer.write(latched, BEGIN_NS, bytes(serialize_message(String(data="yard"))))
        for frame in range(FRAMES):
            for late, (connection, make) in enumerate(per_frame):
                at = BEGIN_NS + frame * PERIOD_NS
                writer.write(connection, at + late * 1_000_000, bytes(serialize_message(make(at))))
    return path


PER_FRAME = {
    "/front/image_raw": Image,
    "/front/camera_info": CameraInfo,
    "/front/depth": Image,
    "/rear/image_raw/compressed": CompressedImage,
    "/odom": Odometry,
    "/goal_pose": PoseStamped,
    "/tf": TFMessage,
}


class Playing:
    """The player, started with arguments, and what came of it."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "scripts/play_bag.py", *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ended(self, code=0, patience_s=60):
        out, errors = self.process.communicate(timeout=patience_s)
        assert self.process.returncode == code, errors
        return out, errors


@pytest.fixture
def play():
    playing = []

    def start(*arguments):
        playing.append(Playing(*arguments))
        return playing[-1]

    yield start
    for one in playing:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


def recorded(bag, topic):
    with AnyReader([bag], default_typestore=STORE) as reader:
        connections = [connection for connection in reader.connections if connection.topic == topic]
        return [bytes(cdr) for _, _, cdr in reader.messages(connections)]


def test_every_topic_comes_as_it_was_recorded(ros, listen, play, bag):
    listener = listen(PER_FRAME, qos=QoSProfile(depth=100, reliability=QoSReliabilityPolicy.BEST_EFFORT), raw=True)
    late = listen({"/tf_static": TFMessage, "/site": String}, qos=LATCHED, raw=True)
    others = listen({"/vedette/plan": String, "/clock": Clock})
    # Slowly, and twice: what is lost while the two sides meet comes again.
    playing = play(bag, "--loop", "--rate", "0.5")
    for topic in PER_FRAME:
        wait_until(lambda topic=topic: len(listener[topic]) >= 3 * FRAMES, topic, 30)
    wait_until(lambda: late["/tf_static"] and late["/site"], "what is latched")
    playing.process.send_signal(signal.SIGINT)
    playing.ended(code=130)
    for topic, message_class in PER_FRAME.items():
        # Not by the bytes: DDS may fill up the last ones.
        expected = [deserialize_message(cdr, message_class) for cdr in recorded(bag, topic)]
        came = [deserialize_message(cdr, message_class) for cdr in listener[topic]]
        # One round after the other, each in the order of the recording.
        begin = came.index(expected[0])
        assert came[begin : begin + FRAMES] == expected, topic
    assert late["/tf_static"][0] == recorded(bag, "/tf_static")[0]
    assert not others["/vedette/plan"] and not others["/clock"]


def test_each_topic_has_the_quality_of_service_of_its_driver(ros, play, bag):
    watcher = ros.create_node("watcher_of_quality")
    play(bag, "--loop")
    expected = {
        "/front/image_raw": (QoSReliabilityPolicy.BEST_EFFORT, QoSDurabilityPolicy.VOLATILE),
        "/front/camera_info": (QoSReliabilityPolicy.BEST_EFFORT, QoSDurabilityPolicy.VOLATILE),
        "/rear/image_raw/compressed": (QoSReliabilityPolicy.RELIABLE, QoSDurabilityPolicy.VOLATILE),
        "/tf": (QoSReliabilityPolicy.RELIABLE, QoSDurabilityPolicy.VOLATILE),
        "/tf_static": (QoSReliabilityPolicy.RELIABLE, QoSDurabilityPolicy.TRANSIENT_LOCAL),
        "/site": (QoSReliabilityPolicy.RELIABLE, QoSDurabilityPolicy.TRANSIENT_LOCAL),
    }
    try:
        for topic, policies in expected.items():
            wait_until(lambda topic=topic: watcher.count_publishers(topic) == 1, f"a publisher of {topic}", 20)
            [publisher] = watcher.get_publishers_info_by_topic(topic)
            assert (publisher.qos_profile.reliability, publisher.qos_profile.durability) == policies, topic
    finally:
        watcher.destroy_node()


def test_stamps_and_pace_are_those_of_the_recording_and_the_clock_tells_them(ros, listen, play, bag):
    listener = listen({"/odom": Odometry, "/clock": Clock})
    play(bag, "--loop", "--clock", "--topics", "/odom")
    wait_until(lambda: len(listener["/odom"]) >= 2 * FRAMES, "two rounds", 30)
    stamps = [ns(message.header.stamp) for message in listener["/odom"]]
    begin = stamps.index(BEGIN_NS)
    assert stamps[begin : begin + FRAMES] == [BEGIN_NS + frame * PERIOD_NS for frame in range(FRAMES)]
    clocks = [ns(message.clock) for message in listener["/clock"]]
    assert all(BEGIN_NS <= clock <= BEGIN_NS + FRAMES * PERIOD_NS for clock in clocks)
    assert len(set(clocks)) > 2 * FRAMES, "the time runs between the messages too"


def test_a_rate_makes_it_take_that_much_longer(play, bag):
    slow, fast = (json.loads(play(bag, "--rate", rate).ended()[0])["seconds"] for rate in (0.25, 4))
    last_s = (FRAMES - 1) * PERIOD_NS / 1e9
    # What was sent last has 0.3 s to go out.
    assert slow >= 4 * last_s + 0.3 and fast < last_s + 0.3 + 0.5


def test_restamped_it_happens_now_transforms_too(ros, listen, play, bag):
    began_ns = time.time_ns()
    listener = listen({"/odom": Odometry, "/tf": TFMessage, "/front/image_raw": Image}, qos=QoSProfile(
        depth=100, reliability=QoSReliabilityPolicy.BEST_EFFORT
    ))  # fmt: skip
    play(bag, "--restamp", "--loop")
    for topic in ("/odom", "/tf", "/front/image_raw"):
        wait_until(lambda topic=topic: len(listener[topic]) >= 2 * FRAMES, topic, 30)
    for stamps in (
        [ns(message.header.stamp) for message in listener["/odom"]],
        [ns(message.transforms[0].header.stamp) for message in listener["/tf"]],
        [ns(message.header.stamp) for message in listener["/front/image_raw"]],
    ):
        assert all(began_ns < stamp < time.time_ns() + 10**9 for stamp in stamps)
        assert stamps == sorted(stamps), "a second round goes on where the first ended"
    image_stamps = {ns(message.header.stamp) for message in listener["/front/image_raw"]}
    assert len(image_stamps & {ns(message.transforms[0].header.stamp) for message in listener["/tf"]}) > FRAMES


def test_what_is_latched_comes_though_it_is_older_than_the_start(ros, listen, play, bag):
    listener = listen({"/odom": Odometry})
    play(bag, "--start", "0.2", "--loop")
    wait_until(lambda: listener["/odom"], "the odometry", 30)
    late = listen({"/tf_static": TFMessage, "/site": String}, qos=LATCHED)
    wait_until(lambda: late["/tf_static"] and late["/site"], "what is latched")
    assert late["/site"][0].data == "yard"
    assert all(message.header.stamp.nanosec >= 200_000_000 for message in listener["/odom"])


def test_topics_are_chosen_and_renamed_and_what_has_no_type_here_is_told(ros, listen, play, bag):
    listener = listen({"/base/odom": Odometry, "/odom": Odometry, "/goal_pose": PoseStamped})
    chosen = (bag, "--topics", "/odom", "/own", "--remap", "/odom:=/base/odom")
    out, errors = play(*chosen).ended()
    assert json.loads(out)["messages"] == FRAMES
    assert "someones_msgs/msg/Own is left out: this ROS has no such message" in errors
    play(*chosen, "--loop")
    wait_until(lambda: listener["/base/odom"], "the renamed odometry", 30)
    assert not listener["/odom"] and not listener["/goal_pose"]


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["no_such_bag"], 2, "no_such_bag does not exist"),
        (["{bag}", "--restamp", "--clock"], 2, "--paced and --clock go with the recorded stamps"),
        (["{bag}", "--rate", "0"], 2, "0 is not above 0"),
        (["{bag}", "--remap", "/odom=/x"], 2, "/odom=/x is no rule, expected old:=new"),
        (["{bag}", "--topics", "/no_such"], 1, "nothing to play in"),
        (["{bag}", "--topics", "/odom", "--wait-for-node"], 1, "no pictures in"),
        (
            ["{bag}", "--wait-for-node", "--patience", "0.5"],
            1,
            "no node takes /front/image_raw, /rear/image_raw/compressed and gives /vedette/detections",
        ),
    ],
)
def test_what_cannot_be_played_is_refused_by_name(play, bag, arguments, code, reason):
    _, errors = play(*[argument.format(bag=bag) for argument in arguments]).ended(code)
    assert reason in errors


def test_what_is_recorded_plays_again(ros, play, bag, tmp_path):
    again = tmp_path / "again"
    log = tmp_path / "recorder.log"
    with log.open("w") as file:
        recorder = subprocess.Popen(
            [sys.executable, ROOT / "scripts/record_bag.py", again, "--regex", "^/(odom|tf_static|front/.*)$"],
            stdout=subprocess.PIPE, stderr=file, text=True,
        )  # fmt: skip
    playing = play(bag, "--loop", "--rate", "0.5")
    wait_until(lambda: log.read_text().count("record_bag: /") == 5, "five topics", 60)
    # Five rounds.
    time.sleep(5 * FRAMES * PERIOD_NS / 0.5 / 1e9)
    recorder.send_signal(signal.SIGINT)
    counts = json.loads(recorder.communicate(timeout=20)[0])
    playing.process.send_signal(signal.SIGINT)
    playing.ended(code=130)
    assert recorder.returncode == 0
    assert set(counts) == {"/odom", "/tf_static", "/front/image_raw", "/front/camera_info", "/front/depth"}
    assert counts["/odom"] >= FRAMES and counts["/tf_static"] >= 1
    with AnyReader([again], default_typestore=STORE) as reader:
        quality = {connection.topic: connection.ext.offered_qos_profiles[0] for connection in reader.connections}
    assert quality["/tf_static"].durability == QosDurability.TRANSIENT_LOCAL
    assert quality["/front/image_raw"].reliability == QosReliability.BEST_EFFORT
    assert set(recorded(again, "/odom")) <= set(recorded(bag, "/odom"))
    assert json.loads(play(again, "--rate", "50").ended()[0])["messages"] == sum(counts.values())

"""The demo: the real node on real footage over real DDS, shown live, then kept under out/.

Starts `vedette node`, plays the bag of vtest.avi into it from a separate process (restamped to now, so that the age
of every frame is real), prints what the node publishes, and writes annotated pictures and a rosbag2 recording. While
it runs it is told in words what to look for: `~/set_prompts` changes the labels between two frames.
"""

import argparse
import collections
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "out" / "demo"
# A domain of its own, on this machine only: the demo never talks to a robot nearby.
DISCOVERY = {"ROS_DOMAIN_ID": str(101 + os.getpid() % 100), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
os.environ.update(DISCOVERY)

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import rclpy  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy  # noqa: E402
from rclpy.serialization import deserialize_message  # noqa: E402
from rosbags.rosbag2 import StoragePlugin, Writer  # noqa: E402
from record_bag import jazzy_with  # noqa: E402
from foxglove_msgs.msg import ImageAnnotations  # noqa: E402
from nav_msgs.msg import Path as PathMsg  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from vedette_msgs.msg import Plan  # noqa: E402
from vedette_msgs.srv import SetPrompts  # noqa: E402
from vision_msgs.msg import Detection2DArray, LabelInfo  # noqa: E402
from visualization_msgs.msg import MarkerArray  # noqa: E402

PICTURE_EVERY = 25
# From here on people cross the robot's way.
START_S = 38
# From which share of the footage on which prompts are in force; before that, the detector's own classes.
PROMPTS = [(0.25, ["pedestrian", "vehicle", "dog"]), (0.65, ["pedestrian", "delivery van"])]
RECORDED = {
    "/vedette/detections": Detection2DArray,
    "/vedette/label_info": LabelInfo,
    "/vedette/plan": Plan,
    "/vedette/path": PathMsg,
    "/vedette/markers": MarkerArray,
    "/vedette/image_annotations": ImageAnnotations,
}


def type_name(cls):
    """`vision_msgs/msg/LabelInfo` of a generated class."""
    return f"{cls.__module__.split('.')[0]}/msg/{cls.__name__}"


def stamp_ns(message):
    """The stamp of a message's header."""
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


class Monitor:
    """Listens to the node like any robot would: prints, counts and records."""

    def __init__(self, node, writer, typestore):
        self.node, self.writer = node, writer
        self.ages_ms, self.frames, self.pictures = [], 0, 0
        self.decisions, self.latest = collections.Counter(), {}
        # Stamps from which a set of labels governs, and the boxes of every array by label. Two topics may arrive in
        # another order than they were sent in: only the stamps tell which set an array is of.
        self.labels_from_ns, self.arrays = [], []
        self.shown_s = 0.0
        reliable = QoSProfile(depth=50, reliability=QoSReliabilityPolicy.RELIABLE)
        latched = QoSProfile(
            depth=1,
            reliability=QoSReliabilityPolicy.RELIABLE,
            durability=QoSDurabilityPolicy.TRANSIENT_LOCAL,
        )
        for topic, cls in RECORDED.items():
            connection = writer.add_connection(topic, type_name(cls), typestore=typestore)
            qos = latched if cls is LabelInfo else reliable
            node.create_subscription(cls, topic, self.recorder(connection, cls), qos, raw=True)
        node.create_subscription(Image, "/vedette/image_annotated", self.picture, 2, raw=True)

    def recorder(self, connection, cls):
        """A callback that records the bytes as they came and hands the message on."""

        def received(cdr):
            now = self.node.get_clock().now().nanoseconds
            self.writer.write(connection, now, cdr)
            message = deserialize_message(cdr, cls)
            if cls is LabelInfo:
                self.labels_from_ns.append(stamp_ns(message))
            elif cls is Detection2DArray:
                self.detections(message, now)
            elif cls is Plan:
                self.plan(message)

        return received

    def detections(self, message, now_ns):
        """One frame's boxes: their age is the time from the image's stamp to their arrival here."""
        self.frames += 1
        self.ages_ms.append((now_ns - stamp_ns(message)) / 1e6)
        classes = collections.Counter(d.results[0].hypothesis.class_id for d in message.detections)
        self.arrays.append((stamp_ns(message), classes))
        self.latest["seen"] = ", ".join(f"{count} {name}" for name, count in classes.most_common()) or "nothing"
        self.latest["tracks"] = " ".join(sorted((d.id for d in message.detections if d.id), key=int)) or "none"

    def boxes_by_labels(self):
        """For each set of labels, how many boxes each label got."""
        sets = [collections.Counter() for _ in self.labels_from_ns]
        for at_ns, classes in self.arrays:
            sets[sum(from_ns <= at_ns for from_ns in self.labels_from_ns) - 1].update(classes)
        return [dict(boxes) for boxes in sets]

    def plan(self, message):
        """The plan of the frame; prints the state once a second, and whenever the decision changes."""
        self.decisions[message.decision] += 1
        reason = message.steps[0].reason if message.steps else message.verdict.split("; ")[-1]
        changed = message.decision != self.latest.get("decision")
        self.latest["decision"] = message.decision
        now_s = time.monotonic()
        if self.ages_ms and (changed or now_s - self.shown_s >= 1):
            self.shown_s = now_s
            print(
                f"age {self.ages_ms[-1]:5.0f} ms | {self.latest['seen']:<24} | tracks {self.latest['tracks']:<18} "
                f"| {message.decision:<7} | {reason}",
                flush=True,
            )

    def picture(self, cdr):
        """Keeps some of the annotated pictures."""
        if self.pictures % PICTURE_EVERY == 0:
            image = deserialize_message(cdr, Image)
            pixels = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)
            name = f"{image.header.stamp.sec}_{image.header.stamp.nanosec // 1_000_000:03}.jpg"
            cv2.imwrite(str(OUT / "pictures" / name), pixels[:, :, ::-1])
        self.pictures += 1


class Prompter:
    """Says what to look for when its time has come."""

    def __init__(self, node, seconds):
        self.client = node.create_client(SetPrompts, "/vedette/set_prompts")
        self.due = [(share * seconds, prompts) for share, prompts in PROMPTS]
        self.pending, self.taken, self.refused = None, [], []

    def look(self, played_s):
        """Sends the next set when it is due, and tells what became of the last one."""
        if self.pending and self.pending[1].done():
            prompts, response = self.pending[0], self.pending[1].result()
            self.pending = None
            (self.taken if response.success else self.refused).append(prompts)
            words = f"version {response.version}" if response.success else f"refused: {response.message}"
            print(f"--- looking for: {'; '.join(prompts)} ({words})", flush=True)
        if self.due and not self.pending and played_s >= self.due[0][0] and self.client.service_is_ready():
            _, prompts = self.due.pop(0)
            self.pending = (prompts, self.client.call_async(SetPrompts.Request(prompts=prompts)))


def stopped(process, grace_s=10):
    """Ends a process the way ros2 launch does, SIGINT first; returns its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40, help="how much of the footage to play")
    args = parser.parse_args()
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "pictures").mkdir(parents=True)
    params = ROOT / "config/vtest.yaml"
    remaps = ["-r", "image:=/camera/image"]
    log = (OUT / "node.log").open("w")
    node_process = subprocess.Popen(
        [ROOT / "target/release/vedette", "node", "--ros-args", "--params-file", params, *remaps], cwd=ROOT, stderr=log
    )
    player = subprocess.Popen(
        [
            sys.executable, ROOT / "scripts/play_bag.py", ROOT / "data/vtest",
            "--restamp", "--wait-for-node", "--start", str(START_S), "--seconds", str(args.seconds),
        ],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    rclpy.init()
    node = rclpy.create_node("vedette_demo")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        with Writer(OUT / "recording", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            monitor = Monitor(node, writer, jazzy_with("foxglove_msgs", "vision_msgs", "vedette_msgs"))
            print(f"vedette node runs (log: {OUT / 'node.log'}), the footage plays for {args.seconds:.0f} s", flush=True)
            prompter, begin_s = Prompter(node, args.seconds), None
            while player.poll() is None and node_process.poll() is None:
                executor.spin_once(timeout_sec=0.2)
                if monitor.frames:
                    begin_s = begin_s or time.monotonic()
                    prompter.look(time.monotonic() - begin_s)
            node_code = stopped(node_process)
            player_code = stopped(player)
    finally:
        stopped(node_process)
        stopped(player)
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown()
    is_prompted = len(prompter.taken) == len(PROMPTS) and len(monitor.labels_from_ns) == len(PROMPTS) + 1
    if node_code != 0 or player_code != 0 or monitor.frames == 0 or monitor.pictures == 0 or not is_prompted:
        print(
            f"the demo failed: node ended with {node_code}, player with {player_code}, {monitor.frames} frames, "
            f"{monitor.pictures} pictures, {len(prompter.taken)} of {len(PROMPTS)} sets of prompts taken, "
            f"{len(monitor.labels_from_ns)} sets of labels announced; see {OUT / 'node.log'}",
            file=sys.stderr,
        )
        return 1
    ages = sorted(monitor.ages_ms)
    summary = {
        "frames": monitor.frames,
        "age_ms_median": round(statistics.median(ages), 1),
        "age_ms_p95": round(ages[int(0.95 * (len(ages) - 1))], 1),
        "decisions": dict(monitor.decisions),
        "boxes_by_labels": monitor.boxes_by_labels(),
    }
    (OUT / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    print(f"\n{json.dumps(summary)}")
    print(f"annotated pictures: {OUT / 'pictures'}\nrecording (rosbag2, MCAP): {OUT / 'recording'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Plays rosbag2 recordings into ROS topics, as the drivers that were recorded would publish them.

    play_bag.py data/vtest --restamp --wait-for-node          # now, at the recorded pace
    play_bag.py data/vtest --clock --rate 0.5 --loop          # recorded stamps and /clock, half as fast, again and again
    play_bag.py data/vtest --paced                            # recorded stamps and /clock, frame by frame

`ros2 bag play` does the first two on a ROS installation; this needs rclpy and rosbags only, and knows how to wait for
the node.

Played are all topics whose message package this ROS has, under their recorded names (`--remap old:=new` renames,
`--topics` chooses): pictures, raw and compressed, camera_info, depth, odometry, tf, of any number of cameras. Left out
are /clock, /rosout, /parameter_events and what the node itself said, below the name that `--node` gives. The quality of
service is the recorded one; where none is recorded, pictures and what belongs to them are best effort, /tf_static and
other latched topics reliable and transient local, all else reliable. Messages go out as the bytes that were recorded, at
the pace of their log times. What is latched and older than `--start` is sent first.

The recorded stamps stay: give the node use_sim_time, and this `--clock`, which publishes the recorded time. `--restamp`
moves them to now instead, all by the same amount, so that what belongs together stays together. `--paced` sends a
picture only when the node has answered the one before it, so that nothing is dropped; it waits for the node and tells
the time.

Prints one line of JSON at the end. Exit codes: 0 played, 1 the node did not come or did not answer, 2 wrong usage, 130
ended by Ctrl-C.
"""

import argparse
import collections
import importlib
import json
import struct
import sys
import time
from pathlib import Path

import rclpy
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.signals import SignalHandlerOptions
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore
from rosgraph_msgs.msg import Clock
from vision_msgs.msg import Detection2DArray

IMAGES = {"sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"}
CAMERA = {*IMAGES, "sensor_msgs/msg/CameraInfo"}
TRANSFORMS = "tf2_msgs/msg/TFMessage"
LATCHED = ("/tf_static", "/map", "/robot_description")
# What says something about the recording itself.
LEFT_OUT = ("/clock", "/rosout", "/parameter_events")
NS_PER_S = 1_000_000_000
# After all endpoints have met on our side: until the node has noticed, too.
SETTLE_S = 0.7
CLOCK_PERIOD_S = 0.01


class PlayError(Exception):
    """What ends the play-back with exit code 1."""


def message_class(type_name):
    """The generated Python class of `package/msg/Type`; none where this ROS has no such package."""
    package, _, name = type_name.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name, None)
    except ImportError:
        return None


def begins_with_header(cls):
    """Whether a message's bytes begin with its stamp."""
    return next(iter(cls.get_fields_and_field_types().values()), "") == "std_msgs/Header"


def stamp_format(cdr):
    """How `header.stamp` stands in the bytes of a message that begins with a Header: behind the CDR header."""
    return "<iI" if cdr[1] & 1 else ">iI"


def stamp_ns(cdr):
    """The stamp of a message that begins with a Header."""
    sec, nanosec = struct.unpack_from(stamp_format(cdr), cdr, 4)
    return sec * NS_PER_S + nanosec


def encoding(cdr):
    """The encoding of a sensor_msgs/Image."""
    order = "<" if cdr[1] & 1 else ">"
    # CDR header, stamp, frame_id with its padding, height, width.
    (length,) = struct.unpack_from(f"{order}I", cdr, 12)
    at = 16 + length + -length % 4 + 8
    (length,) = struct.unpack_from(f"{order}I", cdr, at)
    return bytes(cdr[at + 4 : at + 3 + length]).decode(errors="replace")


def shows_depth(connection, cdr):
    """Whether an image holds distances, no picture: REP-118's encodings, and image_transport's compressed form."""
    if connection.msgtype == "sensor_msgs/msg/CompressedImage":
        return connection.topic.endswith("/compressedDepth")
    found = encoding(cdr)
    return found == "32FC1" or (found in ("16UC1", "mono16") and "depth" in connection.topic)


def restamped(cdr, stamp):
    """The same message with another stamp, in nanoseconds."""
    changed = bytearray(cdr)
    struct.pack_into(stamp_format(cdr), changed, 4, stamp // NS_PER_S, stamp % NS_PER_S)
    return bytes(changed)


def restamped_transforms(cdr, cls, moved):
    """The same transforms with stamps that `moved` gives for those that they have."""
    message = deserialize_message(bytes(cdr), cls)
    for transform in message.transforms:
        stamp = transform.header.stamp
        stamp.sec, stamp.nanosec = divmod(moved(stamp.sec * NS_PER_S + stamp.nanosec), NS_PER_S)
    return serialize_message(message)


def quality(connection, reliable):
    """The quality of service of a topic's publisher: the recorded one, else what drivers of its kind offer."""
    recorded = {profile.reliability.name for profile in connection.ext.offered_qos_profiles}
    durable = {profile.durability.name for profile in connection.ext.offered_qos_profiles}
    is_latched = "TRANSIENT_LOCAL" in durable or connection.topic in LATCHED
    is_best_effort = not is_latched and not reliable and (
        "BEST_EFFORT" in recorded if recorded else connection.msgtype in CAMERA
    )
    profile = QoSProfile(depth=100 if is_latched else 10)
    profile.reliability = QoSReliabilityPolicy.BEST_EFFORT if is_best_effort else QoSReliabilityPolicy.RELIABLE
    profile.durability = QoSDurabilityPolicy.TRANSIENT_LOCAL if is_latched else QoSDurabilityPolicy.VOLATILE
    return profile


class Topic:
    """One topic that is played. Several connections of a bag may be of one topic; each is played for itself."""

    def __init__(self, node, connection, name, reliable, is_picture):
        self.message_class = message_class(connection.msgtype)
        self.is_picture = is_picture
        self.has_header = begins_with_header(self.message_class)
        self.has_transforms = connection.msgtype == TRANSFORMS
        qos = quality(connection, reliable)
        self.is_latched = qos.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL
        self.publisher = node.create_publisher(self.message_class, name, qos)

    def is_taken(self):
        return self.publisher.get_subscription_count() > 0

    def publish(self, cdr, moved):
        """Sends a message, with the stamps that `moved` gives for those that it has."""
        if moved and self.has_transforms:
            cdr = restamped_transforms(cdr, self.message_class, moved)
        elif moved and self.has_header:
            cdr = restamped(cdr, moved(stamp_ns(cdr)))
        self.publisher.publish(bytes(cdr))


class Player:
    """One play-back."""

    def __init__(self, args, node, reader):
        self.args, self.node, self.reader = args, node, reader
        remap = dict(rule.split(":=", 1) for rule in args.remap)
        self.own = f"{args.node.rstrip('/')}/"
        chosen = [connection for connection in reader.connections if self.is_chosen(connection.topic)]
        self.connections = [connection for connection in chosen if message_class(connection.msgtype)]
        for unknown in sorted({connection.msgtype for connection in chosen} - {one.msgtype for one in self.connections}):
            print(f"play_bag: {unknown} is left out: this ROS has no such message", file=sys.stderr)
        self.topics = {
            connection.id: Topic(
                node, connection, remap.get(connection.topic, connection.topic), args.reliable, self.is_picture(connection)
            )
            for connection in self.connections
        }
        if not self.topics:
            raise PlayError(f"nothing to play in {', '.join(map(str, args.bags))}")
        self.pictures = [topic for topic in self.topics.values() if topic.is_picture]
        self.clock = node.create_publisher(Clock, "/clock", 10) if args.clock else None
        # How many arrays of boxes came with each stamp.
        self.answers = collections.Counter()
        self.frames = self.sent = 0

    def is_chosen(self, topic):
        """Whether a topic of the bag is to be played."""
        if self.args.topics:
            return topic in self.args.topics
        return topic not in LEFT_OUT and not topic.startswith(self.own)

    def is_picture(self, connection):
        """Whether a topic shows pictures, by its first message."""
        if connection.msgtype not in IMAGES:
            return False
        first = next((cdr for _, _, cdr in self.reader.messages([connection])), None)
        return first is not None and not shows_depth(connection, first)

    def answer(self, message):
        """The node's boxes of one picture."""
        self.answers[message.header.stamp.sec * NS_PER_S + message.header.stamp.nanosec] += 1

    def tell_clock(self, now_ns):
        """The recorded time, for nodes that run on simulated time."""
        if self.clock is not None:
            message = Clock()
            message.clock.sec, message.clock.nanosec = divmod(now_ns, NS_PER_S)
            self.clock.publish(message)

    def pause(self, seconds):
        """Lets ROS work; the clock does not move meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            rclpy.spin_once(self.node, timeout_sec=min(left, CLOCK_PERIOD_S))

    def detections(self):
        """The topics of the node's boxes: one, or one for each camera."""
        topics = (name for name, _ in self.node.get_topic_names_and_types())
        return [name for name in topics if name.startswith(self.own) and name.endswith("/detections")]

    def wait_for_node(self, begin_ns):
        """Until the node takes pictures, and what else it takes of ours has met."""
        if not self.pictures:
            raise PlayError(f"no pictures in {', '.join(map(str, self.args.bags))} to wait for a node with")
        deadline = time.monotonic() + self.args.patience
        while True:
            met = any(picture.is_taken() for picture in self.pictures)
            met = met and any(self.node.count_publishers(topic) > 0 for topic in self.detections())
            met = met and (self.clock is None or self.clock.get_subscription_count() > 0)
            if met:
                break
            if time.monotonic() > deadline:
                topics = ", ".join(picture.publisher.topic_name for picture in self.pictures)
                clock = "" if self.clock is None else ", listens to /clock (use_sim_time)"
                raise PlayError(f"no node takes {topics}{clock} and gives {self.own}detections")
            self.pause(0.05)
        if self.args.paced:
            for topic in self.detections():
                self.node.create_subscription(Detection2DArray, topic, self.answer, 100)
        end = time.monotonic() + SETTLE_S
        while time.monotonic() < end:
            self.tell_clock(begin_ns)
            self.pause(0.05)

    def wait_for_answer(self, sent, now_ns):
        """Until the node's boxes have come of all pictures of one stamp: `sent` is the stamp and how many there are."""
        deadline = time.monotonic() + self.args.patience
        stamp, count = sent
        while self.answers[stamp] < count:
            if time.monotonic() > deadline:
                raise PlayError(f"no answer on {self.own}detections to the image stamped {stamp} ns")
            self.tell_clock(now_ns)
            rclpy.spin_once(self.node, timeout_sec=CLOCK_PERIOD_S)

    def play(self):
        """Plays; returns what was sent."""
        args = self.args
        start_ns = self.reader.start_time + int(args.start * NS_PER_S)
        if args.wait_for_node:
            self.wait_for_node(start_ns)
        began = time.monotonic()
        self.play_once(start_ns)
        while args.loop and self.sent and not self.is_enough():
            self.play_once(start_ns)
        if self.sent == 0:
            raise PlayError(f"no message in {', '.join(map(str, args.bags))} from second {args.start:g} on")
        # What was sent last is still on its way when publish() returns.
        self.pause(0.3)
        return {"frames": self.frames, "messages": self.sent, "seconds": round(time.monotonic() - began, 3)}

    def is_enough(self):
        return bool(self.args.frames) and self.frames >= self.args.frames

    def play_once(self, start_ns):
        """Plays the recording, from its beginning or `--start`, to its end or what `--seconds` and `--frames` say."""
        args = self.args
        begin, moved_ns = time.monotonic(), time.time_ns() - start_ns

        def moved(stamp):
            # At another rate than 1 the stamps keep the pace of the play-back.
            return start_ns + int((stamp - start_ns) / args.rate) + moved_ns

        restamp = moved if args.restamp else None
        latched = [connection for connection in self.connections if self.topics[connection.id].is_latched]
        # One that chooses no connection would read all.
        if latched and start_ns > self.reader.start_time:
            for connection, _, cdr in self.reader.messages(latched, stop=start_ns):
                self.topics[connection.id].publish(cdr, restamp)
        waiting_for, last_ns = None, start_ns
        for connection, logged_ns, cdr in self.reader.messages(self.connections, start=start_ns):
            topic, past_s = self.topics[connection.id], (logged_ns - start_ns) / NS_PER_S
            if (args.seconds and past_s > args.seconds) or (topic.is_picture and self.is_enough()):
                break
            is_awaited = args.paced and topic.is_picture and topic.is_taken()
            if not args.paced:
                self.wait_until(begin + past_s / args.rate, begin, start_ns)
            elif is_awaited and waiting_for:
                self.wait_for_answer(waiting_for, last_ns)
            last_ns = logged_ns
            self.tell_clock(logged_ns)
            topic.publish(cdr, restamp)
            self.sent += 1
            self.frames += topic.is_picture
            if is_awaited:
                stamp = stamp_ns(cdr)
                waiting_for = (stamp, waiting_for[1] + 1 if waiting_for and waiting_for[0] == stamp else 1)
        if waiting_for:
            self.wait_for_answer(waiting_for, last_ns)
        self.answers.clear()

    def wait_until(self, due, begin, start_ns):
        """Until `due` on the steady clock; `/clock` runs meanwhile."""
        while (left := due - time.monotonic()) > 0:
            if self.clock is not None:
                self.tell_clock(start_ns + int((time.monotonic() - begin) * self.args.rate * NS_PER_S))
                left = min(left, CLOCK_PERIOD_S)
            time.sleep(left)


def positive(text):
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def rule(text):
    if ":=" not in text:
        raise argparse.ArgumentTypeError(f"{text} is no rule, expected old:=new")
    return text


def parsed():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bags", type=Path, nargs="+", metavar="BAG", help="rosbag2 folders, or bare .mcap or .db3 files")
    parser.add_argument("--topics", nargs="+", metavar="TOPIC", help="play these and no others, by their recorded names")
    parser.add_argument("--remap", type=rule, action="append", default=[], metavar="OLD:=NEW", help="rename a topic")
    parser.add_argument("--clock", action="store_true", help="publish the recorded time on /clock")
    parser.add_argument("--restamp", action="store_true", help="stamps as if it happened now")
    parser.add_argument("--paced", action="store_true", help="a picture only after the node has answered the last one")
    parser.add_argument("--rate", type=positive, default=1.0, help="times the recorded pace")
    parser.add_argument("--loop", action="store_true", help="begin again at the end, until Ctrl-C or --frames")
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="begin so many seconds into the recording")
    parser.add_argument("--seconds", type=positive, help="how much of the recording to play")
    parser.add_argument("--frames", type=int, help="how many pictures to play")
    parser.add_argument("--reliable", action="store_true", help="offer reliable delivery for all, as few cameras do")
    parser.add_argument("--wait-for-node", action="store_true", help="begin when all endpoints have met")
    parser.add_argument("--node", default="/vedette", help="full name of the node that is waited for")
    parser.add_argument("--patience", type=positive, default=60.0, metavar="S", help="longest wait for the node")
    args = parser.parse_args()
    if args.restamp and (args.paced or args.clock):
        parser.error("--paced and --clock go with the recorded stamps: leave --restamp out")
    for bag in args.bags:
        if not bag.exists():
            parser.error(f"{bag} does not exist")
    args.clock = args.clock or args.paced
    args.wait_for_node = args.wait_for_node or args.paced
    return args


def main():
    args = parsed()
    # Ctrl-C ends us here, with the node's publishers still in order.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("play_bag")
    try:
        with AnyReader(args.bags, default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
            print(json.dumps(Player(args, node, reader).play()))
        return 0
    except PlayError as error:
        print(f"play_bag: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        node.destroy_node()
        rclpy.shutdown()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Plays the camera of a rosbag2 recording into ROS topics, as a camera driver would publish it.

    play_bag.py data/vtest --restamp --wait-for-node          # now, at the recorded pace
    play_bag.py data/vtest --paced --wait-for-node            # recorded stamps and /clock, frame by frame

Played are the topics of type sensor_msgs/Image, sensor_msgs/CompressedImage, sensor_msgs/CameraInfo,
nav_msgs/Odometry and tf2_msgs/TFMessage, under their recorded names (`--remap old:=new` renames). Messages go out as the bytes that were
recorded; `--restamp` moves their stamps to now, all by the same amount, so that what belongs together stays together.
Without `--restamp` the recorded stamps stay, and `/clock` carries the recorded time: give the node use_sim_time.

`--paced` sends a frame only when the node has answered the one before it, so that nothing is dropped.

Prints one line of JSON at the end. Exit codes: 0 played, 1 the node did not come or did not answer, 2 wrong usage.
"""

import argparse
import importlib
import json
import struct
import sys
import time
from pathlib import Path

import rclpy
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy, qos_profile_sensor_data
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.signals import SignalHandlerOptions
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore
from rosgraph_msgs.msg import Clock
from vision_msgs.msg import Detection2DArray

IMAGES = {"sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"}
TF = "tf2_msgs/msg/TFMessage"
PLAYED = {*IMAGES, "sensor_msgs/msg/CameraInfo", "nav_msgs/msg/Odometry", TF}
NS_PER_S = 1_000_000_000
# After all endpoints have met on our side: until the node has noticed, too.
SETTLE_S = 0.7
CLOCK_PERIOD_S = 0.01


class PlayError(Exception):
    """What ends the play-back with exit code 1."""


def message_class(type_name):
    """The generated Python class of `package/msg/Type`."""
    package, _, name = type_name.split("/")
    return getattr(importlib.import_module(f"{package}.msg"), name)


def stamp_format(cdr):
    """How `header.stamp` stands in the bytes of a message that begins with a Header: behind the CDR header."""
    return "<iI" if cdr[1] & 1 else ">iI"


def stamp_ns(cdr):
    """The stamp of a message that begins with a Header."""
    sec, nanosec = struct.unpack_from(stamp_format(cdr), cdr, 4)
    return sec * NS_PER_S + nanosec


def restamped(cdr, stamp):
    """The same message with another stamp, in nanoseconds."""
    changed = bytearray(cdr)
    struct.pack_into(stamp_format(cdr), changed, 4, stamp // NS_PER_S, stamp % NS_PER_S)
    return bytes(changed)


def restamped_tf(cdr, moved):
    """A TFMessage with the stamps of its transforms moved by `moved(stamp in nanoseconds)`; 0 says nothing and stays."""
    message = deserialize_message(bytes(cdr), message_class(TF))
    for transform in message.transforms:
        stamp = transform.header.stamp
        if stamp.sec or stamp.nanosec:
            stamp.sec, stamp.nanosec = divmod(moved(stamp.sec * NS_PER_S + stamp.nanosec), NS_PER_S)
    return serialize_message(message)


def qos_of(connection, qos):
    """How tf2 publishes tf; `qos` for all others."""
    if connection.msgtype != TF:
        return qos
    tf = QoSProfile(depth=100, reliability=QoSReliabilityPolicy.RELIABLE)
    if connection.topic.endswith("_static"):
        tf.durability = QoSDurabilityPolicy.TRANSIENT_LOCAL
    return tf


class Player:
    """One play-back."""

    def __init__(self, args, node, reader):
        self.args, self.node, self.reader = args, node, reader
        remap = dict(rule.split(":=", 1) for rule in args.remap)
        qos = QoSProfile(depth=10, reliability=QoSReliabilityPolicy.RELIABLE) if args.reliable else qos_profile_sensor_data
        self.connections = [connection for connection in reader.connections if connection.msgtype in PLAYED]
        self.publishers = {
            connection.id: node.create_publisher(
                message_class(connection.msgtype), remap.get(connection.topic, connection.topic), qos_of(connection, qos)
            )
            for connection in self.connections
        }
        self.images = [connection.id for connection in self.connections if connection.msgtype in IMAGES]
        if not self.images:
            raise PlayError(f"no topic of {' or '.join(sorted(IMAGES))} in {args.bag}")
        self.clock = None if args.restamp else node.create_publisher(Clock, "/clock", 10)
        self.detections = f"{args.node.rstrip('/')}/detections"
        self.answered_ns = None
        if args.paced:
            node.create_subscription(Detection2DArray, self.detections, self.answer, 100)

    def answer(self, message):
        """The node's boxes of one frame."""
        self.answered_ns = message.header.stamp.sec * NS_PER_S + message.header.stamp.nanosec

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

    def wait_for_node(self, begin_ns):
        """Until the node takes the pictures, and what else it takes of ours has met."""
        deadline = time.monotonic() + self.args.patience
        images = [self.publishers[image] for image in self.images]
        while True:
            met = any(publisher.get_subscription_count() > 0 for publisher in images)
            met = met and self.node.count_publishers(self.detections) > 0
            met = met and (self.clock is None or self.clock.get_subscription_count() > 0)
            if met:
                break
            if time.monotonic() > deadline:
                topics = ", ".join(publisher.topic_name for publisher in images)
                clock = "" if self.clock is None else ", listens to /clock (use_sim_time)"
                raise PlayError(f"no node takes {topics}{clock} and gives {self.detections}")
            self.pause(0.05)
        end = time.monotonic() + SETTLE_S
        while time.monotonic() < end:
            self.tell_clock(begin_ns)
            self.pause(0.05)

    def wait_for_answer(self, sent_ns, now_ns):
        """Until the node's boxes of the frame stamped `sent_ns` have come."""
        deadline = time.monotonic() + self.args.patience
        while self.answered_ns != sent_ns:
            if time.monotonic() > deadline:
                raise PlayError(f"no answer on {self.detections} to the image stamped {sent_ns} ns")
            self.tell_clock(now_ns)
            rclpy.spin_once(self.node, timeout_sec=CLOCK_PERIOD_S)

    def play(self):
        """Plays; returns what was sent."""
        args = self.args
        frames, sent, waiting_for = 0, 0, None
        # Where the recording begins, on its own time line and on the steady clock; and how far stamps are moved.
        first_ns = begin = moved_ns = None
        last_ns = 0
        start_ns = self.reader.start_time + int(args.start * NS_PER_S)
        for connection, logged_ns, cdr in self.reader.messages(self.connections, start=start_ns):
            is_image = connection.id in self.images
            if first_ns is None:
                first_ns = logged_ns
                if args.wait_for_node:
                    self.wait_for_node(first_ns)
                begin, moved_ns = time.monotonic(), time.time_ns() - first_ns
            past_s = (logged_ns - first_ns) / NS_PER_S
            if (args.seconds and past_s > args.seconds) or (is_image and args.frames and frames == args.frames):
                break
            if args.paced:
                if is_image and waiting_for is not None:
                    self.wait_for_answer(waiting_for, last_ns)
            else:
                self.wait_until(begin + past_s / args.rate, begin, first_ns)
            last_ns = logged_ns
            self.tell_clock(logged_ns)
            if args.restamp:
                # At another rate than 1 the stamps keep the pace of the play-back.
                def moved(stamp):
                    return first_ns + int((stamp - first_ns) / args.rate) + moved_ns

                is_tf = connection.msgtype == TF
                cdr = restamped_tf(cdr, moved) if is_tf else restamped(cdr, moved(stamp_ns(cdr)))
            self.publishers[connection.id].publish(bytes(cdr))
            sent += 1
            if is_image:
                frames += 1
                waiting_for = stamp_ns(cdr)
        if args.paced and waiting_for is not None:
            self.wait_for_answer(waiting_for, last_ns)
        if frames == 0:
            raise PlayError(f"no image in {args.bag}")
        # What was sent last is still on its way when publish() returns.
        self.pause(0.3)
        return {"frames": frames, "messages": sent, "seconds": round(time.monotonic() - begin, 3)}

    def wait_until(self, due, begin, first_ns):
        """Until `due` on the steady clock; `/clock` runs meanwhile."""
        while (left := due - time.monotonic()) > 0:
            if self.clock is not None:
                self.tell_clock(first_ns + int((time.monotonic() - begin) * self.args.rate * NS_PER_S))
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
    parser.add_argument("bag", type=Path, help="a rosbag2 folder, or a bare .mcap or .db3 file")
    parser.add_argument("--restamp", action="store_true", help="stamps as if it happened now, and no /clock")
    parser.add_argument("--paced", action="store_true", help="a frame only after the node has answered the last one")
    parser.add_argument("--wait-for-node", action="store_true", help="begin when all endpoints have met")
    parser.add_argument("--node", default="/vedette", help="full name of the node that is waited for")
    parser.add_argument("--rate", type=positive, default=1.0, help="times the recorded pace")
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="begin so many seconds into the recording")
    parser.add_argument("--seconds", type=positive, help="how much of the recording to play")
    parser.add_argument("--frames", type=int, help="how many images to play")
    parser.add_argument("--remap", type=rule, action="append", default=[], metavar="OLD:=NEW", help="rename a topic")
    parser.add_argument("--reliable", action="store_true", help="offer reliable delivery, as few cameras do")
    parser.add_argument("--patience", type=positive, default=60.0, metavar="S", help="longest wait for the node")
    args = parser.parse_args()
    if args.paced and args.restamp:
        parser.error("--paced needs the recorded stamps: leave --restamp out")
    if not args.bag.exists():
        parser.error(f"{args.bag} does not exist")
    return args


def main():
    args = parsed()
    # Ctrl-C ends us here, with the node's publishers still in order.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("play_bag")
    try:
        with AnyReader([args.bag], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
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

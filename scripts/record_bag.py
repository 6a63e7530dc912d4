#!/usr/bin/env python3
"""Records topics as a rosbag2 folder (MCAP), for a machine that has rclpy and rosbags and no `ros2 bag`.

    record_bag.py out/drive --regex '^/vedette/(?!image_annotated).*'

Topics are found while it runs, and named on stderr. Each is recorded with the quality of service of its publishers,
as the bytes that come, at the time at which they come; with `--use-sim-time` that of /clock, from its first message on.
Ctrl-C ends it; it prints one line of JSON, the messages of each topic. Exit codes: 0 recorded, 1 nothing came, 2 wrong usage.
"""

import argparse
import collections
import importlib
import json
import re
import sys
from pathlib import Path

import rclpy
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rclpy.clock import Clock
from rclpy.executors import ExternalShutdownException
from rclpy.parameter import Parameter
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

LOOK_S = 0.2
FOR_EVER = QosTime(sec=0x7FFFFFFF, nsec=0xFFFFFFFF)


def with_types(typestore, packages):
    """The types that rosbags knows and, from the ROS environment, those of `packages` that it does not."""
    for package in packages:
        try:
            folder = Path(get_package_share_directory(package), "msg")
        except PackageNotFoundError:
            continue
        types = {}
        for file in sorted(folder.glob("*.msg")):
            types.update(get_types_from_msg(file.read_text(), f"{package}/msg/{file.stem}"))
        typestore.register({name: fields for name, fields in types.items() if name not in typestore.types})
    return typestore


def jazzy_with(*packages):
    """Jazzy's types and those of `packages`."""
    return with_types(get_typestore(Stores.ROS2_JAZZY), packages)


class Recorder:
    """Writes what comes on the topics that `pattern` names."""

    def __init__(self, node, writer, pattern):
        self.node, self.writer, self.pattern = node, writer, pattern
        self.typestore = get_typestore(Stores.ROS2_JAZZY)
        self.seen, self.messages = set(), collections.Counter()

    def look(self):
        """Subscribes to what is new."""
        for name, types in self.node.get_topic_names_and_types():
            publishers = self.node.get_publishers_info_by_topic(name)
            if name not in self.seen and publishers and self.pattern.search(name):
                self.seen.add(name)
                self.subscribe(name, types[0], [publisher.qos_profile for publisher in publishers])

    def subscribe(self, name, type_name, offered):
        package, _, message = type_name.split("/")
        try:
            message_class = getattr(importlib.import_module(f"{package}.msg"), message)
            with_types(self.typestore, [package] if type_name not in self.typestore.types else [])
            # What all of them offer, so that none is left out.
            is_latched = all(one.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL for one in offered)
            is_reliable = all(one.reliability == QoSReliabilityPolicy.RELIABLE for one in offered)
            connection = self.writer.add_connection(
                name,
                type_name,
                typestore=self.typestore,
                offered_qos_profiles=[recorded_qos(is_reliable, is_latched)],
            )
        except Exception as error:
            print(f"record_bag: {name} is left out: {type_name}: {error}", file=sys.stderr)
            return
        qos = QoSProfile(depth=100)
        qos.reliability = QoSReliabilityPolicy.RELIABLE if is_reliable else QoSReliabilityPolicy.BEST_EFFORT
        qos.durability = QoSDurabilityPolicy.TRANSIENT_LOCAL if is_latched else QoSDurabilityPolicy.VOLATILE

        def received(cdr):
            now_ns = self.node.get_clock().now().nanoseconds
            # What comes before /clock has no time; `ros2 bag record` waits for it too.
            if now_ns > 0:
                self.writer.write(connection, now_ns, cdr)
                self.messages[name] += 1

        self.node.create_subscription(message_class, name, received, qos, raw=True)
        print(f"record_bag: {name} ({type_name})", file=sys.stderr, flush=True)


def recorded_qos(is_reliable, is_latched):
    """What metadata.yaml says of a topic."""
    return Qos(
        history=QosHistory.UNKNOWN,
        depth=0,
        reliability=QosReliability.RELIABLE if is_reliable else QosReliability.BEST_EFFORT,
        durability=QosDurability.TRANSIENT_LOCAL if is_latched else QosDurability.VOLATILE,
        deadline=FOR_EVER,
        lifespan=FOR_EVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=FOR_EVER,
        avoid_ros_namespace_conventions=False,
    )


def pattern(text):
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text} is no regular expression: {error}") from None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bag", type=Path, help="the new recording, a folder")
    parser.add_argument("--regex", type=pattern, required=True, help="which topics, by their full names")
    parser.add_argument("--use-sim-time", action="store_true", help="record with the time of /clock")
    args = parser.parse_args()
    if args.bag.exists():
        parser.error(f"{args.bag} is there already")
    rclpy.init(args=[])
    sim_time = Parameter("use_sim_time", value=args.use_sim_time)
    node = rclpy.create_node("record_bag", parameter_overrides=[sim_time])
    with Writer(args.bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        recorder = Recorder(node, writer, args.regex)
        node.create_timer(LOOK_S, recorder.look, clock=Clock())
        try:
            rclpy.spin(node)
        except (KeyboardInterrupt, ExternalShutdownException):
            pass
    print(json.dumps(dict(recorder.messages)))
    return 0 if recorder.messages else 1


if __name__ == "__main__":
    sys.exit(main())

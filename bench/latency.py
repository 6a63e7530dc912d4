"""Measures publish-to-detections over DDS: publishes pictures at a fixed rate and waits for the boxes of each.

    python3 bench/latency.py --size 768x576 --hz 30 --seconds 10 --image /bench/image --detections /vedette/detections

With several cameras the topics are those of each: `--cameras front,rear` publishes to /front/image and /rear/image, all by one
publisher's process, one picture after the other, and waits for /vedette/front/detections and so on. `--stops rear` leaves that
camera out in the second half, and the medians of the others before and after are told too.

Prints one line of JSON. The clock starts before `publish()`, so the Python publisher's own time is in every figure,
the same for every node that is measured.
"""

import argparse
import json
import sys
import threading
import time
from array import array

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, QoSReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

WARM_UP_S = 2.0
PATIENCE_S = 30.0


def percentile(sorted_values, share):
    """The nearest-rank percentile."""
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="768x576")
    parser.add_argument("--hz", type=float, default=30)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--image", default="/bench/image")
    parser.add_argument("--detections", default="/vedette/detections")
    parser.add_argument("--cameras", type=lambda text: text.split(","), default=[])
    parser.add_argument("--stops", help="one of the cameras")
    args = parser.parse_args()
    stops = args.cameras.index(args.stops) if args.stops else None
    images = [f"/{camera}/image" for camera in args.cameras] or [args.image]
    detections = [f"/vedette/{camera}/detections" for camera in args.cameras] or [args.detections]
    width, height = map(int, args.size.split("x"))

    rclpy.init()
    node = rclpy.create_node("vedette_bench_camera")
    publishers = [node.create_publisher(Image, image, qos_profile_sensor_data) for image in images]
    arrived_ns = {}

    def received_of(camera):
        def received(message):
            stamp = message.header.stamp
            arrived_ns.setdefault((camera, stamp.sec, stamp.nanosec), time.perf_counter_ns())

        return received

    reliable = QoSProfile(depth=100, reliability=QoSReliabilityPolicy.RELIABLE)
    for camera, topic in enumerate(detections):
        node.create_subscription(Detection2DArray, topic, received_of(camera), reliable)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    receiver = threading.Thread(target=executor.spin)
    receiver.start()

    deadline = time.monotonic() + PATIENCE_S
    while any(publisher.get_subscription_count() == 0 for publisher in publishers) or any(
        node.count_publishers(topic) == 0 for topic in detections
    ):
        if time.monotonic() > deadline:
            print(f"no node takes {', '.join(images)} and gives {', '.join(detections)}", file=sys.stderr)
            executor.shutdown()
            receiver.join()
            return 1
        time.sleep(0.05)
    time.sleep(0.5)

    message = Image(height=height, width=width, encoding="bgr8", step=3 * width)
    message.header.frame_id = "camera_optical_frame"
    # Fields of random colours, large enough to be things: noise alone is what a covered lens shows.
    side = 24
    fields = np.random.default_rng(0).integers(0, 256, (height // side, width // side, 3), np.uint8)
    message.data.frombytes(fields.repeat(side, axis=0).repeat(side, axis=1).tobytes())
    assert len(message.data) == 3 * width * height, f"sides are multiples of {side}"
    top = side * 3 * width
    sent_ns, halves = {}, ([], [])
    frames = int((WARM_UP_S + args.seconds) * args.hz)
    begin = time.perf_counter()
    for index in range(frames):
        time.sleep(max(0.0, begin + index / args.hz - time.perf_counter()))
        # No two pictures in a row are the same, as from a sensor.
        message.data[:top] = array("B", [index % 256]) * top
        is_later = index >= (WARM_UP_S + args.seconds / 2) * args.hz
        for camera, publisher in enumerate(publishers):
            if is_later and camera == stops:
                continue
            message.header.stamp = node.get_clock().now().to_msg()
            key = (camera, message.header.stamp.sec, message.header.stamp.nanosec)
            if index >= WARM_UP_S * args.hz:
                sent_ns[key] = time.perf_counter_ns()
                if camera != stops:
                    halves[is_later].append(key)
            publisher.publish(message)
    time.sleep(1.0)

    def latencies_of(keys):
        return sorted((arrived_ns[key] - sent_ns[key]) / 1e6 for key in keys if key in arrived_ns)

    latencies_ms = latencies_of(sent_ns)
    executor.shutdown()
    receiver.join()
    node.destroy_node()
    rclpy.shutdown()
    if not latencies_ms:
        print("no detections came", file=sys.stderr)
        return 1
    print(
        json.dumps(
            {
                "sent": len(sent_ns),
                "lost": len(sent_ns) - len(latencies_ms),
                "median_ms": percentile(latencies_ms, 0.5),
                "p99_ms": percentile(latencies_ms, 0.99),
                "halves_ms": [percentile(latencies_of(half), 0.5) for half in halves],
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

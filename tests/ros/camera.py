"""The other side of the node, in rclpy: a camera driver, and a listener that collects what comes.

Run as a program it is a camera of its own, which can be killed: `camera.py HZ`.
"""

import contextlib
import itertools
import sys
import threading
import time

import numpy as np
import rclpy
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import (
    QoSDurabilityPolicy,
    QoSProfile,
    QoSReliabilityPolicy,
    qos_profile_sensor_data,
)
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

WIDTH, HEIGHT = 64, 48
FRAME_ID = "camera_optical_frame"
RELIABLE = QoSProfile(depth=100, reliability=QoSReliabilityPolicy.RELIABLE)
LATCHED = QoSProfile(
    depth=1, reliability=QoSReliabilityPolicy.RELIABLE, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL
)
# As the tools listen to /rosout: what was said before the two found each other comes too.
ROSOUT = QoSProfile(
    depth=1000, reliability=QoSReliabilityPolicy.RELIABLE, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL
)
NS_PER_S = 1_000_000_000


def noisy_red(seed):
    """A red picture in BGR with the noise of a sensor, without which a camera counts as blind."""
    noise = np.random.default_rng(seed).integers(0, 20, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return (noise + np.array((0, 0, 235), dtype=np.uint8)).tobytes()


def wait_until(is_true, what, patience_s=10.0):
    """Waits; what never happens fails the test in words."""
    deadline = time.monotonic() + patience_s
    while not is_true():
        assert time.monotonic() < deadline, f"waited {patience_s} s for {what}"
        time.sleep(0.01)


def ns(stamp):
    """A builtin_interfaces/Time in nanoseconds."""
    return stamp.sec * NS_PER_S + stamp.nanosec


class Camera:
    """Publishes to /image and /camera_info, or to those of a named camera."""

    def __init__(self, ros, name, camera="", frame_id=FRAME_ID):
        self.node = ros.create_node(name)
        self.frame_id = frame_id
        self.of = f"/{camera}" if camera else ""
        self.images = self.node.create_publisher(Image, f"{self.of}/image", qos_profile_sensor_data)
        self.infos = None
        # No two in a row are the same.
        self.pictures = itertools.cycle([noisy_red(seed) for seed in range(32)])

    def connect(self, with_info=False):
        """Waits until the node takes the pictures; with_info also publishes camera_info."""
        wait_until(lambda: self.images.get_subscription_count() > 0, f"a subscriber to {self.of}/image")
        if with_info:
            self.infos = self.node.create_publisher(CameraInfo, f"{self.of}/camera_info", qos_profile_sensor_data)
            wait_until(lambda: self.infos.get_subscription_count() > 0, f"a subscriber to {self.of}/camera_info")
        # The node's side of the connection, and its look at the graph.
        time.sleep(0.5)

    def now_ns(self):
        return time.time_ns()

    def header(self, stamp_ns):
        header = Header(frame_id=self.frame_id)
        header.stamp.sec, header.stamp.nanosec = divmod(stamp_ns, NS_PER_S)
        return header

    def image(self, stamp_ns=None, **changes):
        """A good picture, with fields changed."""
        stamp_ns = self.now_ns() if stamp_ns is None else stamp_ns
        fields = {"width": WIDTH, "height": HEIGHT, "step": 3 * WIDTH, "encoding": "bgr8"}
        if "data" not in changes:
            fields["data"] = next(self.pictures)
        return Image(header=self.header(stamp_ns), **(fields | changes))

    def info(self, stamp_ns, **changes):
        """A good camera_info, with fields changed."""
        k = [50.0, 0.0, WIDTH / 2, 0.0, 50.0, HEIGHT / 2, 0.0, 0.0, 1.0]
        fields = {"width": WIDTH, "height": HEIGHT, "distortion_model": "plumb_bob", "d": [0.0] * 5, "k": k}
        return CameraInfo(header=self.header(stamp_ns), **(fields | changes))

    def send(self, stamp_ns=None, **changes):
        """Publishes a picture and, once connected with it, its camera_info; returns the stamp."""
        stamp_ns = self.now_ns() if stamp_ns is None else stamp_ns
        if self.infos is not None:
            self.infos.publish(self.info(stamp_ns))
        self.images.publish(self.image(stamp_ns, **changes))
        return stamp_ns

    def send_until(self, is_true, what, hz=30, patience_s=10.0, **changes):
        """Publishes good pictures, with fields changed, at a rate until something happens; returns their stamps."""
        stamps = []

        def sent_and_true():
            if is_true():
                return True
            stamps.append(self.send(**changes))
            time.sleep(1 / hz)
            return False

        wait_until(sent_and_true, what, patience_s)
        return stamps

    @contextlib.contextmanager
    def streaming(self, hz=30, send=None):
        """Publishes in the background, good pictures unless told otherwise."""
        ended = threading.Event()

        def work():
            while not ended.wait(1 / hz):
                (send or self.send)()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def close(self):
        self.node.destroy_node()


class Listener:
    """Collects messages, or their bytes, in a thread of its own; `listener["/vedette/plan"]` are those that have come."""

    def __init__(self, ros, name, topics, qos=RELIABLE, raw=False):
        self.node = ros.create_node(name)
        self.came = {topic: [] for topic in topics}
        self.clients = {}
        # When each was published, by DDS's own account.
        self.published_ns = {topic: [] for topic in topics}
        for topic, message_class in topics.items():
            self.node.create_subscription(message_class, topic, self.taker(topic), qos, raw=raw)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.thread = threading.Thread(target=self.executor.spin, daemon=True)
        self.thread.start()

    def taker(self, topic):
        """What rclpy calls with a message."""

        def take(message, info):
            self.published_ns[topic].append(info["source_timestamp"])
            self.came[topic].append(message)

        return take

    def ages_ns(self, topic):
        """For each message, its age when it was published."""
        return [at - stamp for at, stamp in zip(self.published_ns[topic], self.stamps(topic))]

    def status(self, name):
        """The last diagnostics of that name: level and message, and the values by key."""
        for array in reversed(self.came["/diagnostics"]):
            for status in array.status:
                if status.name == f"vedette: {name}":
                    values = {entry.key: entry.value for entry in status.values}
                    return status.level[0], status.message, values
        return 0, "", {}

    def __getitem__(self, topic):
        return self.came[topic]

    def connect(self):
        """Waits until every topic has a publisher that we have met."""
        for topic in self.came:
            wait_until(lambda topic=topic: self.node.count_publishers(topic) > 0, f"a publisher of {topic}")
        time.sleep(0.3)

    def stamps(self, topic):
        """The stamps of what has come, in nanoseconds."""
        return [ns(message.header.stamp) for message in self.came[topic]]

    def call(self, service_class, name, request, patience_s=5.0):
        """A service call's response."""
        client = self.node.create_client(service_class, name)
        assert client.wait_for_service(patience_s), f"no service {name}"
        future = client.call_async(request)
        wait_until(future.done, f"an answer of {name}", patience_s)
        self.node.destroy_client(client)
        return future.result()

    def ask_at_once(self, service_class, name, requests):
        """Sends all requests without waiting between them; returns the futures. What is answered is not lost on this side,
        however busy the machine is."""
        client = self.node.create_client(service_class, name, qos_profile=QoSProfile(depth=1000))
        assert client.wait_for_service(10), f"no service {name}"
        # The node's side of the connection.
        time.sleep(0.5)
        return [client.call_async(request) for request in requests]

    def state(self, name="/vedette", patience_s=5.0):
        """The label of a managed node's state; `None` when it does not answer."""
        if f"{name}_state" not in self.clients:
            self.clients[f"{name}_state"] = self.node.create_client(GetState, f"{name}/get_state")
        client = self.clients[f"{name}_state"]
        if not client.wait_for_service(patience_s):
            return None
        future = client.call_async(GetState.Request())
        deadline = time.monotonic() + patience_s
        while not future.done() and time.monotonic() < deadline:
            time.sleep(0.002)
        return future.result().current_state.label if future.done() else None

    def change(self, label, name="/vedette", patience_s=10.0):
        """Whether a managed node has taken a transition."""
        request = ChangeState.Request()
        request.transition.label = label
        return self.call(ChangeState, f"{name}/change_state", request, patience_s).success

    def close(self):
        self.executor.shutdown()
        self.thread.join()
        self.node.destroy_node()


if __name__ == "__main__":
    rclpy.init()
    camera = Camera(rclpy, "camera_process")
    camera.connect(with_info=True)
    print("streams", flush=True)
    while True:
        camera.send()
        time.sleep(1 / float(sys.argv[1]))

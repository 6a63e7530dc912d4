"""A real node in its own process, and an rclpy process (this one) that talks to it over real DDS.

Every run has a ROS domain of its own on this machine only.
"""

import hashlib
import os
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
os.environ["ROS_DOMAIN_ID"] = str(100 + os.getpid() % 100)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(ROOT / "config/fastdds.xml"))

rclpy = pytest.importorskip("rclpy", reason="rclpy is missing: make setup, then . .deps/env.sh")

from camera import Camera, Listener  # noqa: E402
from node_process import NodeProcess  # noqa: E402

# Discovery, and opening the model.
START_S = 30.0


@pytest.fixture(scope="session")
def root():
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def faulty_binary():
    """The node whose model has a fault: see faulty_node.rs."""
    path = Path(os.environ.get("VEDETTE_FAULTY_BIN", ROOT / "target/release/examples/faulty_node")).absolute()
    if not path.exists():
        pytest.skip(f"{path} is not built: scripts/cargo build --release --features ros --example faulty_node")
    return path


@pytest.fixture(scope="session")
def ros():
    """rclpy, up for the whole run."""
    rclpy.init()
    yield rclpy
    rclpy.shutdown()


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A model that sees red boxes in a red picture, in a millisecond; see tests/data/models/generate.py."""
    folder = tmp_path_factory.mktemp("models") / "colours"
    folder.mkdir()
    weights = (ROOT / "tests/data/models/yolo_rows.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(weights)
    (folder / "model.toml").write_text(
        f"""family = "yolo"
task = "detect"
source = "tests/data/models/generate.py"
input = {{ width_px = 64, height_px = 64 }}
license = {{ name = "Apache-2.0" }}

[[files]]
path = "model.onnx"
bytes = {len(weights)}
sha256 = "{hashlib.sha256(weights).hexdigest()}"
"""
    )
    return folder


@pytest.fixture(scope="session")
def text_encoder(root):
    """The sentence encoder, which encodes prompts for a detector with fixed classes."""
    path = root / "models/minilm-l6-v2/onnx/model.onnx"
    if not path.exists():
        pytest.skip(f"{path} is missing: make setup")


@pytest.fixture
def run(ros, tmp_path):
    """Runs a binary until it is in a state, active unless said otherwise; ends with the test what still runs."""
    running = []
    watcher = Listener(ros, "watcher", {})

    def start_node(binary, *ros_args, name="/vedette", state="active", **options):
        node = NodeProcess(binary, ros_args, tmp_path / f"node{len(running)}.log", **options)
        running.append(node)
        deadline = time.monotonic() + START_S
        while watcher.state(name, patience_s=0.5) != state:
            assert node.is_running(), f"the node ended with {node.process.returncode}:\n{node.log}"
            assert time.monotonic() < deadline, f"{name} is not {state} after {START_S} s:\n{node.log}"
            time.sleep(0.02)
        return node

    yield start_node
    watcher.close()
    codes = [(node.end()[0], node.ends_with, node.log) for node in running]
    assert all(code == expected for code, expected, _ in codes), codes


@pytest.fixture
def start(run, binary, model):
    """Starts nodes: `start("-p", "max_age_ms:=200")` returns when the node publishes; all are ended with the test."""
    return lambda *ros_args, **options: run(
        binary, "-p", f"model:={model}", "-p", "intra_op_threads:=1", *ros_args, **options
    )


@pytest.fixture
def start_faulty(run, faulty_binary):
    """Starts nodes with a fault: `start_faulty("fail:30")`. Their plan is `proceed` as soon as it may be."""
    return lambda fault, *ros_args, **options: run(
        faulty_binary, "-p", "clear_after_ms:=200", *ros_args, fault=fault, **options
    )


@pytest.fixture
def camera(ros):
    """A camera driver: publishes pictures and camera_info."""
    camera = Camera(ros, "camera_driver")
    yield camera
    camera.close()


@pytest.fixture
def drivers(ros):
    """The drivers of named cameras, each with a frame of its own: `drivers("front", "rear")`."""
    made = []

    def make(*names):
        for name in names:
            made.append(Camera(ros, f"{name}_driver", name, f"{name}_optical_frame"))
        for driver in made:
            driver.connect(with_info=True)
        return made

    yield make
    for driver in made:
        driver.close()


@pytest.fixture
def listen(ros):
    """Listens to topics: `listen({"/vedette/plan": Plan})`."""
    listeners = []

    def listen_to(topics, **kwargs):
        listeners.append(Listener(ros, f"listener{len(listeners)}", topics, **kwargs))
        return listeners[-1]

    yield listen_to
    for listener in listeners:
        listener.close()

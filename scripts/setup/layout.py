"""Where everything lives: the one place that knows the project's paths."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "scripts" / "setup"

DEPS = ROOT / ".deps"
LOGS = DEPS / "log"
STAMPS = DEPS / "stamps"

PIP_PREFIX = DEPS / "pip"
ROS_PREFIX = DEPS / "ros"
TOOLS_PREFIX = DEPS / "tools"
INTERFACES_PREFIX = DEPS / "interfaces"
ONNX_PREFIX = DEPS / "onnx"
PARITY_PREFIX = DEPS / "parity"
PACKAGING_PREFIX = DEPS / "packaging"
NODE_PREFIX = DEPS / "node"
ONNXRUNTIME = DEPS / "onnxruntime"
ONNXRUNTIME_OLDEST = DEPS / "onnxruntime-oldest"
ONNXRUNTIME_GPU = DEPS / "onnxruntime-gpu"
CUDA = DEPS / "cuda"
TENSORRT = DEPS / "tensorrt"
ENV_FILE = DEPS / "env.sh"

MESSAGES = ROOT / "msgs"
YOLOV12N = ROOT / "models" / "yolov12n" / "yolov12n.onnx"
MINILM = ROOT / "models" / "minilm-l6-v2"
VIDEO = ROOT / "data" / "vtest.avi"
BAG = ROOT / "data" / "vtest"


def shown(path: Path) -> str:
    """`path` as a reader of the terminal wants it: relative to the project where it is inside."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)

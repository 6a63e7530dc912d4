"""Image processors beside transformers' PIL-based ones: the same picture and configuration, one thread, as ratios.

    python3 bench/processors.py [--python .deps/parity/bin/python] [--rounds 3]

This is `make bench-reference`. The interpreter has transformers 5, Pillow, SciPy and NumPy. Ours and the peer's
alternate, round by round; every round is in `out/bench-reference.json`, in milliseconds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIZES = [(768, 576), (1920, 1080)]
GOAL = 0.5


def square(side):
    return {"height": side, "width": side}


# name: transformers' module and class, and what the checkpoint says that the class's defaults do not.
PROCESSORS = {
    "clip 224": ("clip", "CLIPImageProcessor", {}),
    "siglip 224": ("siglip", "SiglipImageProcessor", {}),
    "rtdetr 640": ("rt_detr", "RTDetrImageProcessor", {}),
    "grounding dino 800/1333": ("grounding_dino", "GroundingDinoImageProcessor", {}),
    "owlv2 960": ("owlv2", "Owlv2ImageProcessor", {}),
    "smolvlm 2048/512": ("smolvlm", "SmolVLMImageProcessor", {"size": {"longest_edge": 2048}, "max_image_size": {"longest_edge": 512}}),
    "florence2 768": ("clip", "CLIPImageProcessor", {"size": square(768), "do_center_crop": False}),
}


def peer(name, frame, width, height):
    """Runs in the peer's interpreter: the median in milliseconds as JSON."""
    import importlib

    import numpy as np
    from PIL import Image

    module, kind, settings = PROCESSORS[name]
    module = importlib.import_module(f"transformers.models.{module}.image_processing_pil_{module}")
    processor = getattr(module, kind + "Pil")(**settings)
    picture = Image.fromarray(np.fromfile(frame, np.uint8).reshape(height, width, 3))
    times = []
    for _ in range(7):
        begin = time.perf_counter()
        processor(images=picture, return_tensors="np")
        times.append((time.perf_counter() - begin) * 1e3)
    print(json.dumps({"median_ms": statistics.median(times[2:])}))


def median_ms(*command):
    one_thread = {key: "1" for key in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = {**os.environ, **one_thread, "TRANSFORMERS_VERBOSITY": "error"}
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])["median_ms"]


def main():
    if sys.argv[1:2] == ["peer"]:
        name, frame, width, height = sys.argv[2:]
        return peer(name, frame, int(width), int(height))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, default=ROOT / ".deps/parity/bin/python")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    # Here, since the peer's interpreter reads this file too and has no OpenCV.
    from run import bench_binaries

    stages = bench_binaries("--bench", "stages")["stages"]
    rows = []
    print(f"{'what':<40} {'ours':>9} {'peer':>9} {'ratio':>6}  goal: at most {GOAL}")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for width, height in SIZES:
            frame = folder / f"{width}x{height}.bin"
            frame.write_bytes(os.urandom(width * height * 3))
            for name, (_, kind, settings) in PROCESSORS.items():
                config = folder / "preprocessor_config.json"
                config.write_text(json.dumps({"image_processor_type": kind, **settings}))
                ours, peers = [], []
                for _ in range(args.rounds):
                    ours.append(median_ms(stages, "process", config, frame, f"{width}x{height}"))
                    peers.append(median_ms(args.python, __file__, "peer", name, frame, width, height))
                ratio = statistics.median(a / b for a, b in zip(ours, peers))
                what = f"{name} from {width}x{height}"
                print(
                    f"{what:<40} {statistics.median(ours):>6.2f} ms {statistics.median(peers):>6.1f} ms {ratio:>6.3f}  "
                    f"{'met' if ratio <= GOAL else 'MISSED'}",
                    flush=True,
                )
                rows.append({"what": what, "ours_ms": ours, "peer_ms": peers, "ratio": ratio})
    target = ROOT / "out/bench-reference.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(rows, indent=2) + "\n")
    print(f"all rounds: {target}")


if __name__ == "__main__":
    main()

"""The demo's bag: the footage as a camera would have recorded it (see record_bag.py)."""

import shutil

import footage
import layout
import process
from ros import Ros
from steps import Step


def step(ros: Ros) -> Step:
    """The step that records the bag, again whenever the footage or the recorder changes."""
    code = [layout.HERE / name for name in ("record_bag.py", "vtest_camera.py")]
    return Step("bag", lambda: record(ros), [*code, footage.VIDEO_SHA256], [layout.BAG / "metadata.yaml"])


def record(ros: Ros) -> str:
    """Record into a folder beside the bag's, then put it in the bag's place."""
    scratch = layout.BAG.with_name(f"{layout.BAG.name}.partial")
    unfinished = scratch / layout.BAG.name
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    process.run(
        "bag",
        [ros.python, layout.HERE / "record_bag.py", layout.VIDEO, unfinished],
        cure="about 1.1 GB of free space is needed in data/; then run again",
    )
    shutil.rmtree(layout.BAG, ignore_errors=True)
    unfinished.rename(layout.BAG)
    scratch.rmdir()
    return f"{layout.shown(layout.BAG)}: 795 frames, 10 per second"

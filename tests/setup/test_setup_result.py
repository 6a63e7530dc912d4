"""What the set-up made: the environment file, the message packages, the bag."""

import json
import os
import subprocess
from pathlib import Path

import layout
import pytest

# As published with vision_msgs 4.1 for Jazzy: the type hashes that peers compare.
PUBLISHED_HASHES = {
    "Detection2DArray": "RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968",
    "Detection3DArray": "RIHS01_793f5eab9595ac1c0da07873cc859db42eae51f0ee76056db8562515d830e018",
    "LabelInfo": "RIHS01_3d37df4015cdf660cc851c51897f2acd957e1ca6205ba0a99aebffb9406b0783",
    "VisionInfo": "RIHS01_95d3116a17484ad91c9a2686e1d54890bbfc3ff6c6a2de137738c4950d45d284",
}

needs_env_file = pytest.mark.skipif(not layout.ENV_FILE.is_file(), reason="the set-up's `env` has not run")
needs_bag = pytest.mark.skipif(not layout.BAG.is_dir(), reason="the set-up's `bag` has not run")


def source(shell: list[str], print_what: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Source env.sh in a bare shell and print an expression."""
    return subprocess.run(
        [*shell, "-c", f'. "{layout.ENV_FILE}" && printf %s "{print_what}"'],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=False,
    )


@needs_env_file
@pytest.mark.parametrize("shell", [["sh", "-eu"], ["bash", "-eu"]], ids=["sh", "bash"])
def test_the_environment_names_onnx_runtime_in_strict_shells(shell: list[str]) -> None:
    done = source(shell, "$ORT_DYLIB_PATH", layout.ROOT)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout).is_file()


@needs_env_file
def test_bash_finds_the_project_from_anywhere_and_plain_sh_says_that_it_cannot(tmp_path: Path) -> None:
    assert Path(source(["bash"], "$LIBCLANG_PATH", tmp_path).stdout).is_dir()
    refused = source(["sh"], "", tmp_path)
    assert refused.returncode != 0
    assert "set VEDETTE_ROOT" in refused.stderr


@needs_env_file
def test_sourcing_twice_changes_nothing_and_the_users_own_profile_stays() -> None:
    profile = {"FASTRTPS_DEFAULT_PROFILES_FILE": "/mine.xml"}
    assert source(["bash"], "$FASTRTPS_DEFAULT_PROFILES_FILE", layout.ROOT, **profile).stdout == "/mine.xml"
    once = source(["bash"], "$LD_LIBRARY_PATH", layout.ROOT).stdout
    assert source(["bash"], "$LD_LIBRARY_PATH", layout.ROOT, LD_LIBRARY_PATH=once).stdout == once


@pytest.mark.parametrize("message", PUBLISHED_HASHES)
def test_our_vision_msgs_have_the_published_type_hashes(message: str) -> None:
    description = layout.ROS_PREFIX / "share" / "vision_msgs" / "msg" / f"{message}.json"
    if not description.is_file():
        pytest.skip("a sourced ROS 2 brings its own vision_msgs")
    hashes = {entry["type_name"]: entry["hash_string"] for entry in json.loads(description.read_text())["type_hashes"]}
    assert hashes[f"vision_msgs/msg/{message}"] == PUBLISHED_HASHES[message]


@needs_bag
def test_the_bag_begins_with_a_picture_and_its_calibration_at_one_stamp() -> None:
    rosbag2 = pytest.importorskip("rosbags.rosbag2")
    typesys = pytest.importorskip("rosbags.typesys")
    store = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
    with rosbag2.Reader(layout.BAG) as reader:
        assert {topic: info.msgcount for topic, info in reader.topics.items()} == {
            "/camera/image": 795,
            "/camera/camera_info": 795,
        }
        messages = reader.messages()
        first = [next(messages) for _ in range(2)]
    headers = [store.deserialize_cdr(data, connection.msgtype).header for connection, _, data in first]
    assert {connection.topic for connection, _, _ in first} == {"/camera/image", "/camera/camera_info"}
    assert {(header.stamp.sec * 10**9 + header.stamp.nanosec, header.frame_id) for header in headers} == {
        (1_700_000_000 * 10**9, "camera_optical_frame")
    }
    assert {logged for _, logged, _ in first} == {1_700_000_000 * 10**9}

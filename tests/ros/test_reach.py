"""What a running node reaches: files below the folders that it is told of, DDS on this machine, and nothing else."""

import os
import re
import sys
from pathlib import Path

import pytest
from camera import wait_until
from vedette_msgs.msg import Plan

ROOT = Path(__file__).resolve().parents[2]
# DDS's ports of a domain begin at 7400 and 250 for each domain; those that only send have one that the system picks.
FIRST_PORT, PORTS_OF_DOMAIN = 7400, 250
# Those that Fast DDS gives out by itself begin here.
OWN_PORTS = range(7000, FIRST_PORT)
# Fast DDS's, and what ROS's tracing looks for.
IN_MEMORY = ("fastrtps_", "sem.fastrtps_", "fastdds_", "sem.fastdds_", "lttng-ust-")


def files_of(pid):
    """What a process has open or mapped, by path."""
    opened = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
    mapped = set(re.findall(r"(/\S.*)$", Path(f"/proc/{pid}/maps").read_text(), re.MULTILINE))
    return {path.removesuffix(" (deleted)") for path in opened | mapped if path.startswith("/")}


def sockets_of(pid):
    """The sockets of a process: protocol, and the ends as the kernel writes them."""
    own = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        if inode := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link)):
            own.add(inode[1])
    found = []
    for protocol in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        for line in Path(f"/proc/{pid}/net/{protocol}").read_text().splitlines()[1:]:
            words = line.split()
            if words[9] in own:
                found.append((protocol, words[1], words[2]))
    return found


def is_below(path, folders):
    return any(Path(path).is_relative_to(folder) for folder in folders)


@pytest.mark.parametrize(("program", "word"), [("vedette", ["node"]), ("vedette_node", [])])
def test_a_node_at_work_has_no_file_and_no_socket_beyond_what_it_needs(
    run, binary, camera, listen, model, program, word
):
    node = run(binary.with_name(program), "-p", f"model:={model}", "-p", "intra_op_threads:=1", word=word)
    assert "may report" not in node.log
    listener = listen({"/vedette/plan": Plan})
    listener.connect()
    camera.connect(with_info=True)
    with camera.streaming():
        wait_until(lambda: len(listener["/vedette/plan"]) >= 10, "plans")
        pid = node.process.pid
        files, sockets = files_of(pid), sockets_of(pid)
    prefixes = [path for name in ("AMENT_PREFIX_PATH", "LD_LIBRARY_PATH") for path in os.environ[name].split(":")]
    allowed = {
        "the program": [Path(os.readlink(f"/proc/{pid}/exe")), node.log_path],
        "the models": [model],
        "ROS and ONNX Runtime": [*map(Path, prefixes), ROOT / ".deps", Path(sys.prefix)],
        "the log of ROS": [Path(os.environ.get("ROS_LOG_DIR", Path.home() / ".ros/log"))],
        "shared memory of DDS": [Path("/dev/shm")],
        "the system": [Path("/usr/lib"), Path("/lib"), Path("/lib64"), Path("/dev/null"), Path("/proc"), Path("/sys")],
    }
    beyond = {path for path in files if not is_below(path, [folder for all_of in allowed.values() for folder in all_of])}
    assert beyond == set()
    in_memory = {path for path in files if path.startswith("/dev/shm/")}
    assert all(Path(path).name.startswith(IN_MEMORY) for path in in_memory), in_memory
    assert sockets and {protocol for protocol, _, _ in sockets} <= {"udp", "udp6"}, sockets
    first = FIRST_PORT + PORTS_OF_DOMAIN * int(os.environ["ROS_DOMAIN_ID"])
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    for _, local, remote in sockets:
        port = int(local.rpartition(":")[2], 16)
        is_of_domain = first <= port < first + PORTS_OF_DOMAIN
        assert is_of_domain or port in OWN_PORTS or low <= port <= high, f"port {port}"
        assert set(remote.rpartition(":")[0]) == {"0"}, f"connected to {remote}"

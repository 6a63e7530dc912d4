"""`vedette replay`: where results may be written, and what is left when a disk fills or a signal comes."""

import json
import os
import resource
import signal
import socket
import stat
import subprocess
import time

import pytest
from mcap.exceptions import EndOfFile
from mcap.reader import NonSeekingReader, make_reader
from mcap.writer import Writer

PLAN = "/vedette/plan"
PATIENCE_S = 60.0


def stamps(path, topic=PLAN):
    """The log times of a topic by the `mcap` package, in a file that need not have an end."""
    found = []
    with path.open("rb") as file:
        try:
            for _, _, message in NonSeekingReader(file, validate_crcs=True).iter_messages([topic], log_time_order=False):
                found.append(message.log_time)
        except EndOfFile:
            pass
    return found


def is_whole(path):
    with path.open("rb") as file:
        return make_reader(file).get_summary() is not None


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture
def start(binary, model):
    """Starts a replay that the test ends, in a process group of its own."""
    running = []

    def run(*args, **kwargs):
        command = [binary, "replay", *map(str, args), "-p", f"model:={model}", "-p", "providers:=[cpu]"]
        streams = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process = subprocess.Popen(command, start_new_session=True, **streams, **kwargs)
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def long_bag(tmp_path_factory, ten_frames):
    """Far more footage than a test waits for: the ten frames again and again, a thousand times, 1000 s in all."""
    path = tmp_path_factory.mktemp("bags") / "long.mcap"
    with next(ten_frames.glob("*.mcap")).open("rb") as file:
        recorded = [(schema, channel, message) for schema, channel, message in make_reader(file).iter_messages()]
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start("ros2", "test")
        channels = {}
        for schema, channel, _ in recorded:
            if channel.topic not in channels:
                schema_id = writer.register_schema(schema.name, schema.encoding, schema.data)
                channels[channel.topic] = writer.register_channel(channel.topic, channel.message_encoding, schema_id)
        for turn in range(1000):
            for _, channel, message in recorded:
                # header.stamp.sec, behind the four bytes of CDR's own header.
                sec = int.from_bytes(message.data[4:8], "little") + turn
                data = message.data[:4] + sec.to_bytes(4, "little") + message.data[8:]
                time_ns = message.log_time + turn * 10**9
                writer.add_message(channels[channel.topic], time_ns, data, time_ns)
        writer.finish()
    return path


def wait_until(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def partial_of(out):
    return out.with_name(out.name + ".partial")


def holds_chunks(out):
    """Whether the unfinished results hold more than their header."""
    return lambda: partial_of(out).exists() and partial_of(out).stat().st_size > 10_000


def test_results_take_the_place_of_earlier_results_only(replay, ten_frames, tmp_path):
    out = tmp_path / "out.mcap"
    replay(ten_frames, "--out", out)
    first = out.read_bytes()
    replay(ten_frames, "--out", out)
    assert out.read_bytes() == first
    bag = next(ten_frames.glob("*.mcap")).read_bytes()
    for theirs in (b"notes", b"", bag, first[9:]):
        out.write_bytes(theirs)
        told = replay(ten_frames, "--out", out, code=1).stderr
        assert f"{out} exists and is no earlier result, expected another name or --force" in told
        assert out.read_bytes() == theirs and files(tmp_path) == ["out.mcap"]
    replay(ten_frames, "--out", out, "--force")
    assert out.read_bytes() == first


def test_the_default_name_is_treated_with_the_same_care(vedette, model, ten_frames, tmp_path):
    (tmp_path / "ten_frames_vedette.mcap").write_text("notes")
    told = vedette("replay", ten_frames, "-p", f"model:={model}", cwd=tmp_path, code=1).stderr
    assert "ten_frames_vedette.mcap exists and is no earlier result" in told
    assert (tmp_path / "ten_frames_vedette.mcap").read_text() == "notes"


def test_a_link_is_followed_and_stays(replay, ten_frames, tmp_path):
    target, link, second = tmp_path / "elsewhere/results.mcap", tmp_path / "link.mcap", tmp_path / "second.mcap"
    second.symlink_to("link.mcap")
    link.symlink_to(target)
    for _ in ("it leads nowhere yet", "it leads to an earlier result"):
        replay(ten_frames, "--out", second)
        assert link.readlink() == target and is_whole(target)
        assert files(tmp_path) == ["elsewhere/results.mcap", "link.mcap", "second.mcap"]
    target.write_text("notes")
    told = replay(ten_frames, "--out", second, code=1).stderr
    assert f"{target} exists and is no earlier result" in told and target.read_text() == "notes"


def test_a_pipe_a_socket_and_a_folder_are_refused_and_stay(replay, ten_frames, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        (tmp_path / "link").symlink_to(tmp_path / "pipe")
        before = {path.name: path.lstat().st_ino for path in tmp_path.iterdir()}
        for name, kind in {"pipe": "pipe", "socket": "socket", "folder": "folder", "link": "pipe"}.items():
            told = replay(ten_frames, "--out", tmp_path / name, "--force", code=1).stderr
            assert f"{tmp_path / name} is a {kind}, expected a new name or an earlier result" in told
        assert {path.name: path.lstat().st_ino for path in tmp_path.iterdir()} == before


def test_a_device_is_refused_and_stays(replay, ten_frames, tmp_path):
    node = tmp_path / "null"
    try:
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")
    told = replay(ten_frames, "--out", node, "--force", code=1).stderr
    assert f"{node} is a device, expected a new name or an earlier result" in told
    assert stat.S_ISCHR(node.lstat().st_mode) and node.lstat().st_rdev == os.makedev(1, 3)


def test_standard_output_is_refused_by_what_it_is(replay, ten_frames, tmp_path):
    # A link as /dev/stdout is one; here standard output is the pipe of this test.
    stdout = tmp_path / "stdout"
    stdout.symlink_to("/proc/self/fd/1")
    done = replay(ten_frames, "--out", stdout, code=1)
    assert f"{stdout} is a pipe, expected a new name or an earlier result" in done.stderr
    assert done.stdout == "" and stdout.readlink().as_posix() == "/proc/self/fd/1"
    assert files(tmp_path) == ["stdout"]


def test_somebody_elses_partial_file_is_left_alone(replay, ten_frames, tmp_path):
    out = tmp_path / "out.mcap"
    for force in ((), ("--force",)):
        partial_of(out).write_text("notes")
        told = replay(ten_frames, "--out", out, *force, code=1).stderr
        assert f"{partial_of(out)} exists and no earlier run has left it" in told
        assert files(tmp_path) == ["out.mcap.partial"] and partial_of(out).read_text() == "notes"


def test_pictures_take_the_place_of_earlier_pictures_only(replay, ten_frames, tmp_path):
    folder = tmp_path / "pictures"
    name = "1700000000.000000000.jpg"
    (tmp_path / "theirs.jpg").write_text("a photograph")
    for _ in range(2):
        replay(ten_frames, "--pictures", folder, "--limit", 1)
        assert files(folder) == [name] and (folder / name).read_bytes()[:2] == b"\xff\xd8"
    picture = (folder / name).read_bytes()
    (folder / name).unlink()
    (folder / name).symlink_to(tmp_path / "theirs.jpg")
    told = replay(ten_frames, "--pictures", folder, "--limit", 1, code=1).stderr
    assert f"{tmp_path / 'theirs.jpg'} exists and is no earlier result" in told
    assert (tmp_path / "theirs.jpg").read_text() == "a photograph"
    replay(ten_frames, "--pictures", folder, "--limit", 1, "--force")
    assert (tmp_path / "theirs.jpg").read_bytes() == picture and (folder / name).is_symlink()
    (folder / name).unlink()
    os.mkfifo(folder / name)
    told = replay(ten_frames, "--pictures", folder, "--limit", 1, code=1).stderr
    assert f"{folder / name} is a pipe" in told


def hold_to_size(limit):
    """In the child: no file grows beyond `limit` bytes, and a write that would says so."""

    def apply():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return apply


def test_a_file_that_may_not_grow_ends_the_replay_with_its_name_and_the_cause(start, long_bag, tmp_path):
    out = tmp_path / "out.mcap"
    out_of_room = start(long_bag, "--out", out, "--annotate", preexec_fn=hold_to_size(300_000), restore_signals=False)
    _, told = out_of_room.communicate(timeout=PATIENCE_S)
    assert out_of_room.returncode == 1
    assert f"the replay ended early, {partial_of(out)} holds its results" in told
    assert f"cannot write {partial_of(out)}: File too large" in told
    assert files(tmp_path) == ["out.mcap.partial"]
    assert len(stamps(partial_of(out))) > 1


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 512 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "vedette-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_the_replay_with_its_name_and_the_cause(start, replay, long_bag, ten_frames, small_disk):
    (small_disk / "theirs").write_bytes(bytes(100_000))
    out = small_disk / "out.mcap"
    full = start(long_bag, "--out", out, "--annotate")
    _, told = full.communicate(timeout=PATIENCE_S)
    assert full.returncode == 1
    assert f"cannot write {partial_of(out)}: No space left on device" in told
    assert files(small_disk) == ["out.mcap.partial", "theirs"]
    assert len(stamps(partial_of(out))) > 1
    # What it left is read by ours too, with the loss, and makes way for the next one.
    told = replay(partial_of(out), "--remap", "image:=/vedette/image_annotated", code=3).stdout
    assert "cut off or damaged" in told
    replay(ten_frames, "--out", out)
    assert files(small_disk) == ["out.mcap", "theirs"] and is_whole(out)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_results_and_prints_the_report(start, long_bag, tmp_path, number):
    out = tmp_path / "out.mcap"
    process = start(long_bag, "--out", out, "--json")
    wait_until(holds_chunks(out))
    process.send_signal(number)
    told, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    report = json.loads(told)
    assert report["interrupted"] and report["results"] == str(out) and report["source_losses"] == []
    assert 0 < report["processed"] < 10_000
    assert files(tmp_path) == ["out.mcap"] and is_whole(out)
    assert len(stamps(out)) == report["processed"]


def test_a_report_for_people_says_that_it_was_interrupted(start, long_bag, tmp_path):
    out = tmp_path / "out.mcap"
    process = start(long_bag, "--out", out)
    wait_until(holds_chunks(out))
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130 and "\ninterrupted by a signal" in told


def test_a_second_signal_ends_at_once(start, long_bag, tmp_path):
    out = tmp_path / "out.mcap"
    process = start(long_bag, "--out", out)
    wait_until(holds_chunks(out))
    # Both are there before the process runs again.
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    told, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130 and "images " not in told
    assert files(tmp_path) == ["out.mcap.partial"] and len(stamps(partial_of(out))) > 10


def test_what_a_kill_leaves_can_be_read_and_makes_way(start, replay, report, long_bag, ten_frames, tmp_path):
    out = tmp_path / "out.mcap"
    out.write_bytes(b"notes of somebody")
    process = start(long_bag, "--out", out, "--annotate", "--force")
    wait_until(holds_chunks(out))
    busy = replay(ten_frames, "--out", out, "--force", code=1).stderr
    assert f"{partial_of(out)} is being written by another process" in busy
    process.kill()
    process.wait()
    assert out.read_bytes() == b"notes of somebody", "whoever is killed has not touched it yet"
    plans, pictures = stamps(partial_of(out)), stamps(partial_of(out), "/vedette/image_annotated")
    assert len(plans) > 1 and plans == sorted(plans)
    # Chunks hold a second of footage, and each frame's outputs are in one or two of them.
    assert abs(len(plans) - len(pictures)) <= 1
    found = report(partial_of(out), "--remap", "image:=/vedette/image_annotated", code=3)
    assert found["processed"] >= len(pictures)
    assert "cut off or damaged" in found["source_losses"][0]
    replay(ten_frames, "--out", out, "--force")
    assert files(tmp_path) == ["out.mcap"] and is_whole(out)

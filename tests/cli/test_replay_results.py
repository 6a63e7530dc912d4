"""`vedette replay`: what it writes and reports, and what it leaves when it fails."""

import json

import pytest
from mcap.reader import make_reader

KEYS = {
    "interrupted",
    "images",
    "processed",
    "passed_over",
    "lost",
    "reasons",
    "blind",
    "source_losses",
    "detections",
    "decisions",
    "proposals",
    "remarks",
    "first_stamp_ns",
    "last_stamp_ns",
    "topics",
    "taken",
    "proof",
    "results",
    "pictures",
    "seconds",
    "frames_per_s",
}


def files(folder):
    """All that lies in a folder, by relative name."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def messages_of(path, topic):
    with path.open("rb") as file:
        return sum(1 for _ in make_reader(file).iter_messages(topics=[topic]))


def test_json_is_one_document_with_every_key(replay, ten_frames):
    done = replay(ten_frames, "--json")
    found = json.loads(done.stdout)
    assert set(found) == KEYS and done.stderr == ""
    assert (found["images"], found["processed"], found["detections"]) == (10, 10, 30)
    assert (found["lost"], found["source_losses"], found["results"], found["pictures"]) == ({}, [], None, None)
    assert sum(found["decisions"].values()) == 10
    assert found["last_stamp_ns"] - found["first_stamp_ns"] == 900_000_000
    cameras = [{"image": "/camera/image", "camera_info": "/camera/camera_info"}]
    topics = {"image": "/camera/image", "camera_info": "/camera/camera_info", "cameras": cameras, "odom": None, "tf": None, "tf_static": None, "proposal": None, "events": None}
    assert found["topics"] == topics and found["proposals"] == {}
    assert found["interrupted"] is False
    assert found["proof"].startswith("cpu runs the model (CPUExecutionProvider ")
    assert found["seconds"] > 0 and found["frames_per_s"] > 0


def test_limit_stops_after_so_many_images(report, ten_frames):
    found = report(ten_frames, "--limit", 3)
    assert (found["images"], found["processed"], found["source_losses"]) == (3, 3, [])


def test_a_missing_folder_of_out_is_made(report, ten_frames, tmp_path):
    out = tmp_path / "new/folder/out.mcap"
    assert report(ten_frames, "--out", out)["results"] == str(out)
    assert files(tmp_path) == ["new/folder/out.mcap"]
    assert messages_of(out, "/vedette/detections") == messages_of(out, "/vedette/plan") == 10
    assert messages_of(out, "/vedette/image_annotated") == 0


def test_without_out_the_results_are_named_after_the_bag(vedette, model, ten_frames, tmp_path):
    for bag in (ten_frames, next(ten_frames.glob("*.mcap"))):
        folder = tmp_path / bag.name
        folder.mkdir()
        done = vedette("replay", bag, "-p", f"model:={model}", cwd=folder)
        assert files(folder) == ["ten_frames_vedette.mcap"]
        assert "results     ten_frames_vedette.mcap" in done.stdout


def test_discard_writes_nothing(vedette, model, ten_frames, tmp_path):
    done = vedette("replay", ten_frames, "--discard", "-p", f"model:={model}", cwd=tmp_path)
    assert files(tmp_path) == [] and "10 of 10 processed" in done.stdout and "results" not in done.stdout


def test_annotate_records_pictures_and_pictures_are_drawn_every_so_often(report, ten_frames, tmp_path):
    out, folder = tmp_path / "out.mcap", tmp_path / "pictures"
    found = report(ten_frames, "--out", out, "--annotate", "--pictures", folder, "--every", 4)
    assert messages_of(out, "/vedette/image_annotated") == 10
    assert found["pictures"] == 3
    assert files(folder) == [f"1700000000.{stamp}00000000.jpg" for stamp in (0, 4, 8)]
    assert all((folder / name).read_bytes().startswith(b"\xff\xd8\xff") for name in files(folder))


def test_what_viewers_draw_is_recorded_on_request_with_its_definitions(report, ten_frames, tmp_path):
    topics = {"--markers": "/vedette/markers", "--image-annotations": "/vedette/image_annotations"}
    for flag, topic in topics.items():
        out = tmp_path / f"{flag}.mcap"
        report(ten_frames, "--out", out, flag)
        assert {name: messages_of(out, name) for name in topics.values()} == {
            name: 10 if name == topic else 0 for name in topics.values()
        }


def test_a_pictures_folder_that_cannot_be_made_leaves_nothing(replay, ten_frames, tmp_path):
    (tmp_path / "file").write_text("in the way")
    told = replay(ten_frames, "--out", tmp_path / "out.mcap", "--pictures", tmp_path / "file/pictures", code=1).stderr
    assert f"cannot make the folder {tmp_path / 'file/pictures'}: Not a directory" in told
    assert files(tmp_path) == ["file"]


def test_a_run_that_fails_leaves_nothing_under_the_final_name(replay, ten_frames, tmp_path):
    # The third picture's name is taken by a folder, so the run fails in its middle.
    (tmp_path / "pictures/1700000000.200000000.jpg").mkdir(parents=True)
    out = tmp_path / "out.mcap"
    args = (ten_frames, "--out", out, "--pictures", tmp_path / "pictures", "--every", 1)
    told = replay(*args, code=1).stderr
    assert f"cannot write the picture {tmp_path / 'pictures/1700000000.200000000.jpg'}: " in told
    assert "200000000.jpg is a folder, expected a new name or an earlier result" in told
    assert f"the replay ended early, {out}.partial holds its results" in told
    assert not out.exists() and messages_of(out.with_name("out.mcap.partial"), "/vedette/plan") == 3
    replay(ten_frames, "--out", out)
    before = out.read_bytes()
    replay(*args, code=1)
    assert out.read_bytes() == before


def test_an_out_that_cannot_be_written_is_named(replay, ten_frames, tmp_path):
    (tmp_path / "file").write_text("in the way")
    told = replay(ten_frames, "--out", tmp_path / "file/out.mcap", code=1).stderr
    assert f"cannot write {tmp_path / 'file/out.mcap'}: Not a directory" in told


@pytest.mark.parametrize("given", ["folder", "file"])
def test_the_results_do_not_take_the_bags_place(replay, ten_frames, given):
    file = next(ten_frames.glob("*.mcap"))
    before = file.read_bytes()
    bag = ten_frames if given == "folder" else file
    told = replay(bag, "--out", file, code=1).stderr
    assert f"--out {file} is a file of the bag {bag}, expected another" in told
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ((), "<BAG>..."),
        (("bag", "--no-such"), "--no-such"),
        (("bag", "--limit", "0"), "'0' for '--limit <IMAGES>'"),
        (("bag", "--limit", "many"), "'many' for '--limit <IMAGES>'"),
        (("bag", "--discard", "--out", "x.mcap"), "'--discard' cannot be used with '--out <FILE>'"),
        (("bag", "--discard", "--annotate"), "'--annotate'"),
        (("bag", "--every", "2"), "--pictures <FOLDER>"),
        (("bag", "--pictures", "x", "--every", "0"), "'0' for '--every <FRAMES>'"),
        (("bag", "--remap", "image"), 'remap rule "image" has nothing on one side or no :=, expected from:=to'),
        (("bag", "-p", "score_threshold"), '"score_threshold"'),
    ],
)
def test_wrong_usage_is_exit_code_2_and_names_the_argument(vedette, args, named):
    assert named in vedette("replay", *args, code=2).stderr


@pytest.mark.parametrize(("args", "named"), [(("reply",), "'reply'"), ((), "<COMMAND>")])
def test_a_wrong_subcommand_is_exit_code_2(vedette, args, named):
    assert named in vedette(*args, code=2).stderr

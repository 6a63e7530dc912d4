"""`vedette replay`: pictures and videos in place of a bag."""

import cv2
import numpy as np
import pytest
from bags import CAMERA_INFO, IMAGE, camera_info, image, pictures, stamp_of, write_bag
from mcap.reader import make_reader


def pixels(frame):
    """The picture of a bag's frame, as OpenCV wants it."""
    message = image(stamp_of(frame))
    return message.data.reshape(message.height, message.width, 3)[:, :, ::-1]


def write_folder(folder, frames, extension=".png", options=()):
    folder.mkdir()
    for frame in range(frames):
        assert cv2.imwrite(str(folder / f"img_{frame + 1}{extension}"), pixels(frame), list(options))
    return folder


def stamps(path):
    with path.open("rb") as file:
        return [message.log_time for _, _, message in make_reader(file).iter_messages(["/vedette/detections"])]


def test_a_folder_of_pictures_is_replayed_in_the_order_of_their_numbers(report, tmp_path):
    frames = write_folder(tmp_path / "frames", 12)
    out = tmp_path / "out.mcap"
    found = report(frames, "--fps", 4, "--out", out)
    assert (found["images"], found["processed"], found["detections"]) == (12, 12, 36)
    assert stamps(out) == [250_000_000 * number for number in range(1, 13)]
    assert found["taken"][0]["messages"] == 12


def test_pictures_give_what_a_bag_of_them_gives(report, tmp_path):
    whole = report(write_bag(tmp_path / "bag", pictures(5)))
    found = report(write_folder(tmp_path / "frames", 5))
    keys = ("images", "processed", "detections", "decisions", "lost")
    assert [found[key] for key in keys] == [whole[key] for key in keys]


@pytest.mark.parametrize("extension", [".jpg", ".webp", ".bmp", ".ppm"])
def test_every_kind_of_picture_is_taken(report, tmp_path, extension):
    found = report(write_folder(tmp_path / "frames", 3, extension), "--fps", 10)
    assert (found["processed"], found["detections"], found["source_losses"]) == (3, 9, [])


def test_one_picture_is_a_replay_too(report, tmp_path):
    frames = write_folder(tmp_path / "frames", 1)
    assert report(frames / "img_1.png")["detections"] == 3


def test_a_picture_that_does_not_decode_is_a_loss_with_its_name(report, tmp_path):
    frames = write_folder(tmp_path / "frames", 6, ".jpg")
    (frames / "img_2.jpg").write_bytes(b"")
    (frames / "img_3.jpg").write_bytes(b"notes")
    whole = (frames / "img_4.jpg").read_bytes()
    (frames / "img_4.jpg").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "out.mcap"
    found = report(frames, "--fps", 10, "--out", out, code=3)
    assert found["source_losses"] == [
        f"{frames / 'img_2.jpg'}: holds no bytes",
        f"{frames / 'img_3.jpg'}: begins with 6e 6f 74 65 73, expected a picture",
        f"{frames / 'img_4.jpg'}: jpeg of {len(whole) // 2} bytes is cut off: its picture has no end marker",
    ]
    assert found["processed"] == 3
    assert stamps(out) == [100_000_000, 500_000_000, 600_000_000], "a lost picture keeps its number"


def test_what_else_lies_in_the_folder_is_left_out_and_said(report, tmp_path):
    frames = write_folder(tmp_path / "frames", 2)
    (frames / "img_3.heic").write_bytes(b"x")
    (frames / ".DS_Store").write_bytes(b"x")
    found = report(frames)
    assert found["processed"] == 2
    assert "img_3.heic is left out, as all that is not named png, jpg" in found["stderr"]
    assert "DS_Store" not in found["stderr"]


CALIBRATION = """image_width: 64
image_height: 64
camera_name: camera
camera_matrix: {rows: 3, cols: 3, data: [64.0, 0.0, 32.0, 0.0, 64.0, 32.0, 0.0, 0.0, 1.0]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.0, 0.0, 0.0, 0.0, 0.0]}
rectification_matrix: {rows: 3, cols: 3, data: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]}
projection_matrix: {rows: 3, cols: 4, data: [64.0, 0.0, 32.0, 0.0, 0.0, 64.0, 32.0, 0.0, 0.0, 0.0, 1.0, 0.0]}
"""


def said(report, *args, out):
    """All messages of a replay, but for its events: those tell the parameters."""
    report(*args, "--out", out)
    with out.open("rb") as file:
        messages = make_reader(file).iter_messages()
        said = [(channel.topic, message.log_time, message.data) for _, channel, message in messages]
    return [message for message in said if message[0] != "/vedette/events"]


def test_a_calibration_gives_pictures_what_a_bag_has_with_its_camera_info(report, tmp_path):
    frames = write_folder(tmp_path / "frames", 10)
    (tmp_path / "camera.yaml").write_text(CALIBRATION)
    records = []
    for frame in range(10):
        stamp = (frame + 1) * 10**8
        records.append((CAMERA_INFO, stamp, camera_info(stamp)))
        records.append((IMAGE, stamp, image(stamp, data=image(stamp_of(frame)).data)))
    bag = write_bag(tmp_path / "bag", records)
    out = tmp_path / "out.mcap"
    calibrated = said(report, frames, "--fps", 10, "--camera-info", tmp_path / "camera.yaml", out=out)
    assert len(calibrated) > 30 and calibrated == said(report, bag, out=out)
    assert calibrated != said(report, frames, "--fps", 10, out=out)
    found = report(frames, "--camera-info", tmp_path / "camera.yaml")
    assert found["taken"][1]["why"] == f"{tmp_path / 'camera.yaml'} serves"


def write_video(path, coding, frames=6, fps=30.0):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*coding), fps, (64, 64))
    if not writer.isOpened():
        pytest.skip(f"this OpenCV does not write {coding}")
    for frame in range(frames):
        writer.write(np.ascontiguousarray(pixels(frame)))
    writer.release()
    return path


def test_a_video_of_jpegs_is_replayed_at_its_own_rate(report, tmp_path):
    video = write_video(tmp_path / "drive.avi", "MJPG")
    out = tmp_path / "out.mcap"
    found = report(video, "--out", out)
    assert (found["images"], found["processed"], found["detections"]) == (6, 6, 18)
    assert stamps(out) == [round(number * 1e9 / 30) for number in range(1, 7)]
    report(video, "--fps", 10, "--out", out)
    assert stamps(out) == [100_000_000 * number for number in range(1, 7)]


def test_a_video_that_is_cut_gives_what_it_has(report, tmp_path):
    video = write_video(tmp_path / "drive.avi", "MJPG")
    whole = video.read_bytes()
    video.write_bytes(whole[: whole.rindex(b"00dc") // 2 + 2000])
    found = report(video, code=3)
    assert 0 < found["processed"] < 6
    (loss,) = found["source_losses"]
    assert loss.startswith(f"{video}: cut off or damaged: ")


def test_another_video_is_refused_with_the_command_that_helps(replay, tmp_path):
    video = tmp_path / "drive.mp4"
    video.write_bytes(b"\0\0\0\x20ftypisom" + bytes(100))
    told = replay(video, code=1).stderr
    assert f"{video}: an MP4 or MOV video, which is not read here: make pictures of it with " in told
    assert f"`mkdir frames && ffmpeg -i {video} -qscale:v 2 frames/%06d.jpg`, then `vedette replay frames --fps N`" in told


def test_footage_beside_a_bag_and_a_rate_for_a_bag_are_wrong_usage(replay, ten_frames, tmp_path):
    frames = write_folder(tmp_path / "frames", 1)
    assert f"{frames} is footage of its own, expected nothing beside it" in replay(ten_frames, frames, code=2).stderr
    assert "--fps is for pictures and videos, a bag has its own stamps" in replay(ten_frames, "--fps", 3, code=2).stderr
    assert "expected pictures per second, 0.001 to 1000" in replay(frames, "--fps", 0, code=2).stderr

"""Parameters of the commands: what is refused or warned about, with place, key, value and what was expected."""

import re

import pytest


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("score_treshold:=0.3", "there is no parameter score_treshold, the nearest is score_threshold"),
        ("score_threshold:=1.5", "score_threshold is 1.5, expected a number from 0 to 1"),
        ("max_detections:=2.5", "max_detections is 2.5 (double), expected an integer from 1 to 10000"),
        ("score_threshold:=high", "expected a number from 0 to 1"),
        ("classes:=person", "expected a list of strings"),
        ("providers:=[cpu, npu]", "expected a list of at least one of tensorrt, cuda, cpu, each at most once"),
        ("provider_policy:=maybe", "expected one of fallback, strict"),
        ("max_age_ms:=0", "max_age_ms is 0, expected an integer from 1 to 600000"),
    ],
)
@pytest.mark.parametrize("command", ["replay", "check"])
def test_a_bad_override_is_refused(vedette, ten_frames, command, override, words):
    args = (ten_frames, "--discard") if command == "replay" else ()
    done = vedette(command, *args, "-p", override, code=1)
    told = done.stderr if command == "replay" else done.stdout
    assert f"-p {override}: " in told and words in told


def test_values_that_do_not_go_together_are_refused_with_both(replay, ten_frames):
    told = replay(ten_frames, "-p", "track_low_score:=0.7", code=1).stderr
    assert "track_low_score is 0.7 (-p track_low_score:=0.7)" in told
    assert re.search(r"expected below track_high_score, which is 0\.\d+ \(default\)", told)


def params(tmp_path, section, line):
    path = tmp_path / "robot.yaml"
    path.write_text(f"{section}:\n  ros__parameters:\n    {line}\n")
    return path


def test_an_unknown_key_under_the_nodes_own_name_is_refused(replay, ten_frames, tmp_path):
    path = params(tmp_path, "vedette", "max_detection: 5")
    told = replay(ten_frames, "--params", path, code=1).stderr
    assert f"{path}:3: there is no parameter max_detection, the nearest is max_detections" in told


def test_an_unknown_key_for_all_nodes_is_a_warning(report, ten_frames, tmp_path):
    path = params(tmp_path, "/**", "max_detection: 5")
    found = report(ten_frames, "--params", path)
    assert found["processed"] == 10
    warning = "there is no parameter max_detection (ignored, it may be another node's), the nearest is max_detections"
    assert f"WARN {path}:3: {warning}" in found["stderr"]


def test_a_value_out_of_range_in_a_file_is_refused_even_for_all_nodes(replay, ten_frames, tmp_path):
    path = params(tmp_path, "/**", "score_threshold: -0.1")
    told = replay(ten_frames, "--params", path, code=1).stderr
    assert f"{path}:3: score_threshold is -0.1, expected a number from 0 to 1" in told


def test_a_value_of_a_file_counts(report, ten_frames, tmp_path):
    assert report(ten_frames, "--params", params(tmp_path, "vedette", "score_threshold: 0.85"))["detections"] == 10
    assert report(ten_frames, "--params", params(tmp_path, "vedette", "classes: [green]"))["detections"] == 0


def test_a_parameter_file_that_is_missing_or_broken_is_named(replay, ten_frames, tmp_path):
    path = tmp_path / "no_such.yaml"
    told = replay(ten_frames, "--params", path, code=1).stderr
    assert f"cannot read parameter file {path}: No such file or directory" in told
    assert told.count("No such file") == 1, "the cause is said twice"
    path.write_text("vedette:\n  ros__parameters: [1, 2\n")
    assert f"parameter file {path}: line " in replay(ten_frames, "--params", path, code=1).stderr


@pytest.mark.parametrize(
    ("command", "key"), [("replay", "classes"), ("check", "classes"), ("check", "obstacle_classes")]
)
def test_a_class_that_the_model_does_not_have_is_refused_with_the_nearest(vedette, model, ten_frames, command, key):
    args = (ten_frames, "--discard") if command == "replay" else ()
    done = vedette(command, *args, "-p", f"model:={model}", "-p", f"{key}:=[gren]", code=1)
    told = done.stderr if command == "replay" else done.stdout
    words = 'the model has no class "gren", did you mean "green"?'
    assert f"parameter {key}: {words}" in told and told.count(words) == 1

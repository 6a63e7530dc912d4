"""`vedette ask`: a question about a picture to a tiny model whose answers the reference has recorded."""

import json
import shutil
import signal
import subprocess

import pytest
from models import MODELS, write_answering_model

PARITY = MODELS.parent / "parity"
COFFEE = PARITY / "pictures/coffee.png"


@pytest.fixture(scope="module", params=["smolvlm"])
def model(request, tmp_path_factory):
    return write_answering_model(tmp_path_factory.mktemp("models") / f"tiny-{request.param}", request.param)


@pytest.fixture
def ask(vedette, model):
    def run(*args, picture=COFFEE, model=model, **kwargs):
        return vedette("ask", picture, *args, "--model", model, "-p", "providers:=[cpu]", **kwargs)

    return run


def case(family, name):
    cases = json.loads((PARITY / family / "reference.json").read_text())["cases"]
    return next(case for case in cases if case["name"] == name)


def test_an_answer_goes_to_stdout_as_the_reference_has_it(ask):
    expected = case("smolvlm", "coffee_short")
    done = ask(expected["prompt"], "--max-tokens", 64)
    # Read as text, a carriage return is a line's end.
    assert done.stdout == expected["answer"].replace("\r", "\n") + "\n"
    assert "the answer was cut after 64 tokens" in done.stderr


def test_json_is_one_object_with_the_facts(ask, model):
    expected = case("smolvlm", "coffee_unicode")
    answer = json.loads(ask(expected["prompt"], "--max-tokens", 64, "--json").stdout)
    assert answer["text"] == expected["answer"] and answer["model"] == model.name
    assert (answer["tokens"], answer["finish"], answer["regions"]) == (64, "length", [])
    assert answer["prompt_tokens"] > 100 and answer["seconds"] > 0


def test_a_seed_repeats_an_answer(ask):
    def said(seed):
        settings = ("--temperature", 1.5, "--top-p", 0.9, "--seed", seed, "--max-tokens", 20)
        return json.loads(ask("Why?", *settings, "--json").stdout)["text"]

    assert said(3) == said(3) != said(4)


def test_places_follow_the_text(vedette, tmp_path):
    model = write_answering_model(tmp_path / "tiny-florence2", "florence2", 256)
    expected = case("florence2", "coffee_od")
    common = ("ask", COFFEE, "<OD>", "--model", model, "--max-tokens", 63, "-p", "providers:=[cpu]")
    answer = json.loads(vedette(*common, "--json").stdout)
    labels = [region["label"] for region in answer["regions"]]
    # Ours leave out boxes without area.
    told = expected["result_of_thousandfold"]
    whole = [left != right and top != bottom for left, top, right, bottom in told["bboxes"]]
    assert labels == [label for label, is_whole in zip(told["labels"], whole, strict=True) if is_whole] != []
    width, height = expected["image_size"]
    for left, top, right, bottom in (region["bbox_px"] for region in answer["regions"]):
        assert 0 <= left <= right <= width and 0 <= top <= bottom <= height
    text, *places = vedette(*common).stdout.splitlines()[-1 - len(labels) :]
    assert text.endswith("<loc_752>") and places[0].endswith(" " + labels[0])
    refused = vedette("ask", COFFEE, "What is this?", "--model", model, code=1).stderr
    assert 'model tiny-florence2: question "What is this?" has no task' in refused and "<OD>" in refused


def test_the_parameter_reason_model_serves_where_no_model_is_named(vedette, model):
    args = ("-p", f"reason_model:={model}", "-p", "reason_max_tokens:=16", "-p", "providers:=[cpu]")
    answer = json.loads(vedette("ask", COFFEE, "Why?", "--json", *args).stdout)
    assert answer["tokens"] == 16


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "expected --model NAME, or the parameter reason_model"),
        (("--max-tokens", "0"), "--max-tokens"),
        (("--temperature=-1",), "--temperature"),
        (("--temperature=nan",), "expected a number in 0..=10"),
        (("--top-p", "0"), "expected a number in 0.01..=1"),
        (("--seed", "x"), "--seed"),
    ],
)
def test_wrong_usage_ends_with_2(vedette, args, words):
    assert words in vedette("ask", COFFEE, "Why?", *args, code=2).stderr


def test_what_fails_ends_with_1_and_names_it(ask, vedette, model, tmp_path):
    assert f"cannot read the picture {tmp_path}/none.png" in ask("Why?", picture=tmp_path / "none.png", code=1).stderr
    (tmp_path / "text.png").write_text("not a picture")
    assert f"cannot read the picture {tmp_path}/text.png" in ask("Why?", picture=tmp_path / "text.png", code=1).stderr
    assert 'question "" is empty, expected words' in ask("", code=1).stderr
    assert "expected fewer than the model's context of 2048" in ask("why? " * 2000, code=1).stderr
    assert 'no model "none"' in vedette("ask", COFFEE, "Why?", "--model", "none", code=1).stderr
    detector = ask("Why?", model="yolov12n", code=1).stderr
    assert "yolov12n" in detector
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    (broken / "onnx/vision_encoder.onnx").unlink()
    assert "vision_encoder.onnx is missing" in ask("Why?", model=broken, code=1).stderr


def test_ctrl_c_ends_a_long_answer(binary, model):
    command = [binary, "ask", COFFEE, "Why?", "--model", model, "--max-tokens", "100000", "-p", "providers:=[cpu]"]
    asked = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # It answers: the text comes as it is made.
    assert asked.stdout.read(1)
    asked.send_signal(signal.SIGINT)
    assert asked.wait(10) == -signal.SIGINT

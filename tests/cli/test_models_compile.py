"""`vedette models compile`: what it says of each session where no TensorRT is, and where none is asked for."""

import json

import pytest
from models import write_answering_model, write_model


@pytest.fixture
def compiled(vedette, model):
    """The report of `vedette models compile --json`."""

    def run(*args, code=0):
        done = vedette("models", "compile", "--json", "-p", f"model:={model}", *args, code=code)
        return json.loads(done.stdout) | {"stderr": done.stderr}

    return run


def test_without_tensorrt_each_session_says_why_and_how_to_have_it(compiled, vedette, model):
    report = compiled(code=1)
    (session,) = report["sessions"]
    assert (session["model"], session["role"], session["state"]) == ("colours", "model", "refused")
    assert session["reason"] and session["cure"]
    assert report["opened_s"][str(model)] > 0
    assert "opening" in report["stderr"] and "\r" not in report["stderr"], "plain lines where nobody watches"
    told = vedette("models", "compile", "-p", f"model:={model}", code=1).stdout
    assert told.startswith("FAIL   colours model: ") and "cure: " in told


def test_under_the_strict_policy_reason_and_cure_are_apart_too(compiled):
    (session,) = compiled("-p", "provider_policy:=strict", code=1)["sessions"]
    assert session["state"] == "refused" and "cure" not in session["reason"]
    assert session["cure"]


def test_tensorrt_behind_the_cpu_is_not_asked_for(compiled):
    (session,) = compiled("-p", "providers:=[cpu, tensorrt]")["sessions"]
    assert (session["state"], session["providers"]) == ("not asked", "cpu, tensorrt")


def test_where_no_session_is_to_run_on_tensorrt_nothing_is_to_be_done(compiled, vedette, model):
    (session,) = compiled("-p", "providers:=[cpu]")["sessions"]
    assert (session["state"], session["providers"]) == ("not asked", "cpu")
    told = vedette("models", "compile", "-p", f"model:={model}", "-p", "providers:=[cpu]").stdout
    assert "none   colours model: its providers are cpu" in told and "nothing is compiled" in told


def test_the_language_model_and_what_prompts_need_are_among_the_sessions(compiled, tmp_path):
    folder = write_answering_model(tmp_path / "smolvlm", "smolvlm")
    args = ("-p", f"reason_model:={folder}", "-p", "reason_providers:=[tensorrt, cpu]", "-p", "providers:=[cpu]")
    sessions = {(one["model"], one["role"]): one for one in compiled(*args, code=1)["sessions"]}
    assert sessions["colours", "model"]["state"] == "not asked"
    assert {sessions["smolvlm", role]["state"] for role in ("vision_encoder", "decoder_model_merged")} == {"refused"}
    assert sessions["smolvlm", "embed_tokens"]["providers"] == "cpu", "the table of tokens is the CPU's"


def test_a_model_that_does_not_open_is_named(compiled, tmp_path):
    folder = write_model(tmp_path / "corrupt", weights=b"\x08\x08garbage" * 20)
    done = compiled("-p", f"model:={folder}", code=1)
    (session,) = done["sessions"]
    assert session["state"] == "refused" and "does not load" in session["reason"]


def test_a_model_that_was_compiled_already_is_refused_with_what_to_give_instead(vedette, tmp_path):
    folder = write_model(tmp_path / "compiled", model="compiled_for_a_gpu")
    done = vedette("check", "--json", "-p", f"model:={folder}", "-p", "providers:=[cpu]", code=1)
    texts = [finding["text"] for finding in json.loads(done.stdout) if not finding["ok"]]
    assert any("compiled for one GPU (a node EPContext)" in text and "compiled from" in text for text in texts), texts


def test_wrong_words_are_wrong_usage(vedette):
    assert vedette("models", "compile", "yolov12n", code=2).stderr

"""`vedette models fetch` against a server that drops connections, lies about sizes, stalls and sends other bytes."""

import hashlib
import json
import os
import random
import signal
import subprocess
import time

import pytest
from model_server import (
    ModelServer,
    drops_after,
    fails,
    gives_another_range,
    ignores_ranges,
    is_silent,
    redirects,
    says_length,
    sends,
    sends_chunks,
    sends_until_it_closes,
    stalls_after,
    well,
)



def model_of(seed):
    """An ONNX file of 300,000 bytes: an empty graph, and a documentation of random ones."""
    return bytes([8, 8, 0x3A, 0, 0x32]) + b"\xd8\xa7\x12" + random.Random(seed).randbytes(299_992)


WEIGHTS = model_of(1)
OTHER_WEIGHTS = model_of(2)
TOKENIZER = b'{"version": "1.0"}'
FILES = {"onnx/model.onnx": WEIGHTS, "tokenizer.json": TOKENIZER}
NO_PROXY = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "")


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def write_manifest(folder, url=None, is_known=True, files=None, **known):
    """A model none of whose files is there. `url` is where they are, `is_known` whether the manifest has size and hash."""
    folder.mkdir(parents=True)
    text = f"""family = "sentence_encoder"
task = "embed"
source = "a test"
verified = {"true" if is_known else "false"}
license = {{ name = "Apache-2.0", notice = "Be kind." }}
"""
    for path, content in (files or FILES).items():
        text += f'[[files]]\npath = "{path}"\n'
        text += f'url = "{url}/{path}"\n' if url else ""
        text += f'bytes = {len(content)}\nsha256 = "{sha256(content)}"\n' if is_known else ""
        text += "".join(f"{key} = {value}\n" for key, value in known.items())
    (folder / "model.toml").write_text(text)
    return folder


@pytest.fixture
def server():
    server = ModelServer({f"/{path}": content for path, content in FILES.items()})
    yield server
    server.close()


@pytest.fixture
def fetch(vedette, tmp_path):
    """Fetches models of `tmp_path`; gives the rows by path, and what was said under `stderr`."""

    def run(*args, code=0, env=None, timeout_s=5):
        dirs = f"model_dirs:=[{tmp_path}]"
        settings = ("--json", "--timeout-s", timeout_s, "-p", dirs)
        done = vedette("models", "fetch", *settings, *args, code=code, env={**NO_PROXY, **(env or {})})
        rows = {row["path"]: row for row in json.loads(done.stdout)} if done.stdout else {}
        return rows | {"stderr": done.stderr}

    return run


def failure(rows, path="onnx/model.onnx"):
    assert rows[path]["state"] == "failed"
    return rows[path]["error"]


def assert_whole(folder):
    for path, content in FILES.items():
        assert (folder / path).read_bytes() == content, path
    left = {path.name for path in folder.rglob("*") if path.is_file()}
    assert left <= {"model.toml", "model.onnx", "tokenizer.json", "fetched.toml"}, "no .part is left"


def test_files_are_fetched_and_checked_and_the_license_is_told_before(fetch, server, tmp_path, vedette):
    folder = write_manifest(tmp_path / "model", server.url)
    rows = fetch("model")
    assert_whole(folder)
    row = rows["onnx/model.onnx"]
    assert row["state"] == "fetched" and row["bytes"] == len(WEIGHTS) and row["sha256"] == sha256(WEIGHTS)
    assert not row["recorded"] and not (folder / "fetched.toml").exists()
    assert "model model: the weights are under Apache-2.0\nBe kind." in rows["stderr"]
    assert all(headers["accept-encoding"] == "identity" for _, headers in server.requests)
    told = vedette("models", "verify", folder).stdout
    assert told.split()[-1] == "whole"


def test_what_is_there_is_checked_and_not_fetched_again(fetch, server, tmp_path):
    write_manifest(tmp_path / "model", server.url)
    fetch("model")
    count = len(server.requests)
    rows = fetch("model")
    assert {row["state"] for row in list(rows.values())[:2]} == {"there"} and len(server.requests) == count
    assert "Apache" not in rows["stderr"]


def test_without_size_and_hash_the_first_fetch_is_recorded_and_later_ones_are_held_to_it(
    fetch, server, tmp_path, vedette
):
    folder = write_manifest(tmp_path / "model", server.url, is_known=False)
    assert all(row["recorded"] for row in list(fetch("model").values())[:2])
    assert_whole(folder)
    record = (folder / "fetched.toml").read_text()
    assert sha256(WEIGHTS) in record and f'from = "{server.url}/onnx/model.onnx"' in record
    told = vedette("models", "verify", folder).stdout
    assert "as first fetched, unverified: no size and hash in the manifest" in told

    (folder / "onnx/model.onnx").unlink()
    server.files["/onnx/model.onnx"] = OTHER_WEIGHTS
    assert f"expected {sha256(WEIGHTS)}" in failure(fetch("model", code=1))
    (folder / "onnx/model.onnx").write_bytes(OTHER_WEIGHTS)
    assert "as it was first fetched" in failure(fetch("model", code=1))
    assert "as it was first fetched" in vedette("models", "verify", folder, code=1).stdout


def test_a_file_that_was_put_there_by_hand_is_recorded_too(fetch, server, tmp_path, vedette):
    folder = write_manifest(tmp_path / "model", server.url, is_known=False)
    (folder / "tokenizer.json").write_bytes(TOKENIZER)
    assert "is missing; `vedette models fetch model` fetches it" in vedette("models", "verify", folder, code=1).stdout
    row = fetch("model")["tokenizer.json"]
    assert row["state"] == "there" and row["recorded"]


def test_text_says_what_was_recorded_where(vedette, server, tmp_path):
    folder = write_manifest(tmp_path / "model", server.url, is_known=False)
    told = vedette("models", "fetch", folder, env=NO_PROXY).stdout
    assert f"model/onnx/model.onnx: fetched, {len(WEIGHTS)} bytes, sha256 {sha256(WEIGHTS)}" in told
    assert f"recorded in {folder / 'fetched.toml'}, unverified" in told


def test_a_dropped_connection_goes_on_where_it_ended(fetch, server, tmp_path):
    folder = write_manifest(tmp_path / "model", server.url)
    server.behaviours = [drops_after(100_000), drops_after(150_000), well]
    rows = fetch("model")
    assert_whole(folder)
    assert server.ranges()[:3] == [None, "bytes=100000-", "bytes=250000-"]
    assert "tries again" in rows["stderr"]


def test_a_fetch_that_was_given_up_is_taken_up_by_the_next(fetch, server, tmp_path):
    folder = write_manifest(tmp_path / "model", server.url)
    server.behaviours = [drops_after(100_000), fails(503)]
    text = failure(fetch("model", "--retries", 1, code=1))
    assert "503" in text and "given up after 2 tries, 100000 bytes stay in " in text
    assert (folder / "onnx/model.onnx.part").stat().st_size == 100_000
    server.behaviours = [well]
    assert fetch("model")["onnx/model.onnx"]["kept"] == 100_000
    assert_whole(folder)
    assert server.requests[2][1]["if-range"] == '"v1"'


@pytest.mark.parametrize("is_known", [True, False])
def test_a_file_that_changed_meanwhile_begins_anew(fetch, server, tmp_path, is_known):
    """A known hash is of the new file: the old bytes are those of a mirror that was behind."""
    folder = write_manifest(tmp_path / "model", server.url, is_known)
    server.files["/onnx/model.onnx"] = OTHER_WEIGHTS
    server.behaviours = [drops_after(100_000), fails(503)]
    fetch("model", "--retries", 0, code=1)
    server.files["/onnx/model.onnx"], server.etag, server.behaviours = WEIGHTS, '"v2"', [well]
    assert fetch("model")["onnx/model.onnx"]["sha256"] == sha256(WEIGHTS)
    assert_whole(folder)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_file_that_changed_under_a_server_without_etags_begins_anew(fetch, server, tmp_path, is_known):
    """With a hash by the hash; without one, nothing of an earlier fetch is relied on."""
    folder = write_manifest(tmp_path / "model", server.url, is_known)
    server.files["/onnx/model.onnx"], server.etag = OTHER_WEIGHTS, None
    server.behaviours = [drops_after(100_000), fails(503)]
    fetch("model", "--retries", 0, code=1)
    server.files["/onnx/model.onnx"], server.behaviours = WEIGHTS, [well]
    rows = fetch("model")
    assert rows["onnx/model.onnx"]["sha256"] == sha256(WEIGHTS) and rows["onnx/model.onnx"]["kept"] == 0
    assert_whole(folder)
    assert ("the pieces do not fit, begins anew" in rows["stderr"]) == is_known


def test_a_file_that_changes_between_two_tries_begins_anew_by_its_hash(fetch, server, tmp_path):
    folder = write_manifest(tmp_path / "model", server.url)
    server.files["/onnx/model.onnx"], server.etag = OTHER_WEIGHTS, None

    def changed(handler, server):
        server.files["/onnx/model.onnx"] = WEIGHTS
        well(handler, server)

    server.behaviours = [drops_after(100_000), changed, well]
    assert "the pieces do not fit, begins anew" in fetch("model")["stderr"]
    assert_whole(folder)


@pytest.mark.parametrize("behaviour", [ignores_ranges, gives_another_range])
def test_a_server_that_does_not_give_the_range_is_taken_from_the_start(fetch, server, tmp_path, behaviour):
    folder = write_manifest(tmp_path / "model", server.url)
    server.behaviours = [drops_after(100_000), behaviour, well]
    fetch("model")
    assert_whole(folder)


def test_what_one_address_left_is_not_of_another_with_the_same_etag(fetch, server, tmp_path):
    folder = write_manifest(tmp_path / "model", server.url, is_known=False)
    server.files["/onnx/model.onnx"] = OTHER_WEIGHTS
    for path, content in FILES.items():
        server.files[f"/mirror/model/{path}"] = content
    server.behaviours = [drops_after(100_000), fails(503)]
    fetch("model", "--retries", 0, code=1)
    server.behaviours = [well]
    assert fetch("model", "--from", f"{server.url}/mirror")["onnx/model.onnx"]["kept"] == 0
    assert_whole(folder)


def test_a_part_longer_than_the_file_begins_anew(fetch, server, tmp_path):
    folder = write_manifest(tmp_path / "model", server.url)
    (folder / "onnx").mkdir()
    (folder / "onnx/model.onnx.part").write_bytes(WEIGHTS + b"more")
    fetch("model")
    assert_whole(folder)


def test_a_whole_part_needs_no_request(fetch, server, tmp_path):
    folder = write_manifest(tmp_path / "model", server.url)
    (folder / "onnx").mkdir()
    (folder / "onnx/model.onnx.part").write_bytes(WEIGHTS)
    fetch("model")
    assert_whole(folder)
    assert [path for path, _ in server.requests] == ["/tokenizer.json"]


@pytest.mark.parametrize("offered", [len(WEIGHTS) + 1, len(WEIGHTS) - 1, 10**15])
def test_another_length_than_the_manifests_is_refused_at_once(fetch, server, tmp_path, offered):
    folder = write_manifest(tmp_path / "model", server.url)
    server.behaviours = [says_length(offered)]
    text = failure(fetch("model", code=1))
    assert f"{server.url}/onnx/model.onnx: the server offers {offered} bytes, expected {len(WEIGHTS)}" in text
    assert len(server.requests) == 1 and not list(folder.glob("onnx/*")), "nothing is kept, nothing is tried again"


def test_a_body_longer_than_the_manifest_says_is_refused(fetch, server, tmp_path):
    folder = write_manifest(tmp_path / "model", server.url)
    server.behaviours = [sends_chunks(WEIGHTS + b"more")]
    assert f"the server sends more than {len(WEIGHTS)} bytes" in failure(fetch("model", code=1))
    assert not list(folder.glob("onnx/*"))


def test_a_length_that_never_comes_is_given_up(fetch, server, tmp_path):
    write_manifest(tmp_path / "model", server.url, is_known=False)
    server.etag = None
    server.behaviours = [says_length(len(WEIGHTS) + 1000)]
    text = failure(fetch("model", "--retries", 1, code=1))
    assert "given up after 2 tries" in text


def test_a_body_without_a_length_is_taken_when_its_end_is_certain(fetch, server, tmp_path):
    folder = write_manifest(tmp_path / "model", server.url, is_known=False)
    server.behaviours = [sends_chunks(WEIGHTS), well]
    fetch("model")
    assert_whole(folder)
    other = write_manifest(tmp_path / "other", server.url, is_known=False)
    server.behaviours = [sends_until_it_closes(WEIGHTS)]
    assert "neither the manifest nor the server says how long" in failure(fetch("other", code=1))
    assert not (other / "onnx/model.onnx").exists()


def test_other_bytes_are_refused_and_nothing_of_them_is_kept(fetch, server, tmp_path):
    folder = write_manifest(tmp_path / "model", server.url)
    server.behaviours = [sends(OTHER_WEIGHTS)]
    text = failure(fetch("model", code=1))
    assert f"sha256 {sha256(OTHER_WEIGHTS)}, expected {sha256(WEIGHTS)}" in text
    assert not list(folder.glob("onnx/*")) and len(server.requests) == 1


@pytest.mark.parametrize("behaviour", [is_silent, stalls_after(100_000)], ids=["head", "body"])
def test_a_server_that_stalls_is_given_up(fetch, server, tmp_path, behaviour):
    write_manifest(tmp_path / "model", server.url)
    server.behaviours = [behaviour]
    began = time.monotonic()
    text = failure(fetch("model", "--retries", 1, code=1, timeout_s=1))
    assert "the server sends nothing for 1 s; given up after 2 tries" in text
    assert time.monotonic() - began < 10.0


def test_a_server_that_stalls_once_is_asked_again_for_the_rest(fetch, server, tmp_path):
    folder = write_manifest(tmp_path / "model", server.url)
    server.behaviours = [stalls_after(100_000), well]
    fetch("model", timeout_s=1)
    assert_whole(folder)
    assert server.ranges()[1] == "bytes=100000-"


def test_a_passing_failure_is_tried_again_and_a_lasting_one_is_not(fetch, server, tmp_path):
    folder = write_manifest(tmp_path / "model", server.url)
    server.behaviours = [fails(503), fails(429), well]
    fetch("model")
    assert_whole(folder)
    write_manifest(tmp_path / "gone", f"{server.url}/nowhere")
    before = len(server.requests)
    text = failure(fetch("gone", code=1))
    assert text == f"{server.url}/nowhere/onnx/model.onnx: the server answers 404 Not Found"
    assert len(server.requests) == before + 2, "each file once"


def test_nobody_listens(fetch, tmp_path, server):
    write_manifest(tmp_path / "model", server.url)
    server.http.shutdown()
    server.http.server_close()
    assert "refused" in failure(fetch("model", "--retries", 0, code=1)).lower()


def test_redirects_are_followed_with_the_range(fetch, server, tmp_path):
    folder = write_manifest(tmp_path / "model", server.url)
    server.files["/elsewhere"] = WEIGHTS
    server.behaviours = [redirects("/elsewhere"), drops_after(100_000), redirects("/elsewhere"), well]
    fetch("model")
    assert_whole(folder)
    assert [path for path, _ in server.requests][1::2][:2] == ["/elsewhere", "/elsewhere"]
    assert server.ranges()[3] == "bytes=100000-"


def test_redirects_without_end_are_refused(fetch, server, tmp_path):
    write_manifest(tmp_path / "model", server.url)
    server.behaviours = [redirects("/onnx/model.onnx")]
    assert "redirects" in failure(fetch("model", code=1))


def test_a_mirror_of_http_has_each_model_below_its_base(fetch, server, tmp_path):
    folder = write_manifest(tmp_path / "model", "http://nowhere.invalid")
    for path, content in FILES.items():
        server.files[f"/mirror/model/{path}"] = content
    fetch("model", "--from", f"{server.url}/mirror/")
    assert_whole(folder)


def test_a_mirror_in_a_folder_is_copied_and_checked(fetch, tmp_path, tmp_path_factory):
    folder = write_manifest(tmp_path / "model")
    mirror = tmp_path_factory.mktemp("mirror")
    (mirror / "model/onnx").mkdir(parents=True)
    (mirror / "model/onnx/model.onnx").write_bytes(OTHER_WEIGHTS)
    (mirror / "model/tokenizer.json").write_bytes(TOKENIZER)
    assert f"expected {sha256(WEIGHTS)}" in failure(fetch("model", "--from", mirror, code=1))
    (mirror / "model/onnx/model.onnx").write_bytes(WEIGHTS[:100])
    assert "it ends in the middle, after 100 bytes" in failure(fetch("model", "--from", mirror, code=1))
    (mirror / "model/onnx/model.onnx").write_bytes(WEIGHTS[:2] + WEIGHTS[2:4])
    assert f"holds 4 bytes, expected {len(WEIGHTS)}" in failure(fetch("model", "--from", mirror, code=1))
    (mirror / "model/onnx/model.onnx").write_bytes(WEIGHTS)
    fetch("model", "--from", mirror)
    assert_whole(folder)


def write_checkpoint(folder, files=None):
    for path, content in (files or FILES).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def test_a_checkpoint_of_a_hub_is_taken_as_it_is(fetch, tmp_path, tmp_path_factory):
    folder = write_manifest(tmp_path / "model", is_known=False)
    checkpoint = write_checkpoint(tmp_path_factory.mktemp("checkpoint"))
    row = fetch("model", "--from", checkpoint)["onnx/model.onnx"]
    assert row["from"] == str(checkpoint / "onnx/model.onnx")
    assert_whole(folder)


def test_the_cache_of_a_hub_is_taken_as_it_is(fetch, tmp_path, tmp_path_factory):
    """With its links into the folder of blobs, by the folder of all models and by that of one."""
    url = "https://huggingface.co/some/model-ONNX/resolve/main"
    cache = tmp_path_factory.mktemp("hub")
    repository = cache / "models--some--model-ONNX"
    for path, content in FILES.items():
        blob = repository / "blobs" / sha256(content)
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        link = repository / "snapshots/0123abcd" / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("0123abcd")
    for number, place in enumerate([cache, repository, repository / "snapshots/0123abcd"]):
        folder = write_manifest(tmp_path / f"model{number}", url)
        fetch(f"model{number}", "--from", place)
        assert_whole(folder)
        assert not (folder / "onnx/model.onnx").is_symlink()


def test_all_files_that_a_folder_does_not_have_are_named(fetch, tmp_path, tmp_path_factory):
    files = FILES | {"config.json": b"{}", "preprocessor_config.json": b"{}"}
    write_manifest(tmp_path / "model", files=files)
    checkpoint = write_checkpoint(tmp_path_factory.mktemp("checkpoint"), {"config.json": b"{}"})
    rows = fetch("model", "--from", checkpoint, code=1)
    assert rows["config.json"]["state"] == "fetched"
    for path in ("onnx/model.onnx", "tokenizer.json", "preprocessor_config.json"):
        assert failure(rows, path) == f"{checkpoint / path} is not there"
    write_manifest(tmp_path / "other", files=files)
    rows = fetch("other", code=1)
    assert all("is missing; " in failure(rows, path) for path in files)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 300000\n"


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("onnx/model.onnx", POINTER, "no ONNX model but a Git LFS pointer, not the file it stands for: run `git lfs pull`"),
        ("onnx/model.onnx", WEIGHTS[:1000], "it ends in the middle, after 1000 bytes"),
        ("tokenizer.json", b"<html>", "no JSON: expected value at line 1"),
    ],
)
def test_a_file_that_does_not_parse_is_not_fetched(fetch, server, tmp_path, tmp_path_factory, is_known, path, content, words):
    """From a folder it is told before anything is copied; from a server where no size and hash refuse it before."""
    folder = write_manifest(tmp_path / "model", server.url, is_known)
    checkpoint = write_checkpoint(tmp_path_factory.mktemp("checkpoint"), FILES | {path: content})
    assert words in failure(fetch("model", "--from", checkpoint, code=1), path)
    server.files[f"/{path}"] = content
    text = failure(fetch("model", code=1), path)
    assert is_known or (words in text and "nothing of it is kept" in text)
    assert not (folder / path).exists() and not (folder / f"{path}.part").exists()


def test_a_file_that_was_put_there_and_does_not_parse_is_not_there(fetch, server, tmp_path, vedette):
    folder = write_manifest(tmp_path / "model", server.url, is_known=False)
    (folder / "tokenizer.json").write_bytes(POINTER)
    assert "no JSON: " in failure(fetch("model", code=1), "tokenizer.json")
    assert "tokenizer.json: no JSON: " in vedette("models", "verify", folder, code=1).stdout
    told = vedette("models", "list", "-p", f"model_dirs:=[{tmp_path}]").stdout
    assert "damaged" in told


def test_a_mirror_that_is_no_folder_is_named(fetch, tmp_path):
    write_manifest(tmp_path / "model")
    told = fetch("model", "--from", tmp_path / "nowhere", code=2)["stderr"]
    assert f"--from {tmp_path / 'nowhere'} is no folder and no http(s) address" in told


def test_a_file_without_an_address_is_named_with_its_source(fetch, tmp_path):
    write_manifest(tmp_path / "model")
    assert "is missing; `make setup` fetches it (a test)" in failure(fetch("model", code=1))


def test_ctrl_c_leaves_the_part_for_the_next_fetch(fetch, server, tmp_path, binary):
    folder = write_manifest(tmp_path / "model", server.url)
    server.behaviours = [stalls_after(100_000), well]
    process = subprocess.Popen([binary, "models", "fetch", folder], env=os.environ | NO_PROXY, stdout=-3, stderr=-3)
    wait_for_part(folder, 100_000)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == -signal.SIGINT
    assert fetch("model")["onnx/model.onnx"]["kept"] == 100_000
    assert_whole(folder)


def test_of_two_fetches_at_once_the_second_is_refused(fetch, server, tmp_path, binary):
    folder = write_manifest(tmp_path / "model", server.url)
    server.behaviours = [stalls_after(100_000), well]
    process = subprocess.Popen([binary, "models", "fetch", folder], env=os.environ | NO_PROXY, stdout=-3, stderr=-3)
    wait_for_part(folder, 100_000)
    assert f"model model: another fetch is at work in {folder}" in fetch("model", code=1)["stderr"]
    server.released.set()
    assert process.wait(30) == 0
    assert_whole(folder)


def wait_for_part(folder, size):
    deadline = time.monotonic() + 20.0
    part = folder / "onnx/model.onnx.part"
    while not part.exists() or part.stat().st_size < size:
        assert time.monotonic() < deadline, "the fetch does not begin"
        time.sleep(0.02)


def test_without_a_name_the_models_of_the_parameters_are_fetched(fetch, server, tmp_path):
    wanted = [write_manifest(tmp_path / name, server.url) for name in ("detector", "encoder", "speaker")]
    other = write_manifest(tmp_path / "other", server.url)
    fetch("-p", "model:=detector", "-p", "text_model:=encoder", "-p", "reason_model:=speaker")
    for folder in wanted:
        assert_whole(folder)
    assert not (other / "tokenizer.json").exists()
    fetch("--all")
    assert_whole(other)


def test_a_proxy_of_the_environment_is_used(fetch, server, tmp_path):
    folder = write_manifest(tmp_path / "model", "http://models.invalid")
    fetch("model", "--retries", 0, env={"http_proxy": server.url})
    assert_whole(folder)
    assert set(server.tunnels) == {"models.invalid:80"} and server.requests[0][1]["host"] == "models.invalid"


def test_nothing_is_fetched_by_other_commands(vedette, server, tmp_path):
    folder = write_manifest(tmp_path / "model", server.url)
    vedette("models", "verify", folder, code=1, env=NO_PROXY)
    vedette("models", "info", folder, env=NO_PROXY)
    vedette("check", "-p", f"model:={folder}", code=1, env=NO_PROXY)
    assert server.requests == []


@pytest.mark.parametrize("args", [("--timeout-s", "0"), ("--retries", "-1"), ("x", "--all")])
def test_wrong_usage_of_fetch_is_exit_code_2(vedette, args):
    assert "try '--help'" in vedette("models", "fetch", *args, code=2).stderr

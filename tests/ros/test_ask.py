"""Questions to the running node, over a real action client. The model is tiny, with random weights: what it says means
nothing, how it is said is what these tests are about."""

import hashlib
import json
import signal
import threading
import time

import pytest
from action_msgs.msg import GoalStatus
from asking import Asker
from camera import FRAME_ID, RELIABLE, ns, wait_until
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from vedette_msgs.msg import Plan, Proposal
from vision_msgs.msg import Detection2DArray

DETECTIONS, PLAN, PROPOSAL = "/vedette/detections", "/vedette/plan", "/vedette/proposal"
# Long enough to be looked at while it lasts.
LONG = 8000
QUIET = ("-p", "reason_period_ms:=0", "-p", "reason_on_new_class:=false", "-p", "max_age_ms:=5000")


@pytest.fixture(scope="session")
def reason_model(root, tmp_path_factory):
    """The parity test's SmolVLM without its tokens that end an answer: it goes on until somebody ends it."""
    source, folder = root / "tests/data/parity/smolvlm/checkpoint", tmp_path_factory.mktemp("models") / "talker"
    manifest = [
        'family = "smolvlm"', 'task = "answer"', 'source = "tests/data/parity"', "[generation]",
        "context_tokens = 8192", "[license]", 'name = "Apache-2.0"',
    ]  # fmt: skip
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        name, content = path.relative_to(source), path.read_bytes()
        if path.name == "generation_config.json":
            content = json.dumps(json.loads(content) | {"suppress_tokens": [1, 452]}).encode()
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        manifest += ["[[files]]", f'path = "{name}"', f"bytes = {len(content)}"]
        manifest += [f'sha256 = "{hashlib.sha256(content).hexdigest()}"']
    (folder / "model.toml").write_text("\n".join(manifest))
    return folder


@pytest.fixture
def asker(listen):
    askers = []

    def make(**options):
        askers.append(Asker(listen({}), **options))
        return askers[-1]

    yield make
    for asker in askers:
        asker.close()


@pytest.fixture
def stream(camera):
    """Sends pictures at 30 Hz until the end of the test."""
    ended = threading.Event()

    def send():
        while not ended.wait(1 / 30):
            camera.send()

    thread = threading.Thread(target=send)

    def begin():
        camera.connect(with_info=True)
        thread.start()

    yield begin
    ended.set()
    if thread.is_alive():
        thread.join()


def seconds(duration):
    return duration.sec + duration.nanosec / 1e9


def test_an_answer_streams_and_completes(start, reason_model, asker, stream):
    start("-p", f"reason_model:={reason_model}", *QUIET)
    stream()
    asked = asker().ask("What is that?", camera="vedette", max_tokens=40)
    assert asked.accepted
    state, result = asked.end()
    assert state == "succeeded" and result.message == ""
    assert result.finish_reason == "length" and result.tokens == 40 and result.prompt_tokens > 4
    assert result.header.frame_id == FRAME_ID and abs(time.time_ns() - ns(result.header.stamp)) < 20e9
    wait_until(lambda: asked.said == result.text, "all pieces of the answer")
    counts = [piece.tokens for piece in asked.feedback]
    assert counts == sorted(counts) and counts[-1] <= result.tokens
    assert 0 < seconds(result.time_to_first_token) <= seconds(result.duration) < 20
    assert not result.has_proposal and len(result.regions) == 0


def test_a_cancelled_answer_ends_early_with_what_was_said(start, reason_model, asker, stream):
    start("-p", f"reason_model:={reason_model}", *QUIET)
    stream()
    asker = asker()
    asked = asker.ask("What is that?", max_tokens=LONG)
    wait_until(lambda: len(asked.feedback) > 3, "the first words")
    assert asked.cancel() == (0, 1)
    state, result = asked.end()
    assert (state, result.finish_reason) == ("canceled", "cancelled")
    assert 0 < result.tokens < LONG and result.text
    wait_until(lambda: asked.said == result.text, "all pieces of the answer")
    assert asker.ask("And now?", max_tokens=3).end()[0] == "succeeded"


def test_questions_wait_their_turn_and_can_be_cancelled_while_they_wait(start, reason_model, asker, stream):
    start("-p", f"reason_model:={reason_model}", *QUIET)
    stream()
    one, other = asker(), asker()
    first = one.ask("First?", max_tokens=400)
    second = other.ask("Second?", max_tokens=5)
    third = one.ask("Third?", max_tokens=5)
    assert first.accepted and second.accepted and third.accepted
    assert second.cancel() == (0, 1)
    state, result = second.end()
    assert (state, result.message, result.text) == ("canceled", "cancelled before its turn", "")
    assert third.end()[0] == "succeeded"
    assert first.future.done() and first.end()[0] == "succeeded"
    assert ns(first.end()[1].header.stamp) < ns(third.end()[1].header.stamp), "each about the newest picture"


def test_without_a_reason_model_a_goal_is_rejected(start, asker):
    node = start()
    asked = asker().ask("What is that?")
    assert not asked.accepted
    wait_until(lambda: asked.said.endswith("parameter reason_model is empty"), "the reason as feedback")
    assert asked.said.startswith("rejected: ")
    wait_until(lambda: "parameter reason_model is empty" in node.log, "the reason in the log")


def test_a_goal_for_another_camera_is_rejected(start, reason_model, asker):
    node = start("-p", f"reason_model:={reason_model}", *QUIET)
    asked = asker().ask("What is that?", camera="rear")
    assert not asked.accepted
    wait_until(lambda: 'rejected: no camera "rear" here, expected vedette or none' in asked.said, "the reason as feedback")
    wait_until(lambda: 'no camera "rear"' in node.log, "the reason in the log")


def test_a_question_is_about_the_camera_that_it_names(start, reason_model, asker, drivers):
    start("-p", f"reason_model:={reason_model}", "-p", "cameras:=[front, rear]", *QUIET)
    front, rear = drivers("front", "rear")
    asker = asker()
    with front.streaming(15), rear.streaming(15):
        for camera, of in (("rear", "rear"), ("front", "front"), ("", "front")):
            state, result = asker.ask("What is that?", camera=camera, max_tokens=3).end()
            assert (state, result.header.frame_id) == ("succeeded", f"{of}_optical_frame")
        asked = asker.ask("What is that?", camera="left")
        assert not asked.accepted
        wait_until(lambda: 'no camera "left" here, expected front, rear or none' in asked.said, "the reason as feedback")


def test_of_two_hundred_goals_at_once_some_have_a_result_and_the_others_a_reason(start, reason_model, asker, stream):
    node = start("-p", f"reason_model:={reason_model}", *QUIET)
    stream()
    # What is said is not lost on this side, however busy the machine is.
    asker = asker(depth=1000)
    asked = asker.ask_at_once(200, question="What is that?", max_tokens=3)
    wait_until(lambda: all(sent.done() for sent, _ in asked), "an answer to each goal", 30)
    handles = [(sent.result(), feedback) for sent, feedback in asked]
    results = [handle.get_result_async() for handle, _ in handles if handle.accepted]
    assert 17 <= len(results) < 200, "one is answered and 16 wait, and more as time goes on"
    wait_until(lambda: all(result.done() for result in results), "a result of each accepted goal", 60)
    assert {result.result().status for result in results} == {GoalStatus.STATUS_SUCCEEDED}
    reasons = [feedback for handle, feedback in handles if not handle.accepted]
    wait_until(lambda: all(reasons), "the reason of each rejection", 10)
    assert {said.text for feedback in reasons for said in feedback} == {"rejected: busy: 16 questions wait already"}
    assert asker.ask("And now?", max_tokens=3).end()[0] == "succeeded" and node.is_running()


def test_without_pictures_or_words_a_goal_is_aborted_in_words(start, reason_model, asker):
    start("-p", f"reason_model:={reason_model}", "-p", "reason_deadline_ms:=300", *QUIET)
    asker = asker()
    state, result = asker.ask("What is that?").end()
    assert (state, result.finish_reason) == ("aborted", "deadline")
    assert result.message == "no fresh image came within 300 ms (reason_deadline_ms)"
    for question, message in (("", "is empty"), ("a\nb", "control character"), ("x" * 2001, "2001 characters")):
        state, result = asker.ask(question).end()
        assert (state, result.finish_reason) == ("aborted", "failed") and message in result.message


def test_a_deadline_ends_an_answer_and_is_reported(start, reason_model, asker, stream, listen):
    start("-p", f"reason_model:={reason_model}", "-p", "reason_deadline_ms:=300", *QUIET)
    diagnostics = listen({"/diagnostics": DiagnosticArray})
    stream()
    state, result = asker().ask("What is that?", max_tokens=LONG).end()
    assert (state, result.finish_reason) == ("aborted", "deadline")
    assert result.text and result.message == "reason_deadline_ms is over"
    assert seconds(result.duration) < 2

    def warned():
        statuses = [status for array in diagnostics["/diagnostics"] for status in array.status]
        late = "an answer took longer than reason_deadline_ms"
        return [status for status in statuses if status.name == "vedette: reasoning" and late in status.message]

    wait_until(warned, "a warning in the diagnostics")
    assert warned()[0].level == b"\x01"
    values = {entry.key: entry.value for entry in warned()[0].values}
    assert (values["model"], values["provider"], values["answers deadline"]) == ("talker", "cpu", "1")
    assert float(values["tokens_per_s"]) > 0 and values["questions"] == "1"


def test_a_deadline_that_is_changed_holds_from_now_on(start, reason_model, asker, listen):
    start("-p", f"reason_model:={reason_model}", "-p", "reason_deadline_ms:=300", *QUIET)
    value = ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=700)
    request = SetParameters.Request(parameters=[Parameter(name="reason_deadline_ms", value=value)])
    [set_to] = listen({}).call(SetParameters, "/vedette/set_parameters", request).results
    assert set_to.successful
    state, result = asker().ask("What is that?").end()
    assert (state, result.finish_reason) == ("aborted", "deadline")
    assert result.message == "no fresh image came within 700 ms (reason_deadline_ms)"


def test_a_proposal_that_is_asked_for_goes_through_the_guard(start, reason_model, asker, stream, listen):
    start("-p", f"reason_model:={reason_model}", "-p", "reason_max_tokens:=2000", *QUIET)
    listener = listen({PROPOSAL: Proposal, PLAN: Plan}, qos=RELIABLE)
    listener.connect()
    stream()
    state, result = asker().ask(want_proposal=True).end()
    assert state == "succeeded" and result.has_proposal, result.message
    assert result.proposal.model == "talker" and result.proposal.text == result.text
    # ROS strings hold no null; JSON writes it as an escape anyway.
    json.loads(result.text)
    wait_until(lambda: listener[PROPOSAL], "the guard's ruling")
    ruled = listener[PROPOSAL][0]
    assert ruled.picture_stamp == result.header.stamp and ruled.text == result.text
    assert ruled.decision == result.proposal.decision
    assert ruled.status in {"taken", "changed", "overruled", "refused"} and ruled.verdict
    plan = next(plan for plan in listener[PLAN] if plan.header.stamp == ruled.header.stamp)
    assert plan.source == ("model" if ruled.status in {"taken", "changed"} else "rules")
    assert ruled.status in plan.verdict, plan.verdict


def test_proposals_come_by_themselves_with_the_period(start, reason_model, stream, listen):
    start(
        "-p", f"reason_model:={reason_model}", "-p", "reason_max_tokens:=2000", "-p", "reason_period_ms:=200",
        "-p", "reason_on_new_class:=false",
    )  # fmt: skip
    listener = listen({PROPOSAL: Proposal}, qos=RELIABLE)
    listener.connect()
    stream()
    wait_until(lambda: len(listener[PROPOSAL]) >= 3, "three proposals", 60)
    pictures = [ns(message.picture_stamp) for message in listener[PROPOSAL]]
    assert all(later - earlier >= 200e6 for earlier, later in zip(pictures, pictures[1:]))


def test_perceive_keeps_its_rate_while_an_answer_is_made(start, reason_model, asker, stream, listen):
    start("-p", f"reason_model:={reason_model}", "-p", "reason_threads:=1", *QUIET)
    listener = listen({DETECTIONS: Detection2DArray})
    listener.connect()
    stream()
    asker = asker()
    wait_until(lambda: len(listener[DETECTIONS]) > 30, "a steady stream")

    def rate(lasts_s):
        begin, before = time.monotonic(), len(listener[DETECTIONS])
        time.sleep(lasts_s)
        return (len(listener[DETECTIONS]) - before) / (time.monotonic() - begin)

    rates = []
    # The machine does other things too.
    for _ in range(3):
        alone = rate(2)
        asked = asker.ask("What is that?", max_tokens=LONG)
        wait_until(lambda asked=asked: asked.feedback, "the first words")
        beside = rate(1.5)
        lasted = not asked.future.done()
        asked.cancel()
        asked.end()
        rates.append((alone, beside, lasted))
        if lasted and beside > 0.9 * alone:
            break
    else:
        raise AssertionError(f"pictures per second alone and beside an answer: {rates}")
    print(f"pictures per second alone and beside an answer: {rates}")


def test_a_signal_ends_an_answer_and_the_node_in_order(start, reason_model, asker, stream):
    node = start("-p", f"reason_model:={reason_model}", *QUIET)
    stream()
    asker = asker()
    asked = asker.ask("What is that?", max_tokens=LONG)
    waits = asker.ask("And that?")
    wait_until(lambda: asked.feedback, "the first words")
    code, lasted_s = node.end(signal.SIGINT)
    assert code == 0 and lasted_s < 3, node.log
    assert "ended in order" in node.log
    state, result = asked.end(5)
    assert (state, result.finish_reason) == ("aborted", "shutdown") and result.text
    assert waits.end(5)[1].message == "the node ends"


def test_a_reason_model_that_is_missing_keeps_the_node_from_starting(binary, model, vedette):
    done = vedette("node", "--ros-args", "-p", f"model:={model}", "-p", "reason_model:=no_such_model", code=1)
    assert 'no model "no_such_model"' in done.stderr

"""What a replay of the real bag finds, against an independent implementation, read by independent readers."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from detect import iou
from recorded import messages, stamp_ns

REFERENCE = Path(__file__).with_name("vtest_yolov12n.json")
FRAMES = 795


def matched(found, wanted, min_iou=0.9, max_score_difference=0.02):
    """How many of `found` have a partner of their own in `wanted`: same class, overlap, score. One to one, greedily
    from the best overlap."""
    pairs = []
    for i, a in enumerate(found):
        for j, b in enumerate(wanted):
            if a["class"] == b["class"] and abs(a["score"] - b["score"]) <= max_score_difference:
                overlap = iou(np.array(a["box"]), np.array([b["box"]]))[0]
                if overlap >= min_iou:
                    pairs.append((overlap, i, j))
    taken_i, taken_j = set(), set()
    for _, i, j in sorted(pairs, reverse=True):
        if i not in taken_i and j not in taken_j:
            taken_i.add(i)
            taken_j.add(j)
    return len(taken_i)


@pytest.fixture(scope="module")
def decoded(recording):
    """All messages of the recording, by topic."""
    by_topic = {}
    for topic, log_time, message in messages(recording):
        by_topic.setdefault(topic, []).append((log_time, message))
    return by_topic


def boxes_of(message):
    """A Detection2DArray as dictionaries with corner boxes."""
    boxes = []
    for detection in message.detections:
        center, result = detection.bbox.center.position, detection.results[0].hypothesis
        half_w, half_h = detection.bbox.size_x / 2, detection.bbox.size_y / 2
        box = [center.x - half_w, center.y - half_h, center.x + half_w, center.y + half_h]
        boxes.append({"class": result.class_id, "score": result.score, "box": box})
    return boxes


def above(boxes, score):
    return [box for box in boxes if box["score"] > score]


def test_replay_finds_what_the_independent_script_finds(decoded):
    reference = json.loads(REFERENCE.read_text())
    detections = decoded["/vedette/detections"]
    assert len(detections) == reference["frames_in_video"] == FRAMES
    wanted = found_of_wanted = ours = partnered = 0
    for frame in reference["frames"]:
        boxes = boxes_of(detections[frame["frame"]][1])
        wanted += len(above(frame["boxes"], 0.3))
        found_of_wanted += matched(above(frame["boxes"], 0.3), boxes)
        ours += len(above(boxes, 0.32))
        partnered += matched(above(boxes, 0.32), above(frame["boxes"], 0.28))
    print(f"{found_of_wanted} of {wanted} reference boxes matched, {ours - partnered} of {ours} of ours unmatched")
    assert wanted > 300, "the reference saw too little to prove anything"
    assert found_of_wanted >= 0.99 * wanted
    assert ours - partnered <= 0.01 * ours


def test_every_message_decodes_and_carries_its_images_stamp(decoded):
    assert set(decoded) >= {f"/vedette/{t}" for t in ("detections", "label_info", "vision_info", "plan", "path")}
    image_stamps = [log_time for log_time, _ in decoded["/vedette/detections"]]
    assert len(set(image_stamps)) == FRAMES
    for topic, records in decoded.items():
        for log_time, message in records:
            assert stamp_ns(message.header) == log_time, topic
    for topic in ("plan", "path"):
        assert [log_time for log_time, _ in decoded[f"/vedette/{topic}"]] == image_stamps


def test_labels_come_before_the_detections_that_they_govern(recording):
    order = [topic for topic, _, _ in messages(recording)][:4]
    assert order == ["/vedette/events", "/vedette/label_info", "/vedette/vision_info", "/vedette/detections"]


def test_tracks_keep_their_ids_over_the_footage(decoded):
    lives = Counter(d.id for _, m in decoded["/vedette/detections"] for d in m.detections if d.id)
    assert lives, "no box was ever tracked"
    long_lived = [track for track, frames in lives.items() if frames >= 50]
    # Six to eight people walk through 79 s of footage; ids that changed every few frames would give hundreds.
    assert len(long_lived) >= 6 and len(lives) < 120, lives


def test_plans_say_why_and_about_whom(decoded):
    plans = [message for _, message in decoded["/vedette/plan"]]
    decisions = Counter(plan.decision for plan in plans)
    assert set(decisions) <= {"proceed", "slow", "stop"} and len(decisions) >= 2, decisions
    assert [plan.sequence for plan in plans] == list(range(1, FRAMES + 1))
    for plan in plans:
        assert plan.verdict and plan.source == "rules"
        if plan.decision != "proceed":
            assert plan.steps and all(step.reason for step in plan.steps)
        # The nearest thing in the way is always a step, and nothing that is behind the robot is in the way.
        nearest = re.search(r"the nearest (?:at the robot|[\d.]+ m ahead)", plan.verdict)
        about = [step for step in plan.steps if "nearest edge" in step.reason]
        assert bool(nearest) == bool(about), plan.verdict
        assert all(step.pose.pose.position.x > -1.01 for step in about)
        assert "way has been clear" not in plan.verdict


def test_a_second_replay_gives_the_same_bytes(vedette, bag, tmp_path):
    first, second = tmp_path / "a.mcap", tmp_path / "b.mcap"
    for path in (first, second):
        vedette("replay", bag, "--params", "config/vtest.yaml", "--limit", 100, "--annotate", "--out", path)
    assert first.stat().st_size > 1000
    assert first.read_bytes() == second.read_bytes()

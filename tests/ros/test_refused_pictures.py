"""Pictures that come and are refused are no pictures: `stop` within `max_age_ms` and 100 ms, in whatever way they are
bad, and whenever their camera_info comes."""

import itertools
import math
import time

import pytest
from camera import HEIGHT, NS_PER_S, WIDTH, ns, wait_until
from diagnostic_msgs.msg import DiagnosticArray
from vedette_msgs.msg import Plan

PLAN, DIAGNOSTICS = "/vedette/plan", "/diagnostics"
MAX_AGE_MS = 300
MS = 1_000_000
REFUSED = {
    "an unknown encoding": {"encoding": "bayer_magic12"},
    "no size": {"width": 0, "height": 0, "step": 0, "data": b""},
    "data too short": {"data": b"\x00" * 90},
    "no data": {"data": b""},
    "a step shorter than a row": {"step": 5, "data": bytes(3 * WIDTH * HEIGHT + 1)},
    "a step beyond the data": {"step": 3 * WIDTH + 64},
    "before the epoch": {"stamp_ns": lambda now, began: -5 * NS_PER_S},
    "an older stamp": {"stamp_ns": lambda now, began: began - 50 * MS},
    "too old": {"stamp_ns": lambda now, began: now - 5 * NS_PER_S},
    "from the future": {"stamp_ns": lambda now, began: now + 5 * NS_PER_S},
    "garbage": {"raw": b"\x00\x01\x00\x00" + bytes(range(256)) * 4},
    "no message at all": {"raw": b"\x00\x01"},
}


def send_bad(camera, infos, changes, info_after_s, began):
    """One bad picture; its camera_info so long after it, before it where that is negative, none where that is None.
    `began` is when the bad ones began."""
    changes = dict(changes)
    raw, stamp_of = changes.pop("raw", None), changes.pop("stamp_ns", lambda now, _: now)
    stamp = stamp_of(camera.now_ns(), began)
    picture = camera.image(stamp, **changes) if raw is None else raw
    info = None if info_after_s is None else camera.info(stamp)
    if info is not None and info_after_s < 0:
        infos.publish(info)
        time.sleep(-info_after_s)
    camera.images.publish(picture)
    if info is not None and info_after_s >= 0:
        time.sleep(info_after_s)
        infos.publish(info)


@pytest.mark.parametrize("info_after_s", [None, -0.001, 0.0, 0.001, 0.02])
def test_pictures_that_are_refused_lead_to_stop(start, camera, listen, info_after_s):
    start("-p", f"max_age_ms:={MAX_AGE_MS}", "-p", "camera_info_wait_ms:=50")
    listener = listen({PLAN: Plan, DIAGNOSTICS: DiagnosticArray})
    listener.connect()
    camera.connect(with_info=True)
    infos = camera.infos
    failed = []
    for (name, changes), hz in zip(REFUSED.items(), itertools.cycle([10, 30, 100])):
        first = len(listener[PLAN])
        with camera.streaming():
            wait_until(lambda: sum(plan.source == "rules" for plan in listener[PLAN][first:]) > 5, "plans")
        began = camera.now_ns()
        with camera.streaming(hz, lambda: send_bad(camera, infos, changes, info_after_s, began)):
            time.sleep((MAX_AGE_MS + 300) / 1000)
        plans = listener[PLAN][first:]
        last = max(at for at, plan in enumerate(plans) if plan.source == "rules")
        stops = [ns(plan.header.stamp) for plan in plans[last + 1 :]]
        waited_ms = (stops[0] - ns(plans[last].header.stamp)) / MS if stops else math.inf
        if not MAX_AGE_MS < waited_ms <= MAX_AGE_MS + 100:
            failed.append((name, hz, waited_ms))
    assert failed == []


def test_while_pictures_are_refused_diagnostics_say_stop_and_why(start, camera, listen):
    start("-p", f"max_age_ms:={MAX_AGE_MS}")
    listener = listen({PLAN: Plan, DIAGNOSTICS: DiagnosticArray})
    listener.connect()
    camera.connect(with_info=True)
    with camera.streaming():
        wait_until(lambda: listener.status("plan")[2].get("source") == "rules", "a plan in diagnostics")
    with camera.streaming(30, lambda: camera.send(encoding="bayer_magic12")):
        wait_until(lambda: listener.status("plan")[0] == 2, "plan at ERROR")
        _, message, values = listener.status("plan")
    assert values["decision"] == "stop" and message.endswith("images are lost: bad_message")

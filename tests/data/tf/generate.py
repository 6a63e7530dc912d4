#!/usr/bin/env python3
"""Records what the real tf2 answers: 5,000 lookups between inserts of chains, branches, gaps, jumps back, loops, static
and moving links, into lookups.bin beside this file.

tf2 is Debian 12's python3-tf2 0.7.6, which needs no ROS:

    mkdir debs root && cd debs
    apt-get download python3-tf2 libtf2-2d libconsole-bridge1.0 librostime1d libcpp-common0d libroscpp-serialization0d \\
        python3-genpy python3-genmsg python3-roslib python3-rospkg python3-catkin python3-catkin-pkg python3-rosgraph \\
        python3-rospy python3-roscpp-msg python3-rosgraph-msgs python3-std-msgs python3-geometry-msgs python3-tf2-msgs
    for deb in *.deb; do dpkg-deb -x $deb ../root; done; cd ..
    PYTHONPATH=root/usr/lib/python3/dist-packages LD_LIBRARY_PATH=root/usr/lib/x86_64-linux-gnu \\
        /usr/bin/python3 generate.py

The file is records, little endian, until its end. Each begins with a byte that says what it is:

    0  a new buffer
    1  a moving transform, 2 a static one: parent, child (a string is a byte of length and the bytes), stamp in ns (int64),
       x, y, z of the place in millimetres and x, y, z, w of the turn, to be brought to length 1 (int16)
    3  the buffer is cleared
    4  a lookup: target, source, stamp (0: the latest), and the answer: a byte 0 and the seven numbers, or 1 for
       InvalidArgument, 2 for Lookup, 3 for Connectivity, 4 for Extrapolation
    5  the latest common time: target, source, and the answer: a byte 0 and the stamp (0: nothing moves), or 5 for an error, whose
       kind tf2 does not tell
"""

import math
import random
import struct
from pathlib import Path

import genpy
import tf2_py
from geometry_msgs.msg import TransformStamped

LOOKUPS = 5000
S = 10**9
# Early: tf2_py passes stamps on as float64 seconds, which would not hold the nanoseconds of today.
BEGIN = 1000 * S
KINDS = {
    tf2_py.InvalidArgumentException: 1,
    tf2_py.LookupException: 2,
    tf2_py.ConnectivityException: 3,
    tf2_py.ExtrapolationException: 4,
    tf2_py.TransformException: 5,
}


def time_of(ns):
    return genpy.Time(ns // S, ns % S)


class Recorder:
    """A buffer of tf2, and what was done with it."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.out = bytearray()
        self.lookups = 0
        self.counts = {}

    def begin(self):
        self.buffer = tf2_py.BufferCore(genpy.Duration(10))
        self.out.append(0)

    def text(self, name):
        data = name.encode()
        self.out += bytes([len(data)]) + data

    def insert(self, parent, child, stamp, static=False):
        place = [self.random.randint(-3000, 3000) for _ in range(3)]
        turn = self.turn()
        message = TransformStamped()
        message.header.frame_id, message.child_frame_id, message.header.stamp = parent, child, time_of(stamp)
        translation, rotation = message.transform.translation, message.transform.rotation
        translation.x, translation.y, translation.z = (number / 1000 for number in place)
        length = math.sqrt(sum(number * number for number in turn))
        rotation.x, rotation.y, rotation.z, rotation.w = (number / length for number in turn)
        (self.buffer.set_transform_static if static else self.buffer.set_transform)(message, "generate")
        self.out.append(2 if static else 1)
        self.text(parent)
        self.text(child)
        self.out += struct.pack("<q7h", stamp, *place, *turn)

    def turn(self):
        while True:
            turn = [self.random.randint(-10000, 10000) for _ in range(4)]
            if 1000 < math.hypot(*turn) < 10000:
                return turn

    def clear(self):
        self.buffer.clear()
        self.out.append(3)

    def answer(self, ask, pack):
        try:
            found = pack(ask())
        except tuple(KINDS) as error:
            kind = KINDS[type(error)]
            found = bytes([kind])
        self.counts[found[0]] = self.counts.get(found[0], 0) + 1
        self.out += found

    def lookup(self, target, source, stamp):
        self.lookups += 1
        self.out.append(4)
        self.text(target)
        self.text(source)
        self.out += struct.pack("<q", stamp)

        def pack(found):
            place, turn = found.transform.translation, found.transform.rotation
            return b"\0" + struct.pack("<7d", place.x, place.y, place.z, turn.x, turn.y, turn.z, turn.w)

        self.answer(lambda: self.buffer.lookup_transform_core(target, source, time_of(stamp)), pack)

    def latest(self, target, source):
        self.out.append(5)
        self.text(target)
        self.text(source)
        self.answer(
            lambda: self.buffer.get_latest_common_time(target, source),
            lambda stamp: b"\0" + struct.pack("<q", stamp.to_nsec()),
        )


def scene(recorder):
    """A robot of a random shape, what its publishers say for a while, and lookups meanwhile."""
    pick = recorder.random
    recorder.begin()
    frames = [f"f{number}" for number in range(pick.randint(2, 14))]
    parents, static, period, behind = {}, {}, {}, {}
    for number, frame in enumerate(frames[1:], 1):
        # A chain, branches, or now and then a second tree.
        if pick.random() < 0.1:
            continue
        parents[frame] = frames[number - 1] if pick.random() < 0.6 else pick.choice(frames[:number])
        static[frame] = pick.random() < 0.4
        period[frame] = pick.choice([10, 20, 33, 50, 100, 400]) * 10**6
        behind[frame] = pick.choice([0, 0, 7, 60, 300]) * 10**6
    now = BEGIN + pick.randrange(S)
    for frame in [frame for frame in parents if static[frame]]:
        recorder.insert(parents[frame], frame, pick.choice([0, now]), static=True)
    due = {frame: now for frame in parents if not static[frame]}
    names = [*frames, "nobody", "", "/f1"]
    for _ in range(pick.randint(20, 90)):
        now += pick.choice([3, 20, 20, 50, 130]) * 10**6
        event = pick.random()
        if event < 0.01:
            now += pick.choice([3, 12]) * S  # a gap
        elif event < 0.02:
            now -= pick.choice([1, 4, 11]) * S  # a jump back
        elif event < 0.025:
            recorder.clear()
        elif event < 0.05 and parents:
            frame = pick.choice(list(parents))  # another parent; it may close a loop
            parents[frame] = pick.choice([parent for parent in frames if parent != frame])
        elif event < 0.06:
            bad = pick.choice([("", "f1"), ("f1", "f1"), ("/f1", "f1"), ("f0", "")])
            recorder.insert(*bad, now)
        elif event < 0.08 and parents:
            frame = pick.choice(list(parents))  # of the other kind
            recorder.insert(parents[frame], frame, now, static=not static[frame])
        for frame in due:
            if abs(now - due[frame]) >= period[frame]:
                due[frame] = now
                slash = "/" if pick.random() < 0.1 else ""
                stamp = now - behind[frame]
                for _ in range(2 if pick.random() < 0.05 else 1):  # twice with one stamp
                    recorder.insert(slash + parents[frame], slash + frame, stamp)
        for _ in range(pick.randint(0, 3)):
            if recorder.lookups == LOOKUPS:
                return
            among = names if pick.random() < 0.1 else frames
            target, source = pick.choice(among), pick.choice(among)
            back = pick.choice([0, 40, 100, 100, 250, 400, 700, 2000, 9900, 12000, -30]) * 10**6
            recorder.lookup(target, source, 0 if pick.random() < 0.2 else now - back + pick.randrange(10**6))
            if pick.random() < 0.1 and target in frames and source in frames:
                recorder.latest(target, source)


def main():
    recorder = Recorder(20)
    while recorder.lookups < LOOKUPS:
        scene(recorder)
    path = Path(__file__).with_name("lookups.bin")
    path.write_bytes(recorder.out)
    print(f"{recorder.lookups} lookups, answers by kind {dict(sorted(recorder.counts.items()))}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()

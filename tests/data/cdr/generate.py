#!/usr/bin/env python3
"""Writes the CDR messages in this folder with rosbags, an implementation of CDR that shares no code with ours, and
checks src/wire/definitions against it.

    python3 -m venv venv && venv/bin/pip install rosbags==0.11.9
    venv/bin/python tests/data/cdr/generate.py

NAME.le.cdr is little endian, NAME.be.cdr the same message in big endian. The values are those of the unit tests in
src/wire. TYPE.ros2msg.txt is the text that `wire::schema::message_definition` must give.
"""

import math
from pathlib import Path

import numpy as np
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

HERE = Path(__file__).parent
DEFINITIONS = HERE.parents[2] / "src/wire/definitions"

# The fields of vision_msgs 4 and of foxglove_msgs 3.2.5 as published, and of vedette_msgs as this project's interface lists them. Everything
# else comes from rosbags' own tables for Jazzy.
INTERFACES = {
    "vision_msgs/msg/ObjectHypothesis": "string class_id\nfloat64 score",
    "vision_msgs/msg/ObjectHypothesisWithPose": "ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose",
    "vision_msgs/msg/Point2D": "float64 x\nfloat64 y",
    "vision_msgs/msg/Pose2D": "Point2D position\nfloat64 theta",
    "vision_msgs/msg/BoundingBox2D": "Pose2D center\nfloat64 size_x\nfloat64 size_y",
    "vision_msgs/msg/Detection2D": "std_msgs/Header header\nObjectHypothesisWithPose[] results\nBoundingBox2D bbox\n"
    "string id",
    "vision_msgs/msg/Detection2DArray": "std_msgs/Header header\nDetection2D[] detections",
    "vision_msgs/msg/VisionClass": "uint16 class_id\nstring class_name",
    "vision_msgs/msg/LabelInfo": "std_msgs/Header header\nVisionClass[] class_map\nfloat32 threshold",
    "vision_msgs/msg/VisionInfo": "std_msgs/Header header\nstring method\nstring database_location\n"
    "int32 database_version",
    "foxglove_msgs/msg/Color": "float64 r\nfloat64 g\nfloat64 b\nfloat64 a",
    "foxglove_msgs/msg/Point2": "float64 x\nfloat64 y",
    "foxglove_msgs/msg/KeyValuePair": "string key\nstring value",
    "foxglove_msgs/msg/CircleAnnotation": "builtin_interfaces/Time timestamp\nPoint2 position\nfloat64 diameter\n"
    "float64 thickness\nColor fill_color\nColor outline_color\nKeyValuePair[] metadata",
    "foxglove_msgs/msg/PointsAnnotation": "builtin_interfaces/Time timestamp\nuint8 UNKNOWN=0\nuint8 POINTS=1\n"
    "uint8 LINE_LOOP=2\nuint8 LINE_STRIP=3\nuint8 LINE_LIST=4\nuint8 type\nPoint2[] points\nColor outline_color\n"
    "Color[] outline_colors\nColor fill_color\nfloat64 thickness\nKeyValuePair[] metadata",
    "foxglove_msgs/msg/TextAnnotation": "builtin_interfaces/Time timestamp\nPoint2 position\nstring text\n"
    "float64 font_size\nColor text_color\nColor background_color\nKeyValuePair[] metadata",
    "foxglove_msgs/msg/ImageAnnotations": "builtin_interfaces/Time timestamp\nCircleAnnotation[] circles\n"
    "PointsAnnotation[] points\nTextAnnotation[] texts\nKeyValuePair[] metadata",
    "vedette_msgs/msg/Event": 'string START = "start"\nstring PARAMETERS = "parameters"\nstd_msgs/Header header\n'
    "uint32 version\nstring kind\nrcl_interfaces/Parameter[] parameters",
    "vedette_msgs/msg/PlanStep": "string action\nstring track_id\nstring class_id\ngeometry_msgs/PoseStamped pose\n"
    "string rule\nfloat32 gap_m\nfloat32 approach_mps\nfloat32 time_to_contact_s\nfloat32 limit_mps\n"
    "string goes_on_when\nfloat32 goes_on_after_s\nstring reason",
    "vedette_msgs/msg/Plan": "std_msgs/Header header\nuint64 sequence\nstring decision\nfloat32 speed_limit_mps\n"
    "PlanStep[] steps\nnav_msgs/Path path\nbuiltin_interfaces/Duration valid_for\nstring source\nstring model\n"
    "uint32 prompt_version\nstring verdict",
    "vedette_msgs/msg/ProposedStep": "string action\nstring track_id\nstring class_id\nstring reason",
    "vedette_msgs/msg/Proposal": "std_msgs/Header header\nbuiltin_interfaces/Time picture_stamp\nstring status\n"
    "string verdict\nstring decision\nfloat32 speed_limit_mps\nProposedStep[] steps\nstring reason\nstring model\n"
    "uint32 prompt_version\nstring text",
}

PUBLISHED = [
    "diagnostic_msgs/msg/DiagnosticArray",
    "foxglove_msgs/msg/ImageAnnotations",
    "nav_msgs/msg/Odometry",
    "nav_msgs/msg/Path",
    "rosgraph_msgs/msg/Clock",
    "sensor_msgs/msg/CameraInfo",
    "sensor_msgs/msg/CompressedImage",
    "sensor_msgs/msg/Image",
    "tf2_msgs/msg/TFMessage",
    "vedette_msgs/msg/Event",
    "vedette_msgs/msg/Plan",
    "vedette_msgs/msg/Proposal",
    "vision_msgs/msg/Detection2DArray",
    "vision_msgs/msg/LabelInfo",
    "vision_msgs/msg/VisionInfo",
    "visualization_msgs/msg/MarkerArray",
]

store = get_typestore(Stores.ROS2_JAZZY)
interfaces = {}
for name, text in INTERFACES.items():
    interfaces.update(get_types_from_msg(text, name))
store.register(interfaces)
# foxglove_msgs before 3.2.5: the array has no stamp, and nothing has metadata.
plain_store = get_typestore(Stores.ROS2_JAZZY)
for name, text in INTERFACES.items():
    if name.startswith("foxglove_msgs/"):
        text = text.replace("\nKeyValuePair[] metadata", "")
        if name.endswith("ImageAnnotations"):
            text = text.removeprefix("builtin_interfaces/Time timestamp\n")
        plain_store.register(get_types_from_msg(text, name))


def full_text(name):
    """The definition and, behind it, those of all its parts, breadth first."""
    order = [name]
    chunks = []
    for current in order:
        text = (DEFINITIONS / current.replace("/msg/", "/")).with_suffix(".msg").read_text()
        chunks.append((current, text))
        for line in text.splitlines():
            part = line.split()[0].split("[")[0].replace("/", "/msg/")
            if not line.startswith("#") and "/" in part and part not in order:
                order.append(part)
    head, *parts = chunks
    return head[1] + "".join(f"{'=' * 80}\nMSG: {part.replace('/msg/', '/')}\n{text}" for part, text in parts)


def check_definitions():
    """Ours parse, and have the same fields and constants as those that wrote the messages here."""
    seen = set()
    for name in PUBLISHED:
        for part, fields in get_types_from_msg(full_text(name), name).items():
            assert fields == store.fielddefs[part], f"{part}: {fields}, expected {store.fielddefs[part]}"
            seen.add(part)
    files = {f"{path.parent.name}/msg/{path.stem}" for path in DEFINITIONS.glob("*/*.msg")}
    assert files == seen, f"no published type is made of {files - seen}"


def make(name, /, **fields):
    """A message by its type's name, without the package where no other has it too."""
    (found,) = (known for known in store.types if f"/{known}".endswith(f"/{name}"))
    return store.types[found](**fields)


def write(name, message, big_endian=True):
    """The message in the endians that the tests read."""
    for suffix, little in (("le", True), ("be", False)) if big_endian else (("le", True),):
        data = bytes(store.serialize_cdr(message, message.__msgtype__, little_endian=little))
        (HERE / f"{name}.{suffix}.cdr").write_bytes(data)


STAMP = make("Time", sec=1_700_000_000, nanosec=100_000_000)


def header(frame_id="camera_optical_frame"):
    return make("Header", stamp=STAMP, frame_id=frame_id)


def quaternion(yaw):
    return make("Quaternion", x=0.0, y=0.0, z=math.sin(yaw / 2), w=math.cos(yaw / 2))


def pose_stamped(x, y, yaw):
    pose = make("Pose", position=make("Point", x=x, y=y, z=0.0), orientation=quaternion(yaw))
    return make("PoseStamped", header=header("base_link"), pose=pose)


def image():
    return make(
        "Image", header=header(), height=3, width=4, encoding="bgr8", is_bigendian=0, step=16,
        data=np.arange(48, dtype=np.uint8),
    )


def camera_info(binning=(0, 0), roi=(0, 0, 0, 0)):
    x, y, width, height = roi
    k = [700.5, 0, 383.5, 0, 701.5, 287.5, 0, 0, 1]
    return make(
        "CameraInfo", header=header(), height=576, width=768, distortion_model="plumb_bob",
        d=np.array([-0.25, 0.125, 0.001, -0.002, 0.0625]), k=np.array(k, dtype=float), r=np.eye(3).ravel(),
        p=np.array([700.5, 0, 383.5, 0, 0, 701.5, 287.5, 0, 0, 0, 1, 0], dtype=float),
        binning_x=binning[0], binning_y=binning[1],
        roi=make("RegionOfInterest", x_offset=x, y_offset=y, height=height, width=width, do_rectify=False),
    )


def odometry():
    pose = make("Pose", position=make("Point", x=1.0, y=2.0, z=3.0), orientation=quaternion(0.5))
    twist = make("Twist", linear=make("Vector3", x=-1.5, y=2.0, z=9.0), angular=make("Vector3", x=0.0, y=0.0, z=0.25))
    covariance = np.arange(36, dtype=float)
    return make(
        "Odometry", header=header("odom"), child_frame_id="base_link",
        pose=make("PoseWithCovariance", pose=pose, covariance=covariance),
        twist=make("TwistWithCovariance", twist=twist, covariance=covariance),
    )


def transform_stamped(sec, nanosec, parent, child, place, yaw):
    header = make("Header", stamp=make("Time", sec=sec, nanosec=nanosec), frame_id=parent)
    x, y, z = place
    transform = make("Transform", translation=make("Vector3", x=x, y=y, z=z), rotation=quaternion(yaw))
    return make("TransformStamped", header=header, child_frame_id=child, transform=transform)


def tf():
    moving = transform_stamped(1_700_000_000, 100_000_000, "base_link", "pan", (0.5, -0.25, 1.5), 0.5)
    static = transform_stamped(0, 0, "/pan", "camera_optical_frame", (0.0, 0.1, 0.0), 0.0)
    return make("TFMessage", transforms=[moving, static])


def path(poses):
    return make("Path", header=header("base_link"), poses=[pose_stamped(*pose) for pose in poses])


def detection(corners, class_id, score, track):
    """Corners and score are float32 in the node, and so here."""
    x_min, y_min, x_max, y_max = (float(np.float32(corner)) for corner in corners)
    identity = make("Pose", position=make("Point", x=0.0, y=0.0, z=0.0), orientation=quaternion(0.0))
    result = make(
        "ObjectHypothesisWithPose",
        hypothesis=make("ObjectHypothesis", class_id=class_id, score=float(np.float32(score))),
        pose=make("PoseWithCovariance", pose=identity, covariance=np.zeros(36)),
    )
    position = make("Point2D", x=(x_min + x_max) / 2, y=(y_min + y_max) / 2)
    center = make("vision_msgs/msg/Pose2D", position=position, theta=0.0)
    bbox = make("BoundingBox2D", center=center, size_x=x_max - x_min, size_y=y_max - y_min)
    return make("Detection2D", header=header(), results=[result], bbox=bbox, id=track)


def detections(members):
    return make("Detection2DArray", header=header(), detections=members)


def label_info():
    names = enumerate(["person", "bicycle", "car"])
    classes = [make("VisionClass", class_id=number, class_name=name) for number, name in names]
    return make("LabelInfo", header=header(), class_map=classes, threshold=0.25)


def vision_info():
    return make(
        "VisionInfo", header=header(), method="yolov12n", database_location="~/label_info", database_version=7
    )


def step(action, track_id, class_id, pose, cause, reason):
    rule, gap_m, approach_mps, time_to_contact_s, limit_mps, goes_on_when, goes_on_after_s = cause
    return make(
        "PlanStep", action=action, track_id=track_id, class_id=class_id, pose=pose_stamped(*pose), rule=rule,
        gap_m=gap_m, approach_mps=approach_mps, time_to_contact_s=time_to_contact_s, limit_mps=limit_mps,
        goes_on_when=goes_on_when, goes_on_after_s=goes_on_after_s, reason=reason,
    )


def plan(**fields):
    return make("Plan", header=header("base_link"), **fields)


def plan_slow():
    return plan(
        sequence=42, decision="slow", speed_limit_mps=0.75,
        steps=[
            step(
                "slow", "7", "car", (4.5, -0.5, 0.0), ("in_the_way", 4.25, 0.5, 2.5, 0.75, "clear", math.nan),
                "car 4.5 m ahead",
            ),
            step(
                "stop", "", "", (3.0, 0.0, 0.5), ("held", math.nan, math.nan, math.nan, 0.0, "time", 0.25), "halt here"
            ),
        ],
        path=path([(0.0, 0.0, 0.0), (1.5, 0.25, 0.5)]), valid_for=make("Duration", sec=1, nanosec=500_000_000),
        source="rules", model="yolov12n", prompt_version=3, verdict="speed 1.2 m/s from odom",
    )


def plan_free():
    return plan(
        sequence=1, decision="proceed", speed_limit_mps=math.nan, steps=[], path=path([]),
        valid_for=make("Duration", sec=0, nanosec=200_000_000), source="watchdog", model="", prompt_version=0,
        verdict="",
    )


def proposal(**fields):
    picture = make("Time", sec=1_699_999_999, nanosec=600_000_000)
    return make("Proposal", header=header(), picture_stamp=picture, **fields)


def proposal_changed():
    steps = [
        make("ProposedStep", action="yield", track_id="7", class_id="car", reason="it backs out"),
        make("ProposedStep", action="slow", track_id="", class_id="", reason="wet floor"),
    ]
    return proposal(
        status="changed", verdict="the rules allow 0.75 m/s", decision="yield", speed_limit_mps=1.25, steps=steps,
        reason="a car backs out", model="smolvlm", prompt_version=3, text='{"decision":"yield"}',
    )


def proposal_truncated():
    return proposal(
        status="truncated", verdict="256 tokens", decision="", speed_limit_mps=math.nan, steps=[], reason="",
        model="smolvlm", prompt_version=0, text='{"decision":"yi',
    )


def status(level, name, message, hardware_id, values):
    pairs = [make("diagnostic_msgs/msg/KeyValue", key=key, value=value) for key, value in values]
    return make(
        "DiagnosticStatus", level=level, name=name, message=message, hardware_id=hardware_id, values=pairs
    )


def diagnostics():
    return make(
        "DiagnosticArray", header=header(""),
        status=[
            status(1, "vedette: inference", "runs on cpu", "", [("provider", "cpu"), ("drops", "3")]),
            status(0, "vedette: camera", "ok", "cam0", []),
        ],
    )


def marker(namespace, number, **fields):
    zero = {"x": 0.0, "y": 0.0, "z": 0.0}
    nothing = dict(
        type=0, action=0, scale=make("Vector3", **zero), color=make("ColorRGBA", r=0.0, g=0.0, b=0.0, a=0.0),
        pose=make("Pose", position=make("Point", **zero), orientation=quaternion(0.0)),
        lifetime=make("Duration", sec=0, nanosec=0), points=[], text="",
    )
    no_header = make("Header", stamp=make("Time", sec=0, nanosec=0), frame_id="")
    no_data = np.array([], dtype=np.uint8)
    return make(
        "Marker", header=header("base_link"), ns=namespace, id=number, frame_locked=False, colors=[],
        texture_resource="", texture=make("CompressedImage", header=no_header, format="", data=no_data),
        uv_coordinates=[], mesh_resource="", mesh_file=make("MeshFile", filename="", data=no_data),
        mesh_use_embedded_materials=False, **(nothing | fields),
    )


def markers():
    shown = dict(
        color=make("ColorRGBA", r=0.25, g=0.5, b=0.75, a=1.0), lifetime=make("Duration", sec=1, nanosec=500_000_000)
    )
    place = make("Pose", position=make("Point", x=3.5, y=-0.25, z=0.9), orientation=quaternion(0.0))
    points = [make("Point", x=0.0, y=0.0, z=0.0), make("Point", x=1.5, y=0.25, z=0.0)]
    return make(
        "MarkerArray",
        markers=[
            marker("things", 12, type=3, pose=place, scale=make("Vector3", x=0.6, y=0.6, z=1.8), **shown),
            marker("path", 0, type=4, scale=make("Vector3", x=0.1, y=0.0, z=0.0), points=points, text="person #12", **shown),
            marker("things", 7, action=2),
        ],
    )


def image_annotations(types, more):
    """In the form of `types`; `more` is what every part has there besides."""
    of = {name.rsplit("/", 1)[1]: kind for name, kind in types.items() if name.startswith("foxglove_msgs/")}
    none, red = of["Color"](r=0.0, g=0.0, b=0.0, a=0.0), of["Color"](r=1.0, g=0.25, b=0.0, a=1.0)

    def line(kind, points, width):
        points = [of["Point2"](x=x, y=y) for x, y in points]
        return of["PointsAnnotation"](
            timestamp=STAMP, type=kind, points=points, outline_color=red, outline_colors=[], fill_color=none,
            thickness=width, **more,
        )

    circle = of["CircleAnnotation"](
        timestamp=STAMP, position=of["Point2"](x=70.5, y=130.0), diameter=6.0, thickness=1.0, fill_color=red,
        outline_color=red, **more,
    )
    text = of["TextAnnotation"](
        timestamp=STAMP, position=of["Point2"](x=40.0, y=48.0), text="person #12", font_size=14.0, text_color=none,
        background_color=red, **more,
    )
    lines = [line(2, [(40.0, 50.0), (100.0, 50.0), (100.0, 130.0)], 2.0), line(3, [(1.0, 2.0), (3.0, 4.0)], 1.5)]
    stamped = {"timestamp": STAMP} if more else {}
    return of["ImageAnnotations"](circles=[circle], points=lines, texts=[text], **stamped, **more)


def main():
    check_definitions()
    for name in ("vision_msgs/msg/Detection2DArray", "vedette_msgs/msg/Plan", "vedette_msgs/msg/Proposal"):
        (HERE / f"{name.rsplit('/', 1)[1]}.ros2msg.txt").write_text(full_text(name))
    write("image", image())
    write("camera_info", camera_info())
    write("camera_info_part", camera_info(binning=(2, 4), roi=(100, 50, 400, 300)), big_endian=False)
    write("odometry", odometry())
    write("tf", tf())
    write("clock", make("Clock", clock=STAMP))
    write("path", path([(0.5, 0.0, 0.0), (1.5, -0.25, 0.5)]))
    person = detection((10.5, 20.25, 110.75, 220.0), "person", 0.875, "1207")
    car = detection((0.0, 0.1, 768.0, 576.0), "car", 0.3, "")
    write("detections", detections([person, car]))
    write("detections_empty", detections([]), big_endian=False)
    write("label_info", label_info())
    write("vision_info", vision_info(), big_endian=False)
    write("plan", plan_slow())
    write("plan_free", plan_free(), big_endian=False)
    write("proposal", proposal_changed())
    write("proposal_truncated", proposal_truncated(), big_endian=False)
    write("diagnostics", diagnostics(), big_endian=False)
    write("markers", markers(), big_endian=False)
    write("image_annotations", image_annotations(store.types, {"metadata": []}), big_endian=False)
    plain = image_annotations(plain_store.types, {})
    (HERE / "image_annotations_plain.le.cdr").write_bytes(plain_store.serialize_cdr(plain, plain.__msgtype__))
    print(f"{len(list(HERE.glob('*.cdr')))} messages written, {len(PUBLISHED)} published types checked")


if __name__ == "__main__":
    main()

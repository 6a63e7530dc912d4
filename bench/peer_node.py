"""The peer of the live bench: an rclpy node with OpenCV preprocessing and constant boxes instead of a model."""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/reference"))
from detect import preprocess  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", default="/bench/image")
    parser.add_argument("--detections", default="/peer/detections")
    args = parser.parse_args()
    cv2.setNumThreads(2)
    rclpy.init()
    node = rclpy.create_node("vedette_bench_peer")
    publisher = node.create_publisher(Detection2DArray, args.detections, 10)

    def received(message):
        image = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        preprocess(image)
        array = Detection2DArray(header=message.header)
        for index in range(8):
            detection = Detection2D(header=message.header, id=str(index))
            detection.bbox.center.position.x = detection.bbox.center.position.y = 100.0 + 40 * index
            detection.bbox.size_x, detection.bbox.size_y = 40.0, 80.0
            result = ObjectHypothesisWithPose()
            result.hypothesis.class_id, result.hypothesis.score = "person", 0.9
            detection.results.append(result)
            array.detections.append(detection)
        publisher.publish(array)

    node.create_subscription(Image, args.image, received, qos_profile_sensor_data)
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        pass


if __name__ == "__main__":
    main()

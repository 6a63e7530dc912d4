"""Reads an MCAP through its own schemas with rosbags: no definitions of ours come between."""

from mcap.reader import make_reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore


def messages(path, topics=None):
    """Yields `(topic, log_time_ns, message)` in log order, decoded by the schema text in the file."""
    typestore = get_typestore(Stores.ROS2_JAZZY)
    known = set()
    with open(path, "rb") as file:
        for schema, channel, record in make_reader(file).iter_messages(topics=topics):
            assert schema.encoding == "ros2msg" and channel.message_encoding == "cdr"
            if schema.name not in known:
                types = get_types_from_msg(schema.data.decode(), schema.name)
                typestore.register({name: t for name, t in types.items() if name not in typestore.types})
                known.add(schema.name)
            yield channel.topic, record.log_time, typestore.deserialize_cdr(record.data, schema.name)


def stamp_ns(header):
    """A header's stamp in nanoseconds."""
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec

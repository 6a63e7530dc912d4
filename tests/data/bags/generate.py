"""Makes the bags beside this file: the same 36 messages in every form that rosbag2 and MCAP know.

    python3 -m venv /tmp/bags && /tmp/bags/bin/pip install rosbags==0.11.9 mcap==1.6.0 zstandard==0.25.0 lz4==4.4.5
    /tmp/bags/bin/python generate.py

The writers are independent of Vedette. expected.txt lists what a reader must give: log time, topic, type, bytes and
CRC-32 of each message, in log-time order, those with equal times in the order in which they were written.
"""

import random
import shutil
import sqlite3
import zlib
from pathlib import Path

import numpy as np
import zstandard
from mcap.writer import CompressionType, IndexType, Writer as McapWriter
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

HERE = Path(__file__).parent
START_NS = 1_700_000_000_000_000_000
STORE = get_typestore(Stores.ROS2_JAZZY)
TYPES = {
    '/camera/image': 'sensor_msgs/msg/Image',
    '/camera/camera_info': 'sensor_msgs/msg/CameraInfo',
    '/chatter': 'std_msgs/msg/String',
}


def messages():
    """(log time, topic, CDR) as they are written: times go back now and then, and some are equal."""
    t = STORE.types
    header = lambda ns: t['std_msgs/msg/Header'](
        stamp=t['builtin_interfaces/msg/Time'](sec=ns // 10**9, nanosec=ns % 10**9), frame_id='camera_optical_frame'
    )
    noise = random.Random(7)
    out = []
    for i in range(12):
        ns = START_NS + i * 100_000_000
        pixels = np.array([noise.randrange(256) for _ in range(8 * 6 * 3)], dtype=np.uint8)
        image = t['sensor_msgs/msg/Image'](
            header=header(ns), height=6, width=8, encoding='rgb8', is_bigendian=0, step=24, data=pixels
        )
        info = t['sensor_msgs/msg/CameraInfo'](
            header=header(ns), height=6, width=8, distortion_model='plumb_bob', d=np.zeros(5),
            k=np.array([8.0, 0, 4, 0, 8, 3, 0, 0, 1]), r=np.eye(3).reshape(-1),
            p=np.array([8.0, 0, 4, 0, 0, 8, 3, 0, 0, 0, 1, 0]), binning_x=0, binning_y=0,
            roi=t['sensor_msgs/msg/RegionOfInterest'](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
        )
        text = t['std_msgs/msg/String'](data=f'message {i} ' + '~' * noise.randrange(90))
        # The image comes late, and now and then only after the next camera_info.
        out.append((ns + (30_000_000 if i % 3 else 150_000_000), '/camera/image', image))
        out.append((ns, '/camera/camera_info', info))
        out.append((ns + (0 if i % 2 else 60_000_000), '/chatter', text))
    return [(ns, topic, bytes(STORE.serialize_cdr(message, TYPES[topic]))) for ns, topic, message in out]


def mcap(name, written, encoding='cdr', profile='ros2', **options):
    with open(HERE / name, 'wb') as stream:
        writer = McapWriter(stream, **{'chunk_size': 1500, **options})
        writer.start(profile=profile, library='fixture')
        channels = {}
        for topic, type_name in TYPES.items():
            definition, _ = STORE.generate_msgdef(type_name, ros_version=2)
            schema = writer.register_schema(type_name, 'ros2msg', definition.encode())
            channels[topic] = writer.register_channel(topic, encoding, schema)
        for ns, topic, cdr in written:
            writer.add_message(channels[topic], log_time=ns, data=cdr, publish_time=ns)
        writer.finish()


def db3(name, written, version):
    (HERE / name).unlink(missing_ok=True)
    db = sqlite3.connect(HERE / name)
    db.execute('PRAGMA page_size = 512')
    if version >= 3:
        db.execute('CREATE TABLE schema(schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL)')
        db.execute("INSERT INTO schema VALUES (?, 'rolling')", (version,))
        db.execute('CREATE TABLE metadata(id INTEGER PRIMARY KEY, metadata_version INTEGER NOT NULL, metadata TEXT NOT NULL)')
    extra = ', offered_qos_profiles TEXT NOT NULL' if version >= 2 else ''
    extra += ', type_description_hash TEXT NOT NULL' if version >= 4 else ''
    db.execute(
        'CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL,'
        f' serialization_format TEXT NOT NULL{extra})'
    )
    if version >= 4:
        db.execute(
            'CREATE TABLE message_definitions(id INTEGER PRIMARY KEY, topic_type TEXT NOT NULL, encoding TEXT NOT NULL,'
            ' encoded_message_definition TEXT NOT NULL, type_description_hash TEXT NOT NULL)'
        )
    db.execute(
        'CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, timestamp INTEGER NOT NULL,'
        ' data BLOB NOT NULL)'
    )
    if version >= 2:
        db.execute('CREATE INDEX timestamp_idx ON messages (timestamp ASC)')
    ids = {}
    for number, (topic, type_name) in enumerate(TYPES.items(), 1):
        ids[topic] = number
        values = [number, topic, type_name, 'cdr'] + [''] * {1: 0, 2: 1, 3: 1, 4: 2}[version]
        db.execute(f'INSERT INTO topics VALUES ({", ".join("?" * len(values))})', values)
    rows = [(ids[topic], ns, cdr) for ns, topic, cdr in written]
    db.executemany('INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)', rows)
    db.commit()
    db.execute('VACUUM')
    db.close()


def rosbag2(name, written, storage, mode=CompressionMode.NONE, version=9):
    shutil.rmtree(HERE / name, ignore_errors=True)
    writer = Writer(HERE / name, version=version, storage_plugin=storage)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connections = {topic: writer.add_connection(topic, kind, typestore=STORE) for topic, kind in TYPES.items()}
        for ns, topic, cdr in written:
            writer.write(connections[topic], ns, cdr)


def split(name, written):
    """Three files, as rosbag2 splits; their time ranges overlap at the seams."""
    shutil.rmtree(HERE / name, ignore_errors=True)
    (HERE / name).mkdir()
    parts = [written[:11], written[11:25], written[25:]]
    for number, part in enumerate(parts):
        mcap(f'{name}/{name}_{number}.mcap', part)
    (HERE / name / 'metadata.yaml').write_text(
        'rosbag2_bagfile_information:\n  version: 5\n  storage_identifier: mcap\n'
        f'  message_count: {len(written)}\n  compression_format: ""\n  compression_mode: ""\n'
        '  topics_with_message_count: []\n  relative_file_paths:\n'
        + ''.join(f'    - {name}_{number}.mcap\n' for number in range(3))
    )


def main():
    written = messages()
    in_order = sorted(written, key=lambda message: message[0])
    lines = [f'{ns} {topic} {TYPES[topic]} {len(cdr)} {zlib.crc32(cdr):08x}\n' for ns, topic, cdr in in_order]
    (HERE / 'expected.txt').write_text(''.join(lines))

    none = {'repeat_channels': False, 'repeat_schemas': False, 'use_statistics': False, 'use_summary_offsets': False}
    mcap('plain.mcap', written, compression=CompressionType.NONE)
    mcap('zstd.mcap', written, compression=CompressionType.ZSTD)
    mcap('lz4.mcap', written, compression=CompressionType.LZ4)
    mcap('one_chunk.mcap', written, compression=CompressionType.ZSTD, chunk_size=1 << 20)
    mcap('no_message_index.mcap', written, index_types=IndexType.CHUNK)
    mcap('chunk_index_only.mcap', written, index_types=IndexType.CHUNK, **none)
    mcap('no_summary.mcap', written, index_types=IndexType.NONE, **none)
    mcap('unchunked.mcap', written, use_chunking=False)
    mcap('unchunked_no_summary.mcap', written, use_chunking=False, index_types=IndexType.NONE, **none)
    mcap('json.mcap', written[:3], encoding='json')
    for version in range(1, 5):
        db3(f'schema{version}.db3', written, version)
    for name in ['zstd.mcap', 'schema4.db3']:
        (HERE / f'{name}.zstd').write_bytes(zstandard.compress((HERE / name).read_bytes()))
    for storage in StoragePlugin:
        for mode in [CompressionMode.NONE, CompressionMode.FILE, CompressionMode.MESSAGE]:
            rosbag2(f'{storage.name.lower()}_{mode.name.lower()}', written, storage, mode)
    rosbag2('mcap_storage', written, StoragePlugin.MCAP, CompressionMode.STORAGE, version=8)
    split('split', written)


main()

// Reads an MCAP file with @mcap/core and decodes every message with @foxglove/rosmsg2-serialization, by the definition in
// the file: a line of JSON for each message. Whole numbers that are too long for a double are strings, arrays of bytes the
// SHA-256 of what they hold.
"use strict";
const { createHash } = require("node:crypto");
const { open } = require("node:fs/promises");
const { zstdDecompressSync } = require("node:zlib");
const { McapIndexedReader } = require("@mcap/core");
const { parse } = require("@foxglove/rosmsg");
const { MessageReader } = require("@foxglove/rosmsg2-serialization");

const plain = (_, value) => {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return createHash("sha256").update(value).digest("hex");
  if (ArrayBuffer.isView(value)) return Array.from(value, (item) => plain(_, item));
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return value;
};

const main = async (path) => {
  const file = await open(path);
  const readable = {
    size: async () => BigInt((await file.stat()).size),
    read: async (offset, size) => {
      const data = new Uint8Array(Number(size));
      await file.read(data, 0, data.length, Number(offset));
      return data;
    },
  };
  const zstd = (data) => new Uint8Array(zstdDecompressSync(data));
  const reader = await McapIndexedReader.Initialize({ readable, decompressHandlers: { zstd } });
  const readers = new Map();
  for (const channel of reader.channelsById.values()) {
    const schema = reader.schemasById.get(channel.schemaId);
    if (schema.encoding !== "ros2msg" || channel.messageEncoding !== "cdr") {
      throw new Error(`${channel.topic} is ${schema.encoding} in ${channel.messageEncoding}, expected ros2msg in cdr`);
    }
    const definition = parse(new TextDecoder().decode(schema.data), { ros2: true });
    readers.set(channel.id, { topic: channel.topic, type: schema.name, reader: new MessageReader(definition) });
  }
  const lines = [];
  for await (const { channelId, logTime, data } of reader.readMessages()) {
    const { topic, type, reader } = readers.get(channelId);
    lines.push(JSON.stringify({ topic, type, log_time: logTime, message: reader.readMessage(data) }, plain));
  }
  await file.close();
  process.stdout.write(lines.map((line) => line + "\n").join(""));
};

main(process.argv[2]).catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});

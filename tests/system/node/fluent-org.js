"use strict";
// Sends each line of standard input as a record and ends when every one of them is acknowledged.
const { FluentClient } = require("@fluent-org/logger");
const [port, tag] = process.argv.slice(2);
const client = new FluentClient(tag, {
  socket: { host: "127.0.0.1", port: Number(port), timeout: 10000 }, ack: { ackTimeout: 10000 },
});
const lines = require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean);
(async () => {
  await Promise.all(lines.map(line => client.emit(JSON.parse(line))));
  await client.disconnect();
  process.exit(0);
})().catch(error => { console.error(error); process.exit(1); });

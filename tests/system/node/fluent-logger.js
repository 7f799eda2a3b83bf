"use strict";
// Sends each line of standard input as a record and ends when every one of them is acknowledged.
const [port, tag] = process.argv.slice(2);
const logger = require("fluent-logger").createFluentSender(tag, {
  host: "127.0.0.1", port: Number(port), timeout: 10, requireAckResponse: true, ackResponseTimeout: 10000,
});
const lines = require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean);
let left = lines.length;
logger.on("error", error => { console.error(error); process.exit(1); });
for (const line of lines) {
  logger.emit(JSON.parse(line), error => {
    if (error) { console.error(error); process.exit(1); }
    if (--left === 0) logger.end(null, null, () => process.exit(0));
  });
}

// Runs eventd.js for the tests: against a scripted WebSocket, timers that fire when they are told to, and
// chance that is given. Reads commands, a JSON array each, and answers each with what came of it: a list of
// [kind, …], when all that it set off has run.
import { createInterface } from "node:readline";

const said = [];
const say = (kind, ...what) => said.push([kind, ...what]);
const told = error => ({ error: error.name, ...error, message: error.message });

let sockets = [];
globalThis.WebSocket = class {
  constructor(url, protocols) {
    sockets.push(this);
    say("socket", url, protocols);
  }
  send(text) { say("sent", JSON.parse(text), text); }
  close(code) { say("hung up", code); }
};

const timers = new Map();
let lastTimer = 0;
globalThis.setTimeout = (run, delay) => {
  timers.set(++lastTimer, { run, delay });
  return lastTimer;
};
globalThis.clearTimeout = timer => timers.delete(timer);

let chance, now;
Math.random = () => chance;
Date.now = () => now;

let page;
globalThis.addEventListener = (...given) => page.addEventListener(...given);
globalThis.removeEventListener = (...given) => page.removeEventListener(...given);

process.on("unhandledRejection", error => say("unhandled", told(error)));

const { bytes, Client, STATES } = await import("../../../eventd/client/eventd.js");
let client, subscriptions;

function follow(name, promise) {
  promise.then(value => say("resolved", name, value ?? null), error => say("rejected", name, told(error)));
}

const COMMANDS = {
  // Nothing is left of the page before: the module itself keeps nothing.
  reset: () => {
    [sockets, subscriptions, chance, now, page] = [[], {}, 0.5, 0, new EventTarget()];
    timers.clear();
    delete globalThis.location;
    delete crypto.randomUUID;
  },
  states: () => say("states", STATES),
  insecure: () => Object.defineProperty(crypto, "randomUUID", { value: undefined, configurable: true }),
  location: href => { globalThis.location = { href }; },
  chance: value => { chance = value; },
  later: milliseconds => { now += milliseconds; },
  bytes: event => say("bytes", bytes(event) && [...bytes(event)]),

  client: (url, options) => {
    client = new Client(url ?? undefined, options);
    for (const type of ["connected", "disconnected"]) {
      client.addEventListener(type, ({ detail }) => say(type, detail && told(detail)));
    }
  },
  closeClient: () => client.close(),

  // The network's and the server's part.
  open: () => sockets.at(-1).onopen?.(),
  hear: text => sockets.at(-1).onmessage?.({ data: text }),
  drop: (code, reason) => sockets.at(-1).onclose?.({ code, reason }),
  timers: () => say("timers", [...timers.values()].map(({ delay }) => delay)),
  fire: () => {
    const [[timer, { run }]] = timers;
    timers.delete(timer);
    run();
  },
  online: () => page.dispatchEvent(new Event("online")),

  // The page's part.
  publish: (name, events) => follow(name, client.publish(events)),
  presence: (name, types) => follow(name, client.presence(types)),
  subscribe: (name, types, options) => {
    if (options.onGap) options.onGap = gap => say("onGap", name, told(gap));
    subscriptions[name] = client.subscribe(types, options);
  },
  next: name => follow(name, subscriptions[name][Symbol.asyncIterator]().next()),
  loop: async name => {
    for await (const event of subscriptions[name]) say("yielded", name, event.id);
    say("looped", name);
  },
  listen: (name, ...types) => {
    for (const type of types) {
      subscriptions[name].addEventListener(type, ({ detail }) => {
        say(type, name, detail instanceof Error ? told(detail) : detail);
      });
    }
  },
  settle: (name, ...what) => subscriptions[name].settle(...what),
  close: name => follow(`close ${name}`, subscriptions[name].close()),
  place: name => {
    const { offset, epoch, end, recovered } = subscriptions[name];
    say("place", { offset, epoch, end, recovered });
  },
};

function revive(_, value) {
  if (value?.$bytes) return new Uint8Array(value.$bytes);
  return value?.$buffer ? new Uint8Array(value.$buffer).buffer : value;
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...given] = JSON.parse(line, revive);
  try {
    const running = COMMANDS[command](...given);
    running?.catch?.(error => say("looped", given[0], told(error)));
  } catch (error) {
    say("thrown", told(error));
  }
  // Promises that wait for each other take as long as they are many, and no longer.
  await new Promise(resolve => setImmediate(resolve));
  process.stdout.write(`${JSON.stringify(said.splice(0))}\n`);
}

/**
 * eventd's client for browsers: publishes that are acknowledged, subscriptions that miss nothing.
 *
 * It speaks docs/protocol.md as `eventd.v1.json`; docs/clients.md is its manual. It needs no DOM,
 * only WebSocket, EventTarget and crypto, and so runs in workers, Deno and Node 22 as well.
 *
 *     Client ─┬─ Publisher      what was not sent yet, and what has no answer yet
 *             ├─ Subscription   each with its place, its queue and what it has to settle
 *             └─ Link           one WebSocket after another
 */

const SUBPROTOCOL = "eventd.v1.json";
/** How a connection is closed on which the server said what it may not: 4000 to 4999 are free to use. */
const SERVER_FAULT = 4002;
/** How the server closes a connection on which it could not take what we said. */
const OUR_FAULT = [1003, 1007, 1009];
/** Events that wait in a subscription's queue, where no other number is asked for. */
const CREDIT = 1000;
/** What was settled is told after so many milliseconds, or when it is so many events. */
const JOIN_FOR = 20, JOIN_MOST = 1000;
/** Milliseconds: no server sends a client away for longer; its clock or its sums may be wrong. */
const MOST_ASKED = 3600 * 1000;

/**
 * By state, the state behind each op that may be said in it: the tables of docs/protocol.md.
 * Of a connection, only what the server says.
 */
export const STATES = {
  connection: {
    open: {
      ack: "open", nack: "open", subscribed: "open", events: "open", unsubscribed: "open", present: "open",
      error: "leaving", bye: "leaving",
    },
    leaving: { ack: "leaving", nack: "leaving", events: "leaving" },
  },
  publish: {
    new: { publish: "asked" },
    asked: { ack: "ended", nack: "ended" },
  },
  subscription: {
    new: { subscribe: "asked" },
    asked: { subscribed: "live", error: "ended" },
    live: {
      events: "live", subscribed: "live", error: "ended", credit: "live", settle: "live", unsubscribe: "leaving",
    },
    leaving: { events: "leaving", subscribed: "leaving", error: "leaving", unsubscribed: "ended" },
  },
};

const isText = value => typeof value === "string";
const isObject = value => typeof value === "object" && value !== null;
const isPlace = value => Number.isSafeInteger(value) && value >= 0;
const isEpoch = value => isText(value) || Number.isSafeInteger(value);
const isPlaced = event => isObject(event) && (event.eventdoffset === undefined || isPlace(event.eventdoffset));
const isPause = value => value == null || (Number.isFinite(value) && value >= 0);

/** What the server says, and how the fields look that are relied on here. */
const FIELDS = {
  ack: { offsets: value => value === null || (Array.isArray(value) && value.every(isPlace)), durability: isText },
  nack: { errors: value => Array.isArray(value) && value.every(isObject), retry_after: isPause },
  subscribed: { sid: isPlace, epoch: isEpoch, offset: isPlace, end: isPlace, recovered: value => value === !!value },
  events: { sid: isPlace, events: value => Array.isArray(value) && value.every(isPlaced), offset: isPlace },
  unsubscribed: { sid: isPlace },
  present: { subscriptions: Array.isArray },
  error: { code: isText, message: isText },
  bye: { retry_after: isPause },
};

/** The base of what this client throws. */
export class ClientFailure extends Error {
  get name() { return this.constructor.name; }
}

/** A publish that the server refused; `errors` has `{index, attribute, message}` for what is wrong. */
export class Nacked extends ClientFailure {
  constructor(errors) {
    super(errors.map(({ attribute, message }) => (attribute ? `${attribute}: ${message}` : message)).join("; "));
    this.errors = errors;
  }
}

/** Another request that the server refused, or a subscription that it ended; `code` is for programs. */
export class Refused extends ClientFailure {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** More events than `buffer` wait to be sent. */
export class BufferFull extends ClientFailure {}

/** The client was closed. */
export class Closed extends ClientFailure {}

/** A connection ended: `code` is the WebSocket's. */
export class Disconnected extends ClientFailure {
  constructor(code, message) {
    super(message || `the connection was closed (${code})`);
    this.code = code;
  }
}

/** Events are missing that cannot be had any more: from `start` (null where that is not known) to before `end`. */
export class Gap extends ClientFailure {
  constructor(start, end, epoch) {
    super(`events before offset ${end} are missing`);
    this.start = start;
    this.end = end;
    this.epoch = epoch;
  }
}

/** The server said what it may not, or may not now. */
class ServerFault extends Error {}

function step(table, state, op) {
  const next = table[state]?.[op];
  if (next === undefined) throw new ServerFault(`${op} in state ${state}`);
  return next;
}

function read(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch (error) {
    throw new ServerFault(`not a message: ${error.message}`);
  }
  const fields = isObject(message) && Object.hasOwn(FIELDS, message.op) ? FIELDS[message.op] : null;
  if (fields === null) throw new ServerFault("a message without a known op");
  for (const [name, fits] of Object.entries(fields)) {
    if (!fits(message[name])) throw new ServerFault(`${message.op} with a ${name} that makes no sense`);
  }
  return message;
}

/** One WebSocket after another. Its owner is told `opened()`, `heard(message)` and `lost(why, blamed)`. */
class Link {
  #url; #backoff; #owner;
  #socket = null; #state = "closed"; #openedAt = Infinity;
  #timer = null; #attempts = 0;
  /** Of this connection: whether the server answered us, what it found wrong with us, when we are to come back. */
  #answered = false; #blame = null; #comeBack = null;
  #online = () => { if (this.#timer !== null) this.open(); };

  constructor(url, backoff, owner) {
    this.#url = url;
    this.#backoff = { first: 100, most: 30000, ...backoff };
    this.#owner = owner;
    globalThis.addEventListener?.("online", this.#online);
  }

  /** Whether something may be said. */
  get isOpen() { return this.#state === "open"; }

  open() {
    clearTimeout(this.#timer);
    this.#timer = this.#blame = this.#comeBack = null;
    this.#answered = false;
    this.#openedAt = Infinity;
    const socket = this.#socket = new WebSocket(this.#url, [SUBPROTOCOL]);
    socket.onopen = () => {
      this.#state = "open";
      this.#openedAt = Date.now();
      this.#owner.opened();
    };
    socket.onmessage = ({ data }) => this.#hear(data);
    // There is no onerror: it tells nothing, and a close follows it.
    socket.onclose = ({ code, reason }) => {
      if (OUR_FAULT.includes(code)) this.#blame ??= reason || `closed with ${code}`;
      this.#lose(new Disconnected(code, this.#blame ?? reason));
    };
  }

  /** Says a message, given as such or as text; false where there is no connection for it. */
  send(message) {
    if (this.isOpen) this.#socket.send(isText(message) ? message : JSON.stringify(message));
    return this.isOpen;
  }

  close() {
    globalThis.removeEventListener?.("online", this.#online);
    clearTimeout(this.#timer);
    this.#hangUp(1000);
  }

  #hear(text) {
    try {
      const message = read(text);
      this.#turn(message);
      this.#owner.heard(message);
    } catch (error) {
      if (!(error instanceof ServerFault)) throw error;
      // The two sides no longer mean the same, so the end of the closing handshake is not waited for.
      this.#hangUp(SERVER_FAULT);
      this.#lose(new Disconnected(SERVER_FAULT, error.message));
    }
  }

  /** What a message means for the connection itself. */
  #turn({ op, id, sid, code, message, retry_after }) {
    const next = step(STATES.connection, this.#state, op);
    if (op === "error" && (id ?? sid ?? null) !== null) return;
    this.#state = next;
    if (op === "bye") this.#comeBack = retry_after ?? null;
    else if (op === "error") this.#blame = `${code}: ${message}`;
    else this.#answered = true;
  }

  #hangUp(code) {
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
    this.#state = "closed";
  }

  #lose(why) {
    this.#state = "closed";
    const blamed = this.#blame !== null;
    // Pauses begin anew behind a connection that was of use. One that fails each time it is there was not.
    const lasted = Date.now() - this.#openedAt > this.#backoff.most;
    if (lasted || (this.#answered && !blamed && why.code !== SERVER_FAULT)) this.#attempts = 0;
    this.#timer = setTimeout(() => this.open(), this.#pause());
    this.#owner.lost(why, blamed);
  }

  #pause() {
    if (this.#comeBack !== null) return Math.min(MOST_ASKED, this.#comeBack * 1000);
    const { first, most } = this.#backoff;
    const whole = Math.min(most, first * 2 ** this.#attempts++);
    return whole / 2 + (Math.random() * whole) / 2;
  }
}

/** Keeps each publish until it is answered: sent in order, and after a loss sent again, the same bytes. */
class Publisher {
  #link; #window; #buffer; #whenFull;
  /** Not sent on this connection, in the order in which they were made: those that were sent before come first. */
  #unsent = [];
  /** Under way on this connection, by id; and how many events those are. */
  #asked = new Map(); #underWay = 0;
  /** Events that were never sent. */
  #kept = 0;
  /** Set while the server can take nothing. */
  #timer = null;
  /** Nothing is sent before all is answered: it was sent behind something that has to come again, and may have to too. */
  #drains = false;

  constructor(link, { window = 1000, buffer = 10000, whenFull = "wait" }) {
    if (!["wait", "throw", "drop-oldest"].includes(whenFull)) throw new TypeError(`whenFull: ${whenFull}`);
    this.#link = link;
    this.#window = window;
    this.#buffer = buffer;
    this.#whenFull = whenFull;
  }

  publish(id, events) {
    return new Promise((resolve, reject) => {
      const text = JSON.stringify({ op: "publish", id, events });
      const publish = { id, text, count: events.length, state: "new", wasSent: false, suspect: false, resolve, reject };
      this.#unsent.push(publish);
      this.#kept += publish.count;
      this.pump();
      if (this.#kept > this.#buffer) this.#overflow();
    });
  }

  /** Sends what the window has room for. */
  pump() {
    while (this.#unsent.length > 0 && this.#link.isOpen && this.#timer === null && this.#hasRoom(this.#unsent[0])) {
      const publish = this.#unsent.shift();
      publish.state = step(STATES.publish, publish.state, "publish");
      if (!publish.wasSent) this.#kept -= publish.count;
      publish.wasSent = true;
      this.#asked.set(publish.id, publish);
      this.#underWay += publish.count;
      this.#link.send(publish.text);
    }
  }

  heard({ op, id, offsets, durability, errors, retry_after }) {
    const publish = this.#asked.get(id);
    if (publish === undefined) throw new ServerFault(`${op} for nothing that was published`);
    publish.state = step(STATES.publish, publish.state, op);
    this.#asked.delete(id);
    this.#underWay -= publish.count;
    if (op === "ack") publish.resolve({ offsets, durability });
    else if (retry_after == null) publish.reject(new Nacked(errors));
    else this.#holdBack(publish, retry_after);
    this.pump();
  }

  /** The connection is gone. Where it ended for what we said, it is found out which publish that was. */
  lost(why, blamed) {
    const publishes = [...this.#asked.values()];
    if (blamed && publishes.length === 1 && publishes[0].suspect) {
      publishes.pop().reject(new Nacked([{ index: 0, attribute: "", message: why.message }]));
    }
    for (const publish of publishes) publish.suspect ||= blamed;
    this.#asked.clear();
    this.#underWay = 0;
    this.#putBack(publishes);
  }

  closed(error) {
    clearTimeout(this.#timer);
    for (const publish of [...this.#asked.values(), ...this.#unsent.splice(0)]) publish.reject(error);
    this.#asked.clear();
  }

  /** One that is larger than the window goes alone; so does a suspect, so that it takes no other down with it. */
  #hasRoom({ count, suspect }) {
    if (this.#asked.size === 0) {
      this.#drains = false;
      return true;
    }
    const [first] = this.#asked.values();
    return !this.#drains && !suspect && !first.suspect && this.#underWay + count <= this.#window;
  }

  /** Nothing is sent before the server can take this one: what came later does not overtake it. */
  #holdBack(publish, seconds) {
    this.#putBack([publish]);
    this.#drains = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.pump();
    }, Math.min(MOST_ASKED, seconds * 1000));
  }

  #putBack(publishes) {
    for (const publish of publishes) publish.state = "new";
    this.#unsent = [...publishes, ...this.#unsent].sort((one, other) => one.id - other.id);
  }

  /** More is kept than the buffer takes. What was sent once stays: it may be durable already. */
  #overflow() {
    if (this.#whenFull === "wait") return;
    const unsent = this.#unsent;
    while (this.#kept > this.#buffer) {
      const at = this.#whenFull === "throw" ? unsent.length - 1 : unsent.findIndex(({ wasSent }) => !wasSent);
      const [publish] = unsent.splice(at, 1);
      this.#kept -= publish.count;
      publish.reject(new BufferFull(`more than ${this.#buffer} events wait to be sent`));
    }
  }
}

/** Offsets as the protocol lists them: pairs of the first and the last where they follow each other. */
function ranges(offsets) {
  const found = [];
  for (const offset of offsets.sort((one, other) => one - other)) {
    const range = found.at(-1);
    // Only true neighbours are joined: one in between may be on its way to us, and is not settled.
    if (range?.[1] === offset - 1) range[1] = offset;
    else found.push([offset, offset]);
  }
  return found.map(([first, last]) => (first === last ? first : [first, last]));
}

/**
 * What `Client.subscribe` gives: either iterated over, or listened to.
 *
 * It dispatches "event" (`detail` is the event), "gap" (a `Gap`) and "closed" (the error that ended it, or null).
 */
export class Subscription extends EventTarget {
  #wire; #request; #credit; #listened = new Set();
  #state = "new"; #sid = null;
  /** The place behind what was handed out, and the one behind what has come. */
  #place = { offset: null, epoch: null }; #reached = null;
  #end = null; #recovered = null;
  /** What has come and was not handed out, `{event, place}` or `{gap, place}`; and who waits for more. */
  #queue = []; #readers = [];
  /** Set when nothing more comes; the error is thrown once. */
  #finished = false; #failure = null;
  /** Events for which credit is to be granted again. */
  #consumed = 0;
  /** Of a durable one: the offsets that are to be settled, and by outcome those that are not told yet. */
  #held = new Set(); #settled = new Map(); #timer = null;
  #left; #leave;

  /** @internal @param {any} wire @param {any} types @param {any} options */
  constructor(wire, types, { filters, from, epoch, name, credit, onGap }) {
    super();
    if (credit !== undefined && !(isPlace(credit) && credit > 0)) throw new RangeError(`credit: ${credit}`);
    this.#wire = wire;
    this.#request = { id: wire.id, types: [types].flat(), filters, from, epoch, name };
    // A durable one that names no credit is bounded by the server: by what is not settled.
    this.#credit = credit ?? (this.#isDurable ? undefined : CREDIT);
    this.#left = new Promise(resolve => { this.#leave = resolve; });
    if (onGap) this.addEventListener("gap", ({ detail }) => onGap(detail));
    wire.join({
      opened: () => this.#ask(), heard: message => this.#hear(message), lost: () => this.#lose(),
      closed: () => { this.#shut(); this.#depart(); },
    });
  }

  /** Where it would continue: behind what was handed out. @returns {?number} */
  get offset() { return this.#place.offset; }
  /** The sequence that `offset` belongs to. @returns {?string} */
  get epoch() { return this.#place.epoch; }
  /** The offset behind the newest event when it last subscribed. @returns {?number} */
  get end() { return this.#end; }
  /** Whether nothing was missing when it last subscribed. @returns {?boolean} */
  get recovered() { return this.#recovered; }

  /** Its events. A `Gap` that nobody listens to is thrown, once; iterating again goes on behind it. */
  [Symbol.asyncIterator]() {
    return { next: () => this.#next() };
  }

  addEventListener(type, listener, options) {
    if (type === "event" && this.#readers.length > 0) throw new TypeError("its events are iterated over");
    super.addEventListener(type, listener, options);
    this.#listened.add(type);
    // What waits already comes when the page has put up its other listeners, too.
    if (type === "event") queueMicrotask(() => this.#handOut());
  }

  /**
   * Says what became of events of a durable subscription.
   * @param {object | number | (object | number)[]} events events or their offsets
   * @param {"done" | "retry" | "reject"} [outcome]
   * @param {number} [after] seconds to the next attempt, for "retry"
   */
  settle(events, outcome = "done", after) {
    if (!this.#isDurable) throw new TypeError("only a durable subscription, one with a name, is settled");
    if (!["done", "retry", "reject"].includes(outcome)) throw new TypeError(`outcome: ${outcome}`);
    if (!isPause(after)) throw new TypeError(`after: ${after}`);
    for (const each of [events].flat()) {
      const offset = isObject(each) ? each.eventdoffset : each;
      // One that is not held is settled, or comes again: it was lost with its connection.
      if (this.#held.delete(offset)) this.#note(offset, outcome, after);
    }
    if (this.#settled.size > 0) this.#timer ??= setTimeout(() => this.#tell(), JOIN_FOR);
  }

  /** Unsubscribes. Nothing more is handed out; the promise is for the server's answer. @returns {Promise<void>} */
  close() {
    this.#shut();
    if (this.#state === "new") this.#depart();
    return this.#left;
  }

  get #isDurable() { return this.#request.name !== undefined; }

  // What is said and heard.

  #step(op) { this.#state = step(STATES.subscription, this.#state, op); }

  /** Says what the state and the connection allow; false where they do not. */
  #say(op, fields) {
    if (STATES.subscription[this.#state]?.[op] === undefined) return false;
    const wasSaid = this.#wire.send({ op, sid: this.#sid, ...fields });
    if (wasSaid) this.#step(op);
    return wasSaid;
  }

  #ask() {
    this.#step("subscribe");
    const { offset: from, epoch } = this.#reached ?? {};
    const place = this.#reached && !this.#isDurable ? { from, epoch } : {};
    const waiting = this.#queue.filter(({ event }) => event).length;
    this.#consumed = 0;
    this.#wire.send({ op: "subscribe", ...this.#request, ...place, credit: this.#credit && this.#credit - waiting });
  }

  #hear(message) {
    this.#step(message.op);
    if (message.op === "subscribed") this.#begin(message);
    else if (message.op === "events") this.#take(message);
    else if (message.op === "error") this.#finish(new Refused(message.code, message.message));
    if (this.#state === "ended") this.#depart();
  }

  #begin({ sid, epoch, offset, end, recovered }) {
    this.#sid = sid;
    this.#end = end;
    this.#recovered = recovered;
    // It was closed before it had a sid to say so with.
    if (this.#finished) this.#say("unsubscribe", { id: this.#wire.newId() });
    else {
      if (!recovered) this.#queue.push({ gap: this.#gap(offset, epoch) });
      this.#reach({ offset, epoch });
      this.#handOut();
    }
  }

  #gap(end, epoch) {
    const asked = this.#reached ?? { offset: this.#request.from, epoch: this.#request.epoch };
    const isKnown = isPlace(asked.offset) && asked.offset < end && (asked.epoch ?? epoch) === epoch;
    return new Gap(isKnown ? asked.offset : null, end, epoch);
  }

  #take({ events, offset }) {
    if (this.#finished) return;
    const { epoch } = this.#reached;
    let next = this.#reached.offset;
    const came = events.map(event => {
      const at = event.eventdoffset;
      // Those of a durable one may come again, behind later ones.
      if (at < next && !this.#isDurable) throw new ServerFault(`event ${at} where ${next} comes next`);
      // Those of volatile types have no place.
      next = at === undefined ? next : at + 1;
      return { event, place: { offset: next, epoch } };
    });
    if (offset < next && !this.#isDurable) throw new ServerFault(`events to ${offset} where ${next} comes next`);
    this.#queue = this.#queue.concat(came);
    if (this.#isDurable) this.#hold(events);
    this.#reach({ offset, epoch });
    this.#handOut();
  }

  /** Everything before `place` has come. */
  #reach(place) {
    this.#reached = place;
    if (this.#queue.length > 0) this.#queue.at(-1).place = place;
    else this.#place = place;
  }

  #lose() {
    this.#drop();
    // What a durable one holds comes again, to this member or another.
    if (this.#isDurable) this.#queue = this.#queue.filter(({ gap }) => gap);
    if (this.#finished) this.#depart();
    else this.#state = "new";
  }

  #shut() {
    this.#tell();
    this.#queue = [];
    this.#finish(null);
    this.#say("unsubscribe", { id: this.#wire.newId() });
  }

  #depart() {
    this.#state = "ended";
    this.#drop();
    this.#wire.leave(this.#sid);
    this.#leave();
  }

  // What is handed out.

  #next() {
    if (this.#listened.has("event")) return Promise.reject(new TypeError("its events are listened to"));
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
      // Who waits for more may wait for credit.
      if (this.#queue.length === 0) this.#tell();
      this.#handOut();
    });
  }

  #handOut() {
    const isPushed = this.#listened.has("event");
    while (this.#queue.length > 0 && (isPushed || this.#readers.length > 0)) {
      const { event, gap, place } = this.#queue.shift();
      this.#place = place;
      if (gap) this.#miss(gap);
      else if (isPushed) this.#dispatch("event", event);
      else this.#readers.shift().resolve({ value: event, done: false });
      if (event && !this.#isDurable) this.#consumed++;
    }
    if (!this.#isDurable && this.#consumed >= this.#credit / 2) this.#grant();
    if (!this.#finished || this.#queue.length > 0) return;
    for (const { resolve, reject } of this.#readers.splice(0)) {
      if (this.#failure === null) resolve({ value: undefined, done: true });
      else reject(this.#failure);
      this.#failure = null;
    }
  }

  #miss(gap) {
    if (this.#listened.has("gap") || this.#readers.length === 0) this.#dispatch("gap", gap);
    else this.#readers.shift().reject(gap);
  }

  #finish(error) {
    if (this.#finished) return;
    this.#finished = true;
    this.#failure = error;
    this.#dispatch("closed", error);
    this.#handOut();
  }

  /** Where events are listened to and errors are not, an error becomes an unhandled rejection. */
  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
    const isMissed = detail instanceof Error && this.#listened.has("event") && !this.#listened.has(type);
    if (isMissed) Promise.reject(detail);
  }

  // Credit, and what is settled.

  #grant() {
    if (this.#credit === undefined || this.#consumed === 0) return;
    if (this.#say("credit", { n: this.#consumed })) this.#consumed = 0;
  }

  #hold(events) {
    for (const { eventdoffset } of events) {
      if (eventdoffset !== undefined) this.#held.add(eventdoffset);
    }
  }

  #note(offset, outcome, after) {
    const key = `${outcome} ${after}`;
    const settled = this.#settled.get(key) ?? { outcome, after, offsets: [] };
    this.#settled.set(key, settled);
    if (settled.offsets.push(offset) >= Math.min(JOIN_MOST, (this.#credit ?? JOIN_MOST) / 2)) this.#tell();
  }

  #tell() {
    for (const { offsets, outcome, after } of this.#settled.values()) {
      this.#say("settle", { offsets: ranges(offsets), outcome, after });
      this.#consumed += offsets.length;
    }
    const isDue = this.#settled.size > 0;
    this.#settled.clear();
    clearTimeout(this.#timer);
    this.#timer = null;
    if (isDue) this.#grant();
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#settled.clear();
    this.#held.clear();
  }
}

/**
 * A connection to a daemon, kept up until `close()`. It dispatches "connected", and "disconnected" with
 * a `Disconnected` as `detail`.
 */
export class Client extends EventTarget {
  #link; #publisher; #source; #lastId = 0; #isConnected = null; #isClosed = false;
  /** Who asked, by id; and whose subscription it is, by sid. */
  #parties = new Map(); #subscribed = new Map();

  /**
   * @param {string | URL} [url] the daemon's; the host of this page where there is none
   * @param {object} [options]
   * @param {number} [options.window] how many events may be without an answer
   * @param {number} [options.buffer] how many events may wait to be sent
   * @param {"wait" | "throw" | "drop-oldest"} [options.whenFull] what becomes of more
   * @param {string} [options.source] of events that name none
   * @param {{first?: number, most?: number}} [options.backoff] pauses between attempts, in milliseconds
   */
  constructor(url = "/", { source, backoff, ...publishing } = {}) {
    super();
    // Without what may be secret in the address of a page.
    this.#source = source ?? globalThis.location?.href.replace(/[?#].*$/s, "") ?? "/eventd.js";
    this.#link = new Link(new URL(url, globalThis.location?.href).href.replace(/^http/, "ws"), backoff, {
      opened: () => this.#opened(), heard: message => this.#heard(message), lost: (...why) => this.#lost(...why),
    });
    this.#publisher = new Publisher(this.#link, publishing);
    this.#link.open();
  }

  /**
   * Publishes one event or several, all or none. What an event lacks of `id`, `source`, `time` and `specversion` is
   * filled in; `data` that is an ArrayBuffer or a view of one becomes `data_base64`.
   * @param {object | object[]} events
   * @returns {Promise<{offsets: ?[number, number], durability: string}>}
   * @throws {Nacked | BufferFull | Closed} as a rejection
   */
  async publish(events) {
    this.#check();
    return this.#publisher.publish(++this.#lastId, [events].flat().map(event => complete(event, this.#source)));
  }

  /**
   * Subscribes to types that match one of the patterns.
   * @param {string | string[]} types
   * @param {object} [options]
   * @param {object[]} [options.filters] @param {string | number | Date} [options.from] @param {string} [options.epoch]
   * @param {string} [options.name] makes it durable @param {number} [options.credit] how many events may wait here
   * @param {(gap: Gap) => void} [options.onGap]
   * @returns {Subscription}
   */
  subscribe(types, options = {}) {
    this.#check();
    const id = ++this.#lastId;
    return new Subscription({
      id,
      newId: () => ++this.#lastId,
      send: message => this.#link.send(message),
      join: party => this.#join(id, party),
      leave: sid => {
        this.#parties.delete(id);
        this.#subscribed.delete(sid);
      },
    }, types, options);
  }

  /**
   * Asks who is subscribed to types that one of the patterns could match.
   * @param {string | string[]} types
   * @returns {Promise<object[]>}
   */
  async presence(types) {
    this.#check();
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => this.#join(id, {
      opened: () => this.#link.send({ op: "presence", id, types: [types].flat() }),
      heard: ({ op, code, message, subscriptions }) => {
        if (op !== "present" && op !== "error") throw new ServerFault(`${op} for a presence`);
        this.#parties.delete(id);
        if (op === "present") resolve(subscriptions);
        else reject(new Refused(code, message));
      },
      lost: () => {},
      closed: reject,
    }));
  }

  /** Ends it, and all that is under way. */
  close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const error = new Closed("the client was closed");
    for (const party of this.#parties.values()) party.closed(error);
    this.#publisher.closed(error);
    this.#link.close();
    this.#tell(false, new Disconnected(1000, error.message));
  }

  #check() {
    if (this.#isClosed) throw new Closed("the client was closed");
  }

  #join(id, party) {
    this.#parties.set(id, party);
    if (this.#link.isOpen) party.opened();
  }

  #opened() {
    // Subscriptions first, so that they get what is published behind them.
    for (const party of this.#parties.values()) party.opened();
    this.#publisher.pump();
    this.#tell(true);
  }

  #heard(message) {
    const { op, id, sid } = message;
    if (op === "ack" || op === "nack") return this.#publisher.heard(message);
    if (op === "bye" || (id ?? sid ?? null) === null) return undefined;
    const party = this.#parties.get(id) ?? this.#subscribed.get(sid);
    if (party === undefined) throw new ServerFault(`${op} for nobody`);
    if (op === "subscribed") this.#subscribed.set(sid, party);
    return party.heard(message);
  }

  #lost(why, blamed) {
    this.#subscribed.clear();
    for (const party of this.#parties.values()) party.lost();
    this.#publisher.lost(why, blamed);
    this.#tell(false, why);
  }

  /** Tells of changes only, and of the first attempt. */
  #tell(isConnected, detail = null) {
    if (this.#isConnected === isConnected) return;
    this.#isConnected = isConnected;
    this.dispatchEvent(new CustomEvent(isConnected ? "connected" : "disconnected", { detail }));
  }
}

function complete(event, source) {
  const { specversion, id, time, data } = event;
  const isBinary = data instanceof ArrayBuffer || ArrayBuffer.isView(data);
  return {
    ...event,
    specversion: specversion ?? "1.0",
    id: id ?? newUuid(),
    source: event.source ?? source,
    time: time ?? new Date().toISOString(),
    ...(isBinary && { data: undefined, data_base64: toBase64(data) }),
  };
}

function newUuid() {
  // Pages that came over plain HTTP have no randomUUID.
  if (crypto.randomUUID) return crypto.randomUUID();
  const octets = crypto.getRandomValues(new Uint8Array(16));
  octets[6] = (octets[6] & 0x0f) | 0x40;
  octets[8] = (octets[8] & 0x3f) | 0x80;
  const digits = Array.from(octets, octet => octet.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function toBase64(data) {
  const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(data) ? data : new Uint8Array(data);
  const octets = new Uint8Array(buffer, byteOffset, byteLength);
  let text = "";
  // In pieces: a call has room for so many arguments only.
  for (let at = 0; at < octets.length; at += 8192) text += String.fromCharCode(...octets.subarray(at, at + 8192));
  return btoa(text);
}

/**
 * The binary data of an event, null where it has none.
 * @param {object} event
 * @returns {?Uint8Array}
 */
export function bytes({ data_base64 }) {
  return data_base64 == null ? null : Uint8Array.from(atob(data_base64), character => character.charCodeAt(0));
}

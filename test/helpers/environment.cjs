const vm = require("node:vm");
const { ModuleMocker } = require("jest-mock");
const { LegacyFakeTimers, ModernFakeTimers } = require("@jest/fake-timers");

const { compileFunction } = vm;
/** Replaces the process's global object, because Node has no context object for it. */
const here = {};
const compiled = new Map();

/**
 * Makes Jest run test files without a global object of their own. With one, each test file would compile all our files again, and
 * the packages that runtime.cjs shares would meet errors and arrays of another realm. Test functions are compiled once in a
 * process.
 */
vm.compileFunction = (code, params, { parsingContext, ...options } = {}) => {
  if (parsingContext !== here) return compileFunction(code, params, { parsingContext, ...options });
  const { filename } = options;
  const known = compiled.get(filename);
  if (known?.code === code) return known.made;
  const made = compileFunction(code, params, options);
  compiled.set(filename, { code, made });
  return made;
};

/** Restores what a test file has changed in the process. */
function keepProcess() {
  const env = { ...process.env };
  const { exit } = process;
  const { console } = globalThis;
  const listeners = new Map(process.eventNames().map((event) => [event, process.rawListeners(event)]));
  return () => {
    for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
    Object.assign(process.env, env);
    Object.assign(process, { exit });
    Object.assign(globalThis, { console });
    for (const event of process.eventNames())
      for (const listener of process.rawListeners(event))
        if (!listeners.get(event)?.includes(listener)) process.removeListener(event, listener);
  };
}

/** How many timers are noted before the expired ones are forgotten. Tests make many short timers. */
const MANY_TIMERS = 1_000;

/**
 * Clears the timers that a test file has left. Otherwise a node that nobody stopped, or a client that reconnects, would go on
 * during the next test file, and its timers would count among those that the next file fakes.
 */
function keepTimers(name) {
  const { [name]: make } = globalThis;
  const made = new Set();
  const kept = (...given) => {
    const timer = make(...given);
    if (made.size >= MANY_TIMERS) for (const one of made) if (one._destroyed) made.delete(one);
    made.add(timer);
    return timer;
  };
  // Keeps the properties of the original function, such as its promisified form.
  globalThis[name] = Object.defineProperties(kept, Object.getOwnPropertyDescriptors(make));
  return () => {
    globalThis[name] = make;
    // `fetch` has one unreferenced timer for the whole process. If it were cleared, `fetch` would never set another one.
    for (const timer of made) if (timer.hasRef()) clearTimeout(timer);
  };
}

const isOfQuery = (frame) => frame?.getFileName()?.includes("/sequelize/lib/dialects/sqlite/query");

const isOfPlaywright = (frame) => frame?.getFileName()?.includes("/playwright-core/");

/**
 * Makes stack traces cheap. Sequelize reads a stack after each query and Playwright at each call, even if nothing has failed.
 * Jest would map each frame to its source, which takes 4 % of the whole time. Frames of packages have no source map.
 */
function cheapStacks() {
  const { prepareStackTrace } = Error;
  const mapped = (error, frame) => {
    const text = prepareStackTrace(error, [frame]);
    return text.slice(text.lastIndexOf("\n    at ") + "\n    at ".length);
  };
  Error.stackTraceLimit = 20;
  Error.prepareStackTrace = (error, frames) => {
    if (isOfQuery(frames[0])) return [error, ...frames.slice(0, 8)].join("\n    at ");
    if (!isOfPlaywright(frames[0])) return prepareStackTrace(error, frames);
    return [error, ...frames.map((frame) => (isOfPlaywright(frame) ? frame : mapped(error, frame)))].join("\n    at ");
  };
  return () => {
    Error.prepareStackTrace = prepareStackTrace;
  };
}

/**
 * What Jest gives the global object for each file: four more listeners, and the state of its tests. They would hear of the next
 * files' tests, tell Jest of each as a test of this file, and keep what this file has loaded.
 */
const OF_FILE = new Set(["EVENT_HANDLERS", "JEST_STATE_SYMBOL"]);

function endListeners() {
  for (const symbol of Object.getOwnPropertySymbols(globalThis))
    if (OF_FILE.has(symbol.description)) delete globalThis[symbol];
}

module.exports = class {
  constructor({ projectConfig: config }) {
    this.global = globalThis;
    this.moduleMocker = new ModuleMocker(globalThis);
    const { moduleMocker, global } = this;
    const timerConfig = { idToRef: (id) => id, refToId: (timer) => timer };
    this.fakeTimers = new LegacyFakeTimers({ config, global, moduleMocker, timerConfig });
    this.fakeTimersModern = new ModernFakeTimers({ config, global });
    this.restore = keepProcess();
    this.endTimers = ["setInterval", "setTimeout"].map(keepTimers);
  }

  /** Runs after Jest has set its own handling of stack traces. */
  async setup() {
    this.endStacks = cheapStacks();
  }

  async teardown() {
    await this.endLeft();
    this.endStacks();
    this.moduleMocker.restoreAllMocks();
    this.fakeTimers.dispose();
    this.fakeTimersModern.dispose();
    for (const end of this.endTimers) end();
    endListeners();
    this.restore();
  }

  /** Stops what the test file has started but not stopped, because it failed (left.ts). */
  async endLeft() {
    const { leftRunning = [] } = globalThis;
    const ends = await Promise.allSettled([...leftRunning].map((end) => end()));
    for (const { reason } of ends) if (reason) process.stderr.write(`Left running, and not stopped: ${reason}\n`);
  }

  exportConditions() {
    return ["node", "node-addons"];
  }

  getVmContext() {
    return here;
  }
};

const vm = require("node:vm");
const { ModuleMocker } = require("jest-mock");
const { LegacyFakeTimers, ModernFakeTimers } = require("@jest/fake-timers");

const { compileFunction } = vm;
/** Stands for the process's own global object, since Node has no context object for that. */
const here = {};
const compiled = new Map();

/**
 * A test file does not get a global object of its own. Each would compile all our files again, and the packages that runtime.cjs
 * shares would meet errors and arrays that are not theirs. A test's functions are compiled once in a process.
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

/** Takes back what a test file has done to the process. */
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

/** Waits are many and soon over. */
const MANY_TIMERS = 1_000;

/**
 * What a test file leaves running would work on in the next one: a node that nobody stopped, with its heartbeats; a client that
 * connects again and again. There its timers would count among those that the next file fakes.
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
  // With its promisified form.
  globalThis[name] = Object.defineProperties(kept, Object.getOwnPropertyDescriptors(make));
  return () => {
    globalThis[name] = make;
    // fetch has one for the whole process, which keeps nothing alive, and would never set another one.
    for (const timer of made) if (timer.hasRef()) clearTimeout(timer);
  };
}

const isOfQuery = (frame) => frame?.getFileName()?.includes("/sequelize/lib/dialects/sqlite/query");

const isOfPlaywright = (frame) => frame?.getFileName()?.includes("/playwright-core/");

/**
 * Sequelize reads a stack after each query, Playwright at each call, also where nothing has failed. Jest maps each frame to its source:
 * 4 % of all. Frames of packages have none.
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

/** Jest's listeners to a file's tests: it adds four for each file to those that the global object has. */
const LISTENERS = Symbol.for("EVENT_HANDLERS");

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

  /** After Jest has set what it wants of stacks. */
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
    // They would hear of the next files' tests, tell Jest of each as a test of this file, and keep what this file has loaded.
    delete globalThis[LISTENERS];
    this.restore();
  }

  /** What the file has started and, because it failed, not stopped (left.ts). */
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

/**
 * Node's module of HTTP, for those that need more than its types. An ES module that imports it by its name makes Node read each of
 * its exports, and with them load the whole of undici: 60 ms of a core at each start.
 */
export const http = process.getBuiltinModule("node:http");

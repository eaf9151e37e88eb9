/**
 * Modules of Node that cost a start when an ES module imports them by their names, which makes Node read each of their exports: of
 * `node:http` one loads the whole of undici (60 ms of a core), of `node:tls` one reads all authorities (20 ms).
 */
export const http = process.getBuiltinModule("node:http");
export const tls = process.getBuiltinModule("node:tls");

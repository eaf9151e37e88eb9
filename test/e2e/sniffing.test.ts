/** The promise: no browser interprets an answer as another media type than it has, whatever was asked. */
import { connect } from "node:net";
import { newClient, post } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

test.each([
  ["GET", "/health/live", 200],
  ["GET", "/docs", 200],
  ["GET", "/docs/", 308],
  ["GET", "/docs/favicon-32x32.png", 200],
  ["GET", "/openapi.json", 200],
  ["HEAD", "/openapi.json", 200],
  ["GET", "/nothing", 404],
  ["GET", "/%ff", 404],
  ["DELETE", "/imports", 405],
  ["OPTIONS", "/imports", 405],
  ["GET", "/imports", 401],
  ["GET", "/admin/clients", 401],
])("%s %s", async (method, path, status) => {
  const response = await fetch(system.url + path, { method, redirect: "manual" });
  expect([response.status, response.headers.get("x-content-type-options")]).toEqual([status, "nosniff"]);
  await response.arrayBuffer();
});

test.each([
  ["an upload that is taken", "{}", 202],
  ["an upload that is refused", "", 400],
])("%s", async (_, body, status) => {
  const response = await post(system.url, await newClient(system.url), body);
  expect([response.status, response.headers.get("x-content-type-options")]).toEqual([status, "nosniff"]);
});

test.each([
  ["what is no HTTP", "hello\r\n\r\n", 400],
  ["a request to a proxy", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405],
  [
    "a body that nobody wants",
    "POST /imports HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    401,
  ],
])("%s", async (_, request, status) => {
  const socket = connect(Number(new URL(system.url).port), "127.0.0.1");
  socket.write(request);
  let text = "";
  for await (const piece of socket) {
    text += piece;
    if (text.includes("\r\n\r\n")) break;
  }
  expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*\r\nX-Content-Type-Options: nosniff\r\n`, "i"));
});

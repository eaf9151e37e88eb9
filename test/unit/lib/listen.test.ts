/** The promise: if the system refuses a port, the error names its setting. */
import { createServer } from "node:http";
import { listen } from "../../../lib/net/listen.ts";

const refusing = (code: string) => {
  const server = createServer();
  server.listen = () => {
    process.nextTick(() => server.emit("error", Object.assign(new Error(`listen ${code}`), { code })));
    return server;
  };
  return server;
};

test.each([
  ["EADDRINUSE", "PORT: expected a port that is free at 127.0.0.1; found 80, where another process listens"],
  [
    "EACCES",
    "PORT: expected a port that this user may listen on at 127.0.0.1; found 80, which the system keeps for others",
  ],
  ["EADDRNOTAVAIL", "HOST: expected an address of this machine; found 127.0.0.1 (EADDRNOTAVAIL)"],
])("%s", async (code, told) => {
  await expect(listen(refusing(code), { setting: "PORT", port: 80, host: "127.0.0.1" })).rejects.toMatchObject({
    message: told,
    cause: { code },
  });
});

test("0 is any free port", async () => {
  const server = createServer();
  expect(await listen(server, { setting: "PORT", port: 0, host: "127.0.0.1" })).toBeGreaterThan(0);
  server.close();
});

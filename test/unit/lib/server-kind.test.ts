/** The promise: if another kind of server listens at a URL, its kind is recognized, and no server is taken for another kind. */
import { type AddressInfo, createServer, type Server } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { otherServerAt } from "../../../lib/net/server-kind.ts";
import { newAuthority } from "../../helpers/certificates.ts";

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function at(server: Server): Promise<string> {
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that answers a text that begins with `question`, and hangs up. With an empty question it speaks first. */
const talker = (question: string, answer: string) =>
  createServer((socket) => {
    socket.on("error", () => {});
    if (question === "") socket.end(answer, "latin1");
    else socket.on("data", (bytes) => bytes.toString("latin1").startsWith(question) && socket.end(answer, "latin1"));
  });

const SSL_REQUEST = "\0\0\0\x08\x04\xd2\x16\x2f";
const redis = () => talker("PING", "-NOAUTH Authentication required.\r\n");
const postgres = () => talker(SSL_REQUEST, "N");
const rabbit = () => talker(SSL_REQUEST, "AMQP\0\0\x09\x01");
const http = () => talker("PING", "HTTP/1.1 400 Bad Request\r\n\r\n");
const mysql = () => talker("", "J\0\0\0\x0a8.0.36\0\x0f\0\0\0caching_sha2_password\0");

/** All are tested at the same time, because a silent server is listened to for a second. */
const strangers: [scheme: string, server: () => Server, expected: string, found: string][] = [
  ["amqp", redis, "RabbitMQ", "Redis"],
  ["amqp", postgres, "RabbitMQ", "PostgreSQL"],
  ["amqps", rabbit, "RabbitMQ with TLS", "RabbitMQ without TLS"],
  ["redis", rabbit, "Redis", "RabbitMQ"],
  ["rediss", redis, "Redis with TLS", "Redis without TLS"],
  ["redis", http, "Redis", "an HTTP server"],
  ["postgres", mysql, "PostgreSQL", "MySQL or MariaDB"],
  ["mssql", postgres, "SQL Server", "PostgreSQL"],
];

test("another kind of server is named", async () => {
  const seen = strangers.map(async ([scheme, server]) =>
    otherServerAt(`${scheme}://u:hunter2@${await at(server())}/x`),
  );
  expect(await Promise.all(seen)).toEqual(strangers.map(([, , expected, found]) => ({ expected, found })));
});

const others: [scheme: string, server: () => Server][] = [
  ["amqp", rabbit],
  ["redis", redis],
  ["postgresql", postgres],
  ["mssql", () => talker("", "220 hello\r\n")],
  ["amqp", () => talker("", "")],
  ["redis", () => createServer((socket) => void socket.on("error", () => {}))],
];

test("the right server, or an unknown one, is not named", async () => {
  const seen = others.map(async ([scheme, server]) => otherServerAt(`${scheme}://${await at(server())}`));
  expect(await Promise.all(seen)).toEqual(others.map(() => null));
});

test("nothing is named if nobody listens, the host is unknown, or the URL is a file", async () => {
  for (const url of ["amqp://127.0.0.1:1", "redis://nowhere.invalid", "sqlite:./x.db", "sqlite::memory:"])
    expect(await otherServerAt(url)).toBeNull();
});

test("a server that expects TLS is named if the URL has none", async () => {
  const authority = newAuthority();
  const server = createTlsServer(authority.issue("IP:127.0.0.1"), (socket) => void socket.on("error", () => {}));
  server.on("tlsClientError", () => {});
  const place = await at(server);
  authority.remove();
  expect(await otherServerAt(`amqp://${place}`)).toEqual({ expected: "RabbitMQ", found: "a server with TLS" });
  expect(await otherServerAt(`rediss://${place}`)).toBeNull();
  expect(await otherServerAt(`mssql://${place}/x`)).toBeNull();
});

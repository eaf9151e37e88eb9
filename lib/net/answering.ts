/**
 * Who answers at a URL whose driver found nobody that it knows. Another server there is a wrong setting, which no waiting
 * heals; a driver only sees that the link was closed, or that nothing came.
 */
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** Who knows no question says nothing, or closes. */
const PATIENCE_MS = 1_000;
/**
 * Each on a connection of its own. The first is PostgreSQL's for TLS, which it answers with one letter; the others say
 * that they do not understand, each in its own way, but for Redis, which waits for the end of a line.
 */
const questions = [Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]), Buffer.from("PING\r\n\r\n")];

/** No greeting that we know is longer. */
const MOST_SAID = 1_000;

const TLS = "a server with TLS";
const signs: readonly (readonly [who: string, sign: RegExp])[] = [
  ["RabbitMQ", /^AMQP/],
  ["PostgreSQL", /^[SN]$/],
  ["Redis", /^(\+PONG|-(ERR|NOAUTH|NOPERM|DENIED|LOADING)\b)/],
  ["MySQL or MariaDB", /^.{3}\0.*(mysql_|caching_sha2_|MariaDB)/s],
  ["an HTTP server", /^HTTP\/1/],
];

/** Of whom a URL's scheme speaks, and its port where the URL has none. */
const schemes: Record<string, { who: string; port: number; isTls?: boolean; mayBeTls?: boolean }> = {
  amqp: { who: "RabbitMQ", port: 5672 },
  amqps: { who: "RabbitMQ", port: 5671, isTls: true },
  redis: { who: "Redis", port: 6379 },
  rediss: { who: "Redis", port: 6379, isTls: true },
  postgres: { who: "PostgreSQL", port: 5432 },
  postgresql: { who: "PostgreSQL", port: 5432 },
  // It says nothing to our questions; with encrypt=strict it speaks TLS.
  mssql: { who: "SQL Server", port: 1433, mayBeTls: true },
};

/** What certainly is another server than the URL says; null: nobody, or who may well be the right one. */
export async function strangerAt(url: string): Promise<{ expected: string; found: string } | null> {
  const { protocol, hostname, port } = new URL(url);
  const wanted = schemes[protocol.slice(0, -1)];
  if (!wanted) return null;
  const expected = wanted.isTls ? `${wanted.who} with TLS` : wanted.who;
  const who = await whoAnswers(hostname.replace(/^\[|\]$/g, ""), Number(port) || wanted.port);
  if (who === null || (who === TLS && (wanted.isTls || wanted.mayBeTls))) return null;
  if (who !== wanted.who) return { expected, found: who };
  return wanted.isTls ? { expected, found: `${who} without TLS` } : null;
}

/** By what it says to questions that are harmless wherever they arrive; null where that is nothing we know. */
async function whoAnswers(host: string, port: number): Promise<string | null> {
  const [hello, ...plain] = await Promise.all([
    greets(connectTls({ host, port, rejectUnauthorized: false })),
    ...questions.map((question) => answerOf(connect({ host, port }), question)),
  ]);
  return plain.find((who) => who !== null) ?? (hello ? TLS : null);
}

function greets(socket: Socket): Promise<boolean> {
  let hasGreeted = false;
  socket.on("secureConnect", () => {
    hasGreeted = true;
    socket.destroy();
  });
  return ended(socket).then(() => hasGreeted);
}

function answerOf(socket: Socket, question: Buffer): Promise<string | null> {
  let said = "";
  const who = () => signs.find(([, sign]) => sign.test(said))?.[0] ?? null;
  socket.on("connect", () => socket.write(question));
  socket.on("data", (bytes) => {
    said += bytes.toString("latin1");
    if (who() || said.length > MOST_SAID) socket.destroy();
  });
  return ended(socket).then(who);
}

async function ended(socket: Socket): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
  socket.on("error", () => {});
  await new Promise((resolve) => socket.on("close", resolve));
  clearTimeout(timer);
}

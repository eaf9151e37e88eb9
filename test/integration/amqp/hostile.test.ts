/** The promise: whatever a stranger puts on RabbitMQ's queues, the node lives and works on, and its log stays short. */
import { type Channel, type ChannelModel, connect } from "amqplib";
import { describeWithRabbit, newNamespace, rabbitUrl, removeNamespace } from "../../helpers/amqp.ts";
import { accepted, batchWhen, newClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { killLeftOvers, type RunningProcess, startProcess, temporaryFolder } from "../../helpers/process.ts";

const LONGEST_LINE = 1_000;

describeWithRabbit("hostile messages", () => {
  let node: RunningProcess;
  let connection: ChannelModel;
  let channel: Channel;
  let nodeID: string;
  const namespace = newNamespace();
  const place = temporaryFolder();
  const lines = () => node.logs().split("\n").filter(Boolean);

  beforeAll(async () => {
    const env = { DATABASE_URL: place.databaseUrl, AMQP_URL: rabbitUrl, NAMESPACE: namespace, POLL_INTERVAL: "200ms" };
    node = await startProcess(env);
    nodeID = /"nodeID":"([^"]+)"/.exec(node.logs())?.[1] as string;
    connection = await connect(rabbitUrl);
    channel = await connection.createChannel();
  });
  afterAll(async () => {
    await connection?.close();
    killLeftOvers();
    await node?.exited;
    await removeNamespace(namespace, [nodeID]);
    place.remove();
  });

  const ver = "5";
  const packet = (type: string, payload: unknown) => {
    const text = typeof payload === "string" ? payload : JSON.stringify(payload);
    channel.sendToQueue(`MOL-${namespace}.${type}.${nodeID}`, Buffer.from(text));
  };

  /** Waits until all earlier messages are read: the answer to a question that was sent later on the same queues has come. */
  async function allIsRead(types: readonly string[]) {
    const emptied = types.map((type) =>
      until(
        async () => (await channel.checkQueue(`MOL-${namespace}.${type}.${nodeID}`)).messageCount === 0,
        `${type} to be read`,
      ),
    );
    await Promise.all(emptied);
    // The node has also handled all that it has read once it answers for its health.
    expect((await fetch(`${node.url}/health/ready`)).status).toBe(200);
  }

  const all = ["EVENT", "REQ", "RES", "INFO", "DISCOVER", "DISCONNECT", "HEARTBEAT", "PING", "PONG"] as const;

  const isThere = async (id: string) => {
    const { queue } = await channel.assertQueue(`MOL-${namespace}.RES.${id}`, { autoDelete: true });
    return queue;
  };

  async function stillWorks() {
    const client = await newClient(node.url);
    const { id } = await accepted(node.url, client, '{"a":1}');
    expect(await batchWhen(node.url, client, id)).toMatchObject({ status: "completed" });
  }

  async function sent(send: () => void): Promise<string[]> {
    const before = lines().length;
    send();
    await allIsRead(all);
    await stillWorks();
    return lines().slice(before);
  }

  test("messages that are no packet are dropped, with one short log line for each type", async () => {
    const huge = "x".repeat(2_000_000);
    const wrong = [
      "",
      "garbage",
      "{",
      "null",
      "7",
      "[]",
      '"text"',
      "{}",
      huge,
      JSON.stringify({ ver, sender: "" }),
      JSON.stringify({ ver, sender: 7 }),
      JSON.stringify({ ver, sender: "n".repeat(70_000) }),
      JSON.stringify({ ver, sender: { toString: 1 } }),
    ];
    const said = await sent(() => {
      for (const type of all) for (const payload of wrong) packet(type, payload);
    });
    const told = (type: string) => lines().filter((line) => line.includes(`packet of the type ${type} is wrong`));
    await until(() => all.every((type) => told(type).length > 0), "a line for each type");
    for (const type of all) expect(told(type)).toHaveLength(1);
    for (const line of said) expect(line.length).toBeLessThan(LONGEST_LINE);
    expect(said.length).toBeLessThan(all.length * 2);
  });

  test("fields of the wrong type, unknown actions and answers that nobody waits for do no harm", async () => {
    const sender = "a-stranger";
    const answers = await isThere(sender);
    const base = { ver, sender, id: "1", meta: {} };
    const service = (one: unknown) => ({ ver, sender, instanceID: "i", services: one });
    const said = await sent(() => {
      packet("INFO", service("no list"));
      packet("INFO", service([null]));
      packet("INFO", service([{ name: {} }]));
      packet("INFO", service([{ name: "x", actions: "none" }]));
      packet("INFO", { ver, sender, services: 7 });
      packet("REQ", { ...base, action: { $ne: null } });
      packet("REQ", { ...base, action: "a".repeat(500_000), params: {} });
      packet("REQ", { ...base, action: "batch.get", params: { publicId: { a: 1 } } });
      packet("REQ", { ...base, action: "batch.claim", params: [] });
      packet("REQ", { ...base, action: "__proto__", params: {} });
      packet("REQ", { ...base, action: "batch.get", meta: "text", params: {} });
      packet("REQ", { ...base, action: "batch.get", meta: JSON.parse('{"__proto__":{"polluted":1}}'), params: {} });
      packet("RES", { ...base, success: true, data: {} });
      packet("RES", { ...base, success: false, error: "none" });
      packet("EVENT", { ...base, event: "client.changed", data: null });
      packet("EVENT", { ...base, event: "client.changed", data: { id: {}, identifier: [], version: "x" } });
      packet("EVENT", { ...base, event: "policy.changed", data: 7 });
      packet("EVENT", { ...base, event: "batch.completed", data: null, groups: "none" });
      packet("EVENT", { ...base, event: "batch.completed", data: null, broadcast: true });
      packet("EVENT", { ...base, event: "batch.ready", data: { subject: 7, data: null }, broadcast: true });
      packet("EVENT", { ...base, event: "e".repeat(500_000), data: {} });
      packet("HEARTBEAT", { ver, sender: "nobody-knows-it", cpu: "hot", seq: "x" });
      packet("PING", { ver, sender: "nobody-knows-it", id: "1", time: "now" });
      packet("PONG", { ver, sender, id: "1", time: [] });
      packet("DISCONNECT", { ver, sender: "nobody-knows-it" });
      packet("DISCOVER", { ver, sender: "nobody-knows-it" });
    });
    for (const line of said) expect(line.length).toBeLessThan(LONGEST_LINE);
    expect(said.length).toBeLessThan(40);
    // The node answers what it can: a stranger's call gets the same refusals as any other call.
    await until(async () => (await channel.checkQueue(answers)).messageCount === 4, "the refusals");
    await channel.deleteQueue(answers);
  });

  test("a node of Moleculer 0.14 is logged once, however long it tries", async () => {
    const said = await sent(() => {
      for (let again = 0; again < 20; again++)
        for (const sender of ["old-node", "another-old-node"])
          for (const type of ["DISCOVER", "INFO", "HEARTBEAT", "PING"] as const)
            packet(type, { ver: "4", sender, services: [], config: {}, instanceID: "i", seq: 1 });
    });
    const named = said.filter((line) => line.includes("cannot join"));
    expect(named.map((line) => /node \\*"([\w-]+)/.exec(line)?.[1]).sort()).toEqual(["another-old-node", "old-node"]);
    expect(named[0]).toContain("Moleculer 0.15");
    expect(said.filter((line) => line.includes("old-node") || line.includes("rotocol"))).toHaveLength(2);
  });

  test("invalid tokens become dead letters, each with a short log line", async () => {
    const wrong = [
      "",
      "garbage",
      "null",
      "{}",
      '{"batchId":7}',
      JSON.stringify({ batchId: null, ["k".repeat(100_000)]: 1 }),
    ];
    const queue = `${namespace}.batch.ready`;
    const said = await sent(() => {
      for (const text of wrong) channel.sendToQueue(queue, Buffer.from(text));
    });
    await until(
      async () => (await channel.checkQueue(`${queue}.dead`)).messageCount === wrong.length,
      "the dead letters",
    );
    for (const line of said) expect(line.length).toBeLessThan(LONGEST_LINE);
  });
});

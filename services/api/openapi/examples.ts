/** The examples that the whole OpenAPI document shares: the ids, and the client. */

export const ids = {
  client: "0193b2ee-11d4-7f0a-8a9e-6f4f5d0c7b21",
  batch: "0193b2f0-7a10-7c3e-9a53-2f6d1c9be001",
  delivery: "0193b2f0-8c44-7b1d-b6f0-0d5a3be7c9e2",
  request: "0193b2f0-6c1e-7a55-8d1f-5a0e4bb1c0de",
  erasure: "0193b2f1-1a10-7c3e-9a53-2f6d1c9be0aa",
  key: "0193b2ef-5d20-7e41-9c07-3b8a6f1d2e44",
  event: "0193b2f0-8c44-7b1d-b6f0-0d5a3be7c9e1",
};

/** An example that looks like a cursor. It is not valid, because each cursor is valid for its own list only. */
export const cursor = "kSx0f3pQe1bN5vG2uYcD7wHtLr9ZaM4oXj6iEKqWsB8nPdTy";

export const client = {
  id: ids.client,
  clientIdentifier: "a-shop",
  name: "A shop",
  status: "active",
  legalHold: false,
  paused: false,
  pausedAt: null,
  pausedBy: null,
  createdAt: "2026-11-01T09:30:00.000Z",
};

export const listedClient = {
  ...client,
  policyVersion: 3,
  lastBatchAt: "2026-11-23T08:00:00.000Z",
  use: {
    batches: { running: 1, limit: 2 },
    day: { bytes: { used: 0, limit: null }, records: { used: 4_200, limit: 10_000 } },
  },
};

export const usage = {
  requests: {
    limit: 120,
    windowSeconds: 60,
    used: 17,
    remaining: 103,
    resetsAt: "2026-11-23T08:00:42.000Z",
    store: "redis",
  },
  day: {
    bytes: { used: 5_242_880, limit: 1_073_741_824 },
    records: { used: 40_000, limit: null },
    resetsAt: "2026-11-24T00:00:00.000Z",
  },
  uploads: { running: 1, limit: 16 },
  batches: { running: 2, ready: 5, held: 0, limit: 2 },
  streams: { open: 1, limit: 2_000 },
};

export const secret = "vB3kq0mY8Zr1tXc5nWd7uEf9gHi2jKl4oPs6aQz0xTe";

export const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwu8vOmSPnQ0E=";

export const webhook = { url: "https://partner.example/hooks", events: ["batch.completed"] };

/** The units of locks, of webhooks' deliveries, and of alerts. */
import type { AttemptRecord } from "../../../services/webhook/webhook.domain.ts";
import { caseList, entry, marked, markedId, n } from "./statements.kit.ts";

const { cases, add } = caseList();
export const deliveryCases = cases;

add("acquireLock", ({ locks }) => locks.acquireLock(marked("lock"), marked("token"), n()));
add("extendLock", ({ locks }) => locks.extendLock(marked("lock"), marked("token"), n()));
add("releaseLock", ({ locks }) => locks.releaseLock(marked("lock"), marked("token")));
add("forgetLocks", ({ locks }) => locks.forgetLocks());

const taken = () => ({ limit: n(), leaseMs: n(), busy: [n()], claim: markedId() });
add("takeDeliveries", ({ deliveries }) => deliveries.takeDeliveries(taken()));
const attempt = (name: string, next: () => AttemptRecord["next"]) =>
  add(`recordAttempt: ${name}`, ({ deliveries }) =>
    deliveries.recordAttempt({
      id: n(),
      claim: markedId(),
      status: n(),
      error: marked("error"),
      ms: n(),
      next: next(),
    }),
  );
attempt("delivered", () => ({ state: "delivered" }));
attempt("later", () => ({ state: "pending", inMs: n(), isTry: true }));
attempt("given back", () => ({ state: "pending", inMs: n(), isTry: false }));
add("failDeliveries", ({ deliveries }) => deliveries.failDeliveries(n(), marked("error")));
add("replayDelivery", ({ deliveries }) => deliveries.replayDelivery({ publicId: markedId() }));
add("replayFailed", ({ deliveries }) => deliveries.replayFailed([n(), n()]));
add("replayFailed: with its audit row", ({ deliveries }) => deliveries.replayFailed([n()], entry()));
add("failedDeliveries", ({ deliveries }) => deliveries.failedDeliveries({ clientId: n(), since: n(), limit: n() }));
add("deliveryBody", ({ deliveries }) => deliveries.deliveryBody(n()));
add("listDeliveries", ({ deliveries }) => deliveries.listDeliveries({ limit: n() }));
add("listDeliveries: by all", ({ deliveries }) =>
  deliveries.listDeliveries({ batch: markedId(), publicId: markedId(), state: "failed", limit: n() }),
);
add("listDeliveries: of a client, with all filters", ({ deliveries }) =>
  deliveries.listDeliveries({
    clientId: n(),
    state: "failed",
    event: "batch.held",
    from: n(),
    to: n(),
    before: { createdAt: n(), id: n() },
    limit: n(),
  }),
);
add("voidClaims", ({ deliveries }) => deliveries.voidClaims());

const ALERT = "batch_failed" as const;
add("openAlerts", ({ store }) => store.openAlerts([marked("kind") as typeof ALERT]));
add("noteAlert", ({ store }) =>
  store.noteAlert({ publicId: markedId(), kind: ALERT, about: { clientId: 1, code: marked("code") } }),
);
add("dueAlerts", ({ store }) => store.dueAlerts(marked("kind") as typeof ALERT));
add("takeAlert", ({ store }) => store.takeAlert(ALERT, markedId(), n()));
add("alertNotes", ({ store }) => store.alertNotes(marked("kind") as typeof ALERT, n()));
const holder = () => ({ kind: ALERT, claim: markedId(), tries: n(), pending: null });
add("writeAlert", ({ store }) => store.writeAlert({ ...holder(), dueInMs: n(), notes: [markedId()] }));

/** The lines marked `@ts-expect-error` are checked by `npm run types`: each fails there once it compiles. */
import { define, fields } from "../../../mixins/define.ts";
import { scheduleMixin } from "../../../mixins/schedule.ts";
import { defineActor } from "../../../services/define.ts";
import { startBroker } from "../contracts/kit.ts";

const unused = (): never => {
  throw new Error("unused");
};
/** Actions that the test is not about. */
const others = { erase: unused, erasure: unused, erasures: unused };

const greeter = define({
  needs: fields<{ name: string }>(),
  state: fields<{ greetings: number }>(),
  created() {
    this.greetings = 0;
  },
  methods: {
    greet(whom: string) {
      this.greetings++;
      return `${this.name} greets ${whom}`;
    },
    /** Answers what it was asked, with the same type. */
    echo<T>(said: T) {
      return said;
    },
  },
});

test("a service has the methods, fields and settings of its definition and of its mixins", async () => {
  let said = "";
  const service = define({
    name: "host",
    mixins: [greeter],
    settings: { guest: "Ada" },
    methods: {
      welcome() {
        return `${this.greet(this.settings.guest)} (${this.greetings})`;
      },
    },
    async started() {
      said = this.welcome();
    },
  });
  const { stop } = await startBroker(service);
  expect(said).toBe("host greets Ada (1)");
  await stop();
});

test("what a definition does not have does not compile", () => {
  expect(wrong).toBeInstanceOf(Function);
});

/** Never called. It only has to compile. */
function wrong() {
  define({
    name: "host",
    mixins: [greeter, scheduleMixin],
    settings: { guest: "Ada" },
    state: fields<{ seats: number }>(),
    events: {
      "$node.connected"() {
        // @ts-expect-error an event's listener calls a method that is not there
        this.welcomed();
      },
    },
    created() {
      this.seats = 1;
      // @ts-expect-error a field of another type
      this.seats = "1";
      // @ts-expect-error a field that nobody declares
      this.chairs = 1;
      // @ts-expect-error a setting that is not there
      this.settings.host;
    },
    methods: {
      welcome(whom: string) {
        // @ts-expect-error a method that was renamed
        this.greets(whom);
        // @ts-expect-error a method of the mixin, with a wrong param
        this.greet(1);
        // @ts-expect-error what it answers is not that
        const text: number = this.greet(whom);
        // @ts-expect-error a generic method keeps its type
        const one: "one" = this.echo("two");
        return { text, one };
      },
    },
    async started() {
      this.schedule("Welcome", 1_000, async () => this.welcome("all"));
      // @ts-expect-error a method with too few params
      this.welcome();
    },
  });

  // @ts-expect-error `drain` under another name: nobody would call it
  define({ name: "host", drains: async () => {} });
  // @ts-expect-error the same in an actor
  defineActor({ name: "retention", actions: { ...others, wake() {} }, drains: async () => {} });

  // @ts-expect-error a mixin whose needs nobody meets
  define({ name: "host", mixins: [define({ needs: fields<{ seats: number }>() })] });
  define({
    name: "host",
    mixins: [define({ needs: fields<{ seats: number }>() })],
    state: fields<{ seats: number }>(),
  });

  defineActor({
    name: "retention",
    mixins: [scheduleMixin],
    methods: {
      look() {
        return this.name;
      },
    },
    events: {
      "client.changed"({ params }) {
        // @ts-expect-error the payload has no such member
        params.secret;
      },
    },
    actions: {
      ...others,
      async wake() {
        // @ts-expect-error a handler calls a method that was renamed
        this.looked();
        await this.endSchedules();
        this.look();
      },
    },
  });
  defineActor({
    name: "retention",
    actions: { ...others, wake() {} },
    // @ts-expect-error an event that no contract declares
    events: { "client.change"() {} },
  });
}

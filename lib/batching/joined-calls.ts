interface Group<Item, Answer> {
  items: Item[];
  answer: Promise<Answer>;
  resolve(answer: Promise<Answer>): void;
}

/**
 * Joins the questions of one turn of the event loop into one call: many at once cost the server, and this process,
 * little more than one. A question that comes alone does not wait for the end of its turn.
 */
export class JoinedCalls<Item, Answer> {
  private readonly send: (items: Item[]) => Promise<Answer>;
  private readonly most: number;
  private readonly open = new Map<string, Group<Item, Answer>>();
  private underWay = 0;
  /** Whether the last call had more than one item: then it pays to wait for the end of the turn. */
  private isCrowded = false;

  /** `send` answers for up to `most` items of one name. */
  constructor(most: number, send: (items: Item[]) => Promise<Answer>) {
    this.most = most;
    this.send = send;
  }

  /** The answer for the whole call, and the position of this item in it. Rejects as the call does. */
  async ask(name: string, item: Item): Promise<[answer: Answer, place: number]> {
    if (this.underWay === 0 && !this.isCrowded) return [await this.call([item]), 0];
    const group = this.open.get(name) ?? this.begun(name);
    const place = group.items.push(item) - 1;
    // A full call goes now, so the server works while we collect the rest.
    if (group.items.length === this.most) this.close(name, group);
    return [await group.answer, place];
  }

  private begun(name: string): Group<Item, Answer> {
    const { promise: answer, resolve } = Promise.withResolvers<Answer>();
    const group: Group<Item, Answer> = { items: [], answer, resolve };
    this.open.set(name, group);
    setImmediate(() => {
      if (this.open.get(name) === group) this.close(name, group);
    });
    return group;
  }

  private close(name: string, { items, resolve }: Group<Item, Answer>): void {
    this.open.delete(name);
    this.isCrowded = items.length > 1;
    resolve(this.call(items));
  }

  private call(items: Item[]): Promise<Answer> {
    this.underWay++;
    const answer = this.send(items);
    const done = () => {
      this.underWay--;
    };
    answer.then(done, done);
    return answer;
  }
}

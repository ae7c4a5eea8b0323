/**
 * One checker for all fault runs (docs/design/delivery.md): what was sent, acknowledged, shown.
 * Lost, phantom, duplicate, reordered, stored twice.
 */

export interface Shown {
  readonly originId: string;
  readonly stanzaId: string;
  /** It had a <delay/>, or came over a resumed session: a repeat that the device can recognise. */
  readonly late: boolean;
}

export class History {
  /** By origin-id: the sending device, the account it is for, and where it stands in the order of sending. */
  readonly #sent = new Map<string, { from: string; to: string; order: number }>();
  readonly #acked = new Set<string>();
  readonly #refused = new Set<string>();
  /** Device → what it was shown. */
  readonly #shown = new Map<string, Shown[]>();
  #order = 0;

  send(originId: string, from: string, to: string): void {
    if (!this.#sent.has(originId)) this.#sent.set(originId, { from, to, order: this.#order++ });
  }
  acknowledge(originId: string): void {
    if (!this.#refused.has(originId)) this.#acked.add(originId);
  }
  refuse(originId: string): void {
    this.#refused.add(originId);
    this.#acked.delete(originId);
  }
  show(device: string, message: Shown): void {
    const list = this.#shown.get(device) ?? [];
    list.push(message);
    this.#shown.set(device, list);
  }
  /** The device was shown something. */
  has(device: string): boolean {
    return this.#shown.has(device);
  }
  get ackedCount(): number {
    return this.#acked.size;
  }
  get sentCount(): number {
    return this.#sent.size;
  }

  /** `devicesOf`: the devices of an account that were there before its first message came. Answers what is wrong, in words. */
  check(devicesOf: (account: string) => readonly string[]): string[] {
    const wrong: string[] = [];
    const ids = new Map<string, string>();
    for (const [device, list] of this.#shown) {
      const seen = new Map<string, string>();
      const last = new Map<string, number>();
      for (const { originId, stanzaId, late } of list) {
        const sent = this.#sent.get(originId);
        if (sent === undefined) {
          wrong.push(`phantom: ${device} was shown ${originId}, which nobody sent`);
          continue;
        }
        const first = ids.get(originId);
        if (first !== undefined && first !== stanzaId)
          wrong.push(`stored twice (D3): ${originId} has the stanza-ids ${first} and ${stanzaId}`);
        ids.set(originId, stanzaId);
        const before = seen.get(originId);
        if (before !== undefined) {
          if (!late) wrong.push(`duplicate (D8): ${device} was shown ${originId} again without a mark`);
          continue;
        }
        seen.set(originId, stanzaId);
        const line = `${sent.from} to ${sent.to}`;
        const previous = last.get(line) ?? -1;
        if (sent.order < previous) wrong.push(`reordered (D4): ${device} was shown ${originId} after a later message from ${line}`);
        last.set(line, sent.order);
      }
    }
    for (const originId of this.#acked) {
      const sent = this.#sent.get(originId);
      if (sent === undefined) continue;
      for (const device of devicesOf(sent.to))
        if (!(this.#shown.get(device) ?? []).some((one) => one.originId === originId))
          wrong.push(`lost (D1, D5): ${originId} from ${sent.from} was acknowledged and ${device} never got it`);
    }
    return wrong;
  }
}

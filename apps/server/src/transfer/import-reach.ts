/** By what an account is found and told: its identifiers, and where its devices hear of messages (docs/protocol/transfer.md). */
import { type IdentifierKind, identifierTransfer } from '@parley/features/identity/service';
import { appServerTransfer } from '@parley/features/push-services/service';
import { registrationTransfer } from '@parley/features/web-push/service';
import { decodePushEnable, decodePushRegister, PUSH_DEVICE_LENGTH, parseDateTime } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import type { Element } from '@parley/xml';
import type { Host } from '../engine.ts';
import type { TransferCounts } from './format.ts';

const KINDS: readonly IdentifierKind[] = ['email', 'phone', 'social'];

export class ReachImport {
  readonly #engine: Host;
  readonly #account: AccountRecord;
  readonly #counts: TransferCounts;
  readonly #left: (what: string) => void;

  constructor(engine: Host, account: AccountRecord, counts: TransferCounts, left: (what: string) => void) {
    this.#engine = engine;
    this.#account = account;
    this.#counts = counts;
    this.#left = left;
  }

  async identifier(element: Element): Promise<void> {
    const service = this.#engine.features.service(identifierTransfer);
    if (service === undefined) return this.#left('an identifier: they are off here (features.identity)');
    const kind = KINDS.find((one) => one === element.attr('kind'));
    const [value, label] = [element.attr('value'), element.attr('label')];
    const provedAt = parseDateTime(element.attr('proved') ?? '');
    if (kind === undefined || value === undefined || provedAt === undefined) return this.#left('an identifier that is none');
    const found = { kind, value, provedAt, ...(label === undefined ? {} : { label }) };
    if (await service.restore(this.#account, found)) this.#counts.identifiers++;
    // Not which: what is left out is printed, and read by others.
    else this.#left('an identifier that another account has, or that is none');
  }

  push(element: Element): void {
    const since = parseDateTime(element.attr('since') ?? '') ?? this.#engine.core.clock.now();
    const [inner] = element.elements();
    const registration = decodePushRegister(inner);
    const enabled = decodePushEnable(inner);
    let refusal: string | undefined = 'it is none';
    if (registration?.device !== undefined) {
      const { device, ...rest } = registration;
      const service = this.#engine.features.service(registrationTransfer);
      refusal =
        service === undefined ? 'it is off here (features.web-push)' : service.restore(this.#account.id, { ...rest, device, since });
    } else if (enabled !== undefined) {
      const service = this.#engine.features.service(appServerTransfer);
      const device = (element.attr('device') ?? '').slice(0, PUSH_DEVICE_LENGTH);
      refusal =
        service === undefined
          ? 'it is off here (features.push-services)'
          : service.restore(this.#account.id, { ...enabled, device, since });
    }
    if (refusal === undefined) this.#counts.pushRegistrations++;
    else this.#left(`a push registration: ${refusal}`);
  }
}

/** Writes everything of a server to one file (XEP-0227), account by account, room by room. */
import { conversationLists } from '@parley/features/conversations/service';
import { ephemeralTimers } from '@parley/features/ephemeral/service';
import { identifierTransfer } from '@parley/features/identity/service';
import { appServerTransfer } from '@parley/features/push-services/service';
import { rosters } from '@parley/features/roster/service';
import { registrationTransfer } from '@parley/features/web-push/service';
import { base64Encode, encodePushEnable, encodePushRegister, formatDateTime, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord, MailboxEntry } from '@parley/storage';
import { type Element, el, escapeAttr, parseElement, serialize, utf8Decode, withClientNamespace } from '@parley/xml';
import type { Engine, Host } from '../engine.ts';
import { exportRooms } from './export-rooms.ts';
import { noCounts, PIE, PIE_MAM, PIE_SCRAM, PUBSUB, PUBSUB_OWNER, TRANSFER, type TransferCounts } from './format.ts';
import { exportNodes } from './nodes.ts';
import { ExportOutput } from './output.ts';
import { Requests } from './requests.ts';

const PAGE = 500;

export interface ExportResult {
  readonly counts: TransferCounts;
  /** Uploaded files that could not be read, or are not what they were. */
  readonly missing: string[];
}

/** `path` is absolute; what is there is replaced when the new file is whole. Throws TransferError. */
export async function exportServer(engine: Engine, path: string): Promise<ExportResult> {
  const out = await ExportOutput.open(path);
  const result: ExportResult = { counts: noCounts(), missing: [] };
  try {
    const files = await filesOf(engine);
    await out.text(`<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='${PIE}'>\n`);
    for (const host of engine.hosts) {
      await out.text(`<host jid="${escapeAttr(host.domain)}">\n`);
      let after: string | undefined;
      for (;;) {
        const page = await host.core.accounts.list({ ...(after === undefined ? undefined : { after }), limit: PAGE });
        for (const account of page) await new UserExport(host, account, out, result, files.get(account.id) ?? []).write();
        if (page.length < PAGE) break;
        after = page.at(-1)?.localpart;
      }
      await exportRooms(host, out, result.counts);
      await exportNodes(host, out, result.counts);
      await out.text('</host>\n');
    }
    await out.text('</server-data>\n');
    await out.finish();
    return result;
  } catch (error) {
    throw await out.fail(error);
  }
}

/** Names of the uploaded files by account. */
async function filesOf(engine: Engine): Promise<Map<number, string[]>> {
  const files = new Map<number, string[]>();
  for (const { key, record } of await engine.media.list()) {
    const list = files.get(record.accountId);
    if (list === undefined) files.set(record.accountId, [key]);
    else list.push(key);
  }
  return files;
}

class UserExport {
  readonly #engine: Host;
  readonly #account: AccountRecord;
  readonly #out: ExportOutput;
  readonly #result: ExportResult;
  readonly #counts: TransferCounts;
  readonly #files: readonly string[];
  readonly #requests: Requests;

  constructor(engine: Host, account: AccountRecord, out: ExportOutput, result: ExportResult, files: readonly string[]) {
    this.#engine = engine;
    this.#account = account;
    this.#out = out;
    this.#result = result;
    this.#counts = result.counts;
    this.#files = files;
    this.#requests = new Requests(engine, account);
  }

  /** What a feature answers to the owner; undefined when it is off or has nothing. */
  async #ask(payload: Element): Promise<Element | undefined> {
    try {
      return await this.#requests.ask('get', payload);
    } catch (error) {
      if (error instanceof StanzaError) return undefined;
      throw error;
    }
  }

  async write(): Promise<void> {
    this.#counts.accounts++;
    await this.#out.text(`<user name="${escapeAttr(this.#account.localpart)}">\n`);
    await this.#keys();
    await this.#contacts();
    await this.#small();
    await this.#settings();
    await this.#reach();
    await this.#nodes();
    await this.#messages();
    await this.#uploads();
    await this.#out.text('</user>\n');
  }

  async #keys(): Promise<void> {
    for (const [hash, keys] of Object.entries(this.#engine.core.accounts.credentials(this.#account).scram))
      await this.#out.elements(
        el(
          'scram-credentials',
          { xmlns: PIE_SCRAM, mechanism: `SCRAM-${hash}` },
          el('iter-count', null, String(keys.iterations)),
          el('salt', null, base64Encode(keys.salt)),
          el('server-key', null, base64Encode(keys.serverKey)),
          el('stored-key', null, base64Encode(keys.storedKey)),
        ),
      );
  }

  async #contacts(): Promise<void> {
    const roster = await this.#engine.features.service(rosters)?.of(this.#account);
    if (roster === undefined) return;
    const items: Element[] = [];
    const requests: Element[] = [];
    for (const { jid, name, subscription, groups, ask, approved, listed, request } of roster.contacts()) {
      if (listed)
        items.push(
          el(
            'item',
            {
              jid,
              name: name === '' ? undefined : name,
              subscription,
              ask: ask ? 'subscribe' : undefined,
              approved: approved || undefined,
            },
            ...groups.map((group) => el('group', null, group)),
          ),
        );
      if (request !== undefined) requests.push(parseElement(request, undefined, NS.client));
    }
    this.#counts.contacts += items.length;
    this.#counts.requests += requests.length;
    if (items.length > 0) await this.#out.elements(el('query', { xmlns: NS.roster }, ...items));
    await this.#out.elements(...requests);
  }

  async #small(): Promise<void> {
    const card = await this.#ask(el('vCard', { xmlns: NS.vcard }));
    if (card !== undefined && card.children.length > 0) {
      this.#counts.vCards++;
      await this.#out.elements(card);
    }
    // The protocol has no way to ask for all kinds.
    const rows = await this.#engine.storage.keyValue('private').list(this.#account.id);
    const elements = rows.flatMap(({ value }) => parseElement(`<r>${String(JSON.parse(value))}</r>`).elements());
    if (elements.length > 0) await this.#out.elements(el('query', { xmlns: NS.privateStorage }, ...elements));
    this.#counts.privateElements += elements.length;
    const blocked = await this.#ask(el('blocklist', { xmlns: NS.blocking }));
    if (blocked !== undefined && blocked.children.length > 0) {
      this.#counts.blocked += blocked.elements().length;
      await this.#out.elements(blocked);
    }
  }

  /** What the account decided about its archive and its conversations: not in XEP-0227, in words of the specifications where there are some. */
  async #settings(): Promise<void> {
    const { id } = this.#account;
    const preferences = await this.#ask(el('prefs', { xmlns: NS.mam }));
    if (preferences !== undefined) await this.#out.elements(preferences);
    for (const [jid, state] of (await this.#engine.features.service(conversationLists)?.states(id)) ?? []) {
      const { displayed, pinned, muted, archived } = state;
      const about = {
        jid,
        displayed: displayed === undefined ? undefined : this.#engine.core.mailboxes.stanzaId(displayed),
        pinned: pinned === undefined ? undefined : formatDateTime(pinned),
        muted: muted === undefined ? undefined : muted < 0 ? 'true' : formatDateTime(muted),
        archived,
      };
      this.#counts.conversations++;
      await this.#out.elements(el('conversation', { xmlns: TRANSFER, ...about }));
    }
    // A name that is no address stands for new conversations.
    for (const [jid, seconds] of (await this.#engine.features.service(ephemeralTimers)?.all(id)) ?? [])
      await this.#out.elements(el('timer', { xmlns: TRANSFER, jid: jid.trim() === '' ? undefined : jid, seconds: String(seconds) }));
  }

  /** By what the account is found and told: secrets of its devices among it. */
  async #reach(): Promise<void> {
    const { features } = this.#engine;
    const { id } = this.#account;
    for (const { kind, value, provedAt, label } of (await features.service(identifierTransfer)?.of(this.#account)) ?? []) {
      this.#counts.identifiers++;
      await this.#out.elements(el('identifier', { xmlns: TRANSFER, kind, value, proved: formatDateTime(provedAt), label }));
    }
    for (const { since, ...registration } of features.service(registrationTransfer)?.of(id) ?? []) {
      this.#counts.pushRegistrations++;
      await this.#out.elements(el('push', { xmlns: TRANSFER, since: formatDateTime(since) }, encodePushRegister(registration)));
    }
    for (const { since, device, ...enabled } of features.service(appServerTransfer)?.of(id) ?? []) {
      this.#counts.pushRegistrations++;
      await this.#out.elements(el('push', { xmlns: TRANSFER, since: formatDateTime(since), device }, encodePushEnable(enabled)));
    }
  }

  async #nodes(): Promise<void> {
    const list = await this.#ask(el('query', { xmlns: NS.discoItems }));
    const nodes = (list?.elements() ?? []).flatMap((item) => item.attr('node') ?? []);
    if (nodes.length === 0) return;
    const owned: Element[] = [];
    for (const node of nodes) {
      const about = async (name: string): Promise<Element | undefined> =>
        (await this.#ask(el('pubsub', { xmlns: PUBSUB_OWNER }, el(name, { node }))))?.child(name);
      const [configure, affiliations, subscriptions] = [
        await about('configure'),
        await about('affiliations'),
        await about('subscriptions'),
      ];
      if (configure === undefined) continue;
      this.#counts.nodes++;
      owned.push(configure);
      // That the account is the owner of its nodes goes without saying.
      const others = affiliations?.childrenNamed('affiliation').filter((one) => one.attr('affiliation') !== 'owner') ?? [];
      if (others.length > 0) owned.push(el('affiliations', { node }, ...others));
      if (subscriptions !== undefined && subscriptions.children.length > 0) owned.push(subscriptions);
      this.#counts.nodeAffiliations += others.length;
      this.#counts.nodeSubscriptions += subscriptions?.elements().length ?? 0;
    }
    await this.#out.elements(el('pubsub', { xmlns: PUBSUB_OWNER }, ...owned));
    await this.#out.text(`<pubsub xmlns="${PUBSUB}">\n`);
    for (const node of nodes) {
      await this.#out.text(`<items node="${escapeAttr(node)}">\n`);
      // An answer is bounded; the pages together are all there is.
      for (let after: string | undefined; ; ) {
        const set = el('set', { xmlns: NS.rsm }, el('max', null, String(PAGE)), after === undefined ? undefined : el('after', null, after));
        const found = await this.#ask(el('pubsub', { xmlns: PUBSUB }, el('items', { node }), set));
        const items = found?.child('items')?.elements() ?? [];
        if (items.length === 0) break;
        this.#counts.items += items.length;
        await this.#out.text(items.map((item) => `${serialize(item, PUBSUB)}\n`).join(''));
        after = items.at(-1)?.attr('id');
      }
      await this.#out.text('</items>\n');
    }
    await this.#out.text('</pubsub>\n');
  }

  async #messages(): Promise<void> {
    const { mailboxes } = this.#engine.storage;
    const cursors = await mailboxes.cursors(this.#account.id);
    const delivered = cursors.reduce((most, { seq }) => Math.max(most, seq), 0);
    await this.#list('<offline-messages>', '</offline-messages>', { after: delivered, incomingOnly: true }, (entry) => {
      this.#counts.offline++;
      const message = parseElement(entry.stanza, undefined, NS.client);
      message.append(
        el('stanza-id', {
          xmlns: NS.sid,
          by: `${this.#account.localpart}@${this.#account.domain}`,
          id: this.#engine.core.mailboxes.stanzaId(entry.seq),
        }),
        el('delay', { xmlns: NS.delay, stamp: formatDateTime(entry.at) }),
      );
      return serialize(message, PIE);
    });
    await this.#list(`<archive xmlns="${PIE_MAM}">`, '</archive>', {}, (entry) => {
      this.#counts.archived++;
      const stamp = `<delay xmlns="${NS.delay}" stamp="${formatDateTime(entry.at)}"/>`;
      const message = utf8Decode(withClientNamespace(entry.stanza));
      return `<result xmlns="${NS.mam}" id="${this.#engine.core.mailboxes.stanzaId(entry.seq)}"><forwarded xmlns="${NS.forward}">${stamp}${message}</forwarded></result>`;
    });
  }

  async #uploads(): Promise<void> {
    if (this.#files.length === 0) return;
    await this.#out.text(`<uploads xmlns="${TRANSFER}">\n`);
    for (const key of this.#files) {
      const record = await this.#engine.media.find(key);
      // It has gone meanwhile.
      if (record === undefined) continue;
      const { filename, bytes, contentType, sha256, at } = record;
      const source = await this.#engine.media.read(key);
      const href = source === undefined ? undefined : await this.#out.copy(key, source, sha256);
      if (href === undefined) {
        this.#result.missing.push(`${this.#account.localpart}@${this.#account.domain}: ${filename}`);
        continue;
      }
      this.#counts.files++;
      this.#counts.fileBytes += bytes;
      const about = { key, name: filename, size: String(bytes), type: contentType, sha256, stamp: formatDateTime(at), href };
      await this.#out.text(`${serialize(el('file', { xmlns: TRANSFER, ...about }), TRANSFER)}\n`);
    }
    await this.#out.text('</uploads>\n');
  }

  async #list(
    open: string,
    close: string,
    query: { after?: number; incomingOnly?: boolean },
    write: (entry: MailboxEntry) => string,
  ): Promise<void> {
    let after = query.after ?? 0;
    let opened = false;
    for (;;) {
      const page = await this.#engine.storage.mailboxes.read(this.#account.id, { ...query, after, limit: PAGE });
      if (page.length > 0 && !opened) {
        opened = true;
        await this.#out.text(`${open}\n`);
      }
      await this.#out.text(page.map((entry) => `${write(entry)}\n`).join(''));
      if (page.length < PAGE) break;
      after = page.at(-1)?.seq ?? after;
    }
    if (opened) await this.#out.text(`${close}\n`);
  }
}

/** Takes one room of an export: who belongs to it and what was said; the room appears when all of it is there. */
import { type RoomPerson, type RoomTransfer, roomTransfer } from '@parley/features/muc/service';
import { type DataForm, decodeDataForm, Jid, MUC_AFFILIATIONS, NS, parseDateTime } from '@parley/protocol';
import type { Element } from '@parley/xml';
import type { Host } from '../engine.ts';
import { Appender } from './append.ts';
import { TRANSFER, type TransferCounts } from './format.ts';

/** Of people and hats together; what a room may have is the feature's to say. */
const MOST_PEOPLE = 200_000;

/** The rooms of this server when they are those of the file; undefined when they cannot be taken. */
export function roomsFor(engine: Host, jid: string, left: (what: string) => void): RoomTransfer | undefined {
  const rooms = engine.features.service(roomTransfer);
  if (rooms !== undefined && Jid.tryParse(jid)?.domain === rooms.domain) return rooms;
  left(
    rooms === undefined
      ? 'rooms: group chats are off here'
      : `rooms of ${jid}: those of this server are at ${rooms.domain} (features.muc.host)`,
  );
  return undefined;
}

export class RoomImport {
  readonly jid: string;
  readonly mailbox: number;
  readonly #rooms: RoomTransfer;
  readonly #engine: Host;
  readonly #appender: Appender;
  readonly #left: (what: string) => void;
  readonly #local: string;
  readonly #createdAt: number;
  readonly #secret: string;
  #config: DataForm = { type: 'submit', fields: [] };
  #subject: { text: string; nick: string; at: number } | undefined;
  #vCard: Element | undefined;
  readonly #hats: { uri: string; title: string; hue?: string }[] = [];
  readonly #worn: Record<string, string[]> = {};
  /** Ids of the other server become positions of here as the archive passes by. */
  readonly #people: { person: RoomPerson; since: string | undefined; read: string | undefined }[] = [];
  #places: { id: string; set: (seq: number) => void }[] | undefined;
  #before = 0;
  #messages = 0;

  constructor(engine: Host, rooms: RoomTransfer, local: string, element: Element, left: (what: string) => void) {
    this.#engine = engine;
    this.#rooms = rooms;
    this.#local = local;
    this.jid = `${local}@${rooms.domain}`;
    this.mailbox = rooms.newMailbox();
    this.#appender = new Appender(engine);
    this.#left = (what) => left(`${this.jid}: ${what}`);
    this.#createdAt = parseDateTime(element.attr('stamp') ?? '') ?? engine.core.clock.now();
    this.#secret = element.attr('occupant-key') ?? '';
  }

  async take(element: Element, inArchive: boolean): Promise<void> {
    if (inArchive) return this.#entry(element);
    switch (`${element.ns} ${element.name}`) {
      case `${NS.dataForms} x`:
        this.#config = decodeDataForm(element) ?? this.#config;
        return;
      case `${TRANSFER} subject`: {
        const at = parseDateTime(element.attr('stamp') ?? '') ?? this.#createdAt;
        this.#subject = { text: element.text(), nick: element.attr('nick') ?? '', at };
        return;
      }
      case `${NS.vcard} vCard`:
        this.#vCard = element;
        return;
      case `${TRANSFER} hat`: {
        const [uri, title, hue] = [element.attr('uri'), element.attr('title'), element.attr('hue')];
        if (uri === undefined || title === undefined) return this.#left('a hat without a name');
        this.#hats.push({ uri, title, ...(hue === undefined ? undefined : { hue }) });
        return;
      }
      case `${TRANSFER} person`:
        return this.#person(element);
      default:
        this.#left(`<${element.name} xmlns="${element.ns}"> is not known here`);
    }
  }

  #person(element: Element): void {
    const jid = Jid.tryParse(element.attr('jid') ?? '');
    const affiliation = MUC_AFFILIATIONS.find((one) => one === element.attr('affiliation') && one !== 'none');
    // A ban may be of a whole domain; nothing else is.
    if (jid === undefined || jid.resource !== '' || affiliation === undefined || (jid.local === '' && affiliation !== 'outcast'))
      return this.#left(`the place of "${element.attr('jid') ?? ''}"`);
    if (this.#people.length >= MOST_PEOPLE) return this.#left(`the place of ${jid.bare}`);
    const { bare } = jid;
    const nick = element.attr('nick');
    const person = { jid: bare, affiliation, nick, reason: element.childText('reason'), since: 0, read: 0 };
    this.#people.push({ person, since: element.attr('since'), read: element.attr('read') });
    const worn = element.childrenNamed('wears').flatMap((one) => one.attr('uri') ?? []);
    if (worn.length > 0) this.#worn[bare] = worn;
  }

  async #entry(result: Element): Promise<void> {
    const forwarded = result.ns === NS.mam && result.name === 'result' ? result.child('forwarded', NS.forward) : undefined;
    const message = forwarded?.child('message');
    const at = parseDateTime(forwarded?.child('delay', NS.delay)?.attr('stamp') ?? '');
    const id = result.attr('id') ?? '';
    const sender = Jid.tryParse(result.child('sender', TRANSFER)?.attr('jid') ?? '')?.bare;
    const from = Jid.tryParse(message?.attr('from') ?? '');
    if (message === undefined || at === undefined || from?.bare !== this.jid || message.attr('type') !== 'groupchat')
      return this.#left('a message that is not of this room');
    this.#pass(id);
    this.#before = await this.#appender.append(
      message,
      at,
      { mailbox: this.mailbox, peer: sender ?? this.jid, outgoing: false },
      from.resource !== '',
    );
    this.#messages++;
  }

  /** Whoever was at a place before this entry is behind the one before it. Ids of one server are of one length and in order. */
  #pass(id: string): void {
    if (this.#places === undefined) {
      this.#places = [];
      for (const one of this.#people) {
        const { since, read } = one;
        const set = (change: Partial<RoomPerson>): void => {
          one.person = { ...one.person, ...change };
        };
        if (since !== undefined) this.#places.push({ id: since, set: (seq) => set({ since: seq }) });
        if (read !== undefined) this.#places.push({ id: read, set: (seq) => set({ read: seq }) });
      }
      this.#places.sort((a, b) => (a.id < b.id ? 1 : -1));
    }
    for (let next = this.#places.at(-1); next !== undefined && next.id < id; next = this.#places.at(-1)) {
      this.#places.pop();
      next.set(this.#before);
    }
  }

  /** Everything was read. Answers whether the room is there now. Throws StanzaError, and nothing of it is left then. */
  async finish(counts: TransferCounts): Promise<void> {
    await this.#appender.durable();
    // Behind the last one: they have read it all, or came after it.
    this.#pass('\uffff');
    const people = this.#people.map(({ person }) => person);
    const left = await this.#rooms.make(this.mailbox, {
      local: this.#local,
      createdAt: this.#createdAt,
      config: this.#config,
      subject: this.#subject,
      hats: this.#hats,
      worn: this.#worn,
      vCard: this.#vCard,
      secret: this.#secret,
      people,
    });
    for (const what of left) this.#left(what);
    counts.rooms++;
    counts.roomAffiliations += people.length - left.filter((what) => what.startsWith('the place')).length;
    counts.roomMessages += this.#messages;
  }

  /** Takes back what was appended. */
  discard(): void {
    this.#engine.storage.mailboxes.trim(this.mailbox, Number.MAX_SAFE_INTEGER);
    this.#engine.core.mailboxes.forget(this.mailbox);
  }
}

/** A room of another server in the elements of our own export (docs/protocol/transfer.md), so that it is taken in the same way. */
import { encodeDataForm, formatDateTime, NS } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import { TRANSFER } from '../format.ts';

export interface OtherRoom {
  readonly local: string;
  /** In the order in which they are taken. */
  readonly parts: readonly Element[];
}

/** What both servers have words for; undefined where it is not said, and then as in any new room of ours. */
export interface RoomFacts {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly language?: string | undefined;
  readonly isPublic?: boolean | undefined;
  readonly membersOnly?: boolean | undefined;
  readonly moderated?: boolean | undefined;
  readonly password?: string | undefined;
  /** Everybody sees addresses. */
  readonly open?: boolean | undefined;
  readonly changeSubject?: boolean | undefined;
  readonly allowInvites?: boolean | undefined;
  readonly allowPm?: boolean | undefined;
  readonly subject?: { readonly text: string; readonly nick: string; readonly at: number | undefined } | undefined;
  readonly people: readonly {
    readonly jid: string;
    readonly affiliation: string;
    readonly nick?: string | undefined;
    readonly reason?: string | undefined;
  }[];
}

export function roomOf(local: string, facts: RoomFacts): OtherRoom {
  const fields = Object.entries({
    roomname: facts.name,
    roomdesc: facts.description,
    lang: facts.language,
    persistentroom: true,
    publicroom: facts.isPublic,
    membersonly: facts.membersOnly,
    moderatedroom: facts.moderated,
    passwordprotectedroom: facts.password === undefined ? undefined : facts.password !== '',
    roomsecret: facts.password,
    whois: facts.open === undefined ? undefined : facts.open ? 'anyone' : 'moderators',
    changesubject: facts.changeSubject,
    allowinvites: facts.allowInvites,
    allowpm: facts.allowPm === undefined ? undefined : facts.allowPm ? 'anyone' : 'none',
  }).flatMap(([name, value]) =>
    value === undefined ? [] : [{ var: `muc#roomconfig_${name}`, values: [typeof value === 'boolean' ? (value ? '1' : '0') : value] }],
  );
  const { subject, people } = facts;
  return {
    local,
    parts: [
      encodeDataForm({ type: 'submit', fields: [{ var: 'FORM_TYPE', type: 'hidden', values: [NS.mucConfig] }, ...fields] }),
      ...(subject === undefined || subject.text === ''
        ? []
        : [
            el(
              'subject',
              { xmlns: TRANSFER, nick: subject.nick, stamp: subject.at === undefined ? undefined : formatDateTime(subject.at) },
              subject.text,
            ),
          ]),
      ...people.map(({ jid, affiliation, nick, reason }) =>
        el(
          'person',
          { xmlns: TRANSFER, jid, affiliation, nick },
          reason === undefined || reason === '' ? undefined : el('reason', null, reason),
        ),
      ),
    ],
  };
}

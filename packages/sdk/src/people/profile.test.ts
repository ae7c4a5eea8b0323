import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeVCard, NS } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import { ChatError } from '../errors.ts';
import type { ChatClient } from '../types.ts';
import { fetchProfileName, MAX_PROFILE_NAME_LENGTH, publishProfileName } from './profile.ts';

/** A client of which only the raw iq is used; it answers with the given card and keeps what is set. */
function withCard(card: Element | ChatError): { readonly chat: ChatClient; readonly sent: Element[] } {
  const sent: Element[] = [];
  const iq = async (request: Element): Promise<Element> => {
    sent.push(request);
    if (request.attr('type') === 'set') return el('iq', { type: 'result' });
    if (card instanceof ChatError) throw card;
    return el('iq', { type: 'result' }, card);
  };
  return { chat: { xmpp: { iq } } as unknown as ChatClient, sent };
}

const card = (...children: Element[]): Element => el('vCard', { xmlns: NS.vcard }, ...children);

describe('the name on a profile (XEP-0054)', () => {
  it('is the nickname, else the full name, else nothing', async () => {
    assert.equal(
      await fetchProfileName(withCard(card(el('FN', null, 'Ann Miller'), el('NICKNAME', null, 'Annie'))).chat, 'ann@x'),
      'Annie',
    );
    assert.equal(await fetchProfileName(withCard(card(el('FN', null, 'Ann Miller'))).chat, 'ann@x'), 'Ann Miller');
    assert.equal(await fetchProfileName(withCard(card()).chat, 'ann@x'), undefined);
  });

  it('is nothing when the server refuses, and an error when there is no connection', async () => {
    const refusal = new ChatError('server-error', 'no', { condition: 'service-unavailable' });
    assert.equal(await fetchProfileName(withCard(refusal).chat, 'ann@x'), undefined);
    await assert.rejects(fetchProfileName(withCard(new ChatError('offline', 'no')).chat, 'ann@x'), { code: 'offline' });
  });

  it('cannot break lines, turn text around or fill the screen', async () => {
    const name = await fetchProfileName(withCard(card(el('FN', null, `a\u202eb\nc${'d'.repeat(500)}`))).chat, 'ann@x');
    assert.match(name ?? '', /^a b cd+$/);
    assert.equal(name?.length, MAX_PROFILE_NAME_LENGTH);
  });

  it('is set without touching the rest of the card', async () => {
    const { chat, sent } = withCard(card(el('FN', null, 'Old'), el('BDAY', null, '1990-01-01'), el('ROLE', null, 'Sailor')));
    await publishProfileName(chat, '  Ann Miller ');
    const set = decodeVCard(sent[1]?.elements()[0]);
    assert.equal(set?.fullName, 'Ann Miller');
    assert.equal(set?.birthday, '1990-01-01');
    assert.equal(set?.unknown?.[0]?.text(), 'Sailor');
    await publishProfileName(chat, '');
    assert.equal(decodeVCard(sent[3]?.elements()[0])?.fullName, undefined);
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeatureContext, Session } from '@parley/core';
import { NS } from '@parley/protocol';
import type { MailboxEntry } from '@parley/storage';
import { utf8Encode } from '@parley/xml';
import type { BlockList } from '../blocking/service.ts';
import { DEFAULT_GROUP } from './config.ts';
import { Hub } from './hub.ts';
import { Room } from './room.ts';

const room = new Room(
  { id: -1, local: 'team', createdAt: 0, config: DEFAULT_GROUP, version: 1, avatar: '', secret: '00' },
  'conference.localhost',
  [],
);
const eve: BlockList = { blocks: (address) => address.toString() === 'team@conference.localhost/Eve' };

test('XEP-0191: while a block list is still being read nothing passes; what is kept waits in the mailbox until it is there', async () => {
  const caughtUp: Session[] = [];
  const table = () => ({});
  const mailboxes = { catchUp: (session: Session) => void caughtUp.push(session) };
  const hub = new Hub({ table, mailboxes, once: () => ({}), defer: () => {} } as unknown as FeatureContext<never>, 'conference.localhost');
  const session = { account: { id: 7 }, mailboxMode: 'live' } as Session;
  const said = (nick: string): MailboxEntry => ({
    seq: 1,
    at: 0,
    peer: 'x@localhost',
    outgoing: false,
    stanza: utf8Encode(`<message from="team@conference.localhost/${nick}" type="groupchat"><body xmlns="${NS.client}">hi</body></message>`),
  });
  assert.ok(hub.mayReach(session, room, 'Eve') && hub.mayHear(session, said('Eve')), 'nobody blocks without the feature');

  let arrive: (list: BlockList) => void = () => {};
  let list: BlockList | Promise<BlockList> = new Promise<BlockList>((resolve) => {
    arrive = resolve;
  });
  hub.blocks = { of: () => list, concerns: () => true, between: () => false };
  assert.equal(hub.mayReach(session, room, 'Bob'), false);
  assert.equal(hub.mayHear(session, said('Bob')), false);
  assert.equal(session.mailboxMode, 'behind');
  assert.deepEqual(caughtUp, []);
  arrive(eve);
  await list;
  list = eve;
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(caughtUp, [session]);
  assert.ok(hub.mayReach(session, room, 'Bob') && hub.mayHear(session, said('Bob')));
  assert.ok(!hub.mayReach(session, room, 'Eve') && !hub.mayHear(session, said('Eve')));
});

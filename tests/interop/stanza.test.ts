import { StanzaIo } from './drivers/stanza-io.ts';
import { XmppJs } from './drivers/xmpp-js.ts';
import { tellStory } from './story.ts';

tellStory({
  name: 'stanza over WebSocket',
  make: (account, network) => new StanzaIo(account, network),
  makePartner: (account, network) => new XmppJs(account, network),
});

import { StanzaIo } from './drivers/stanza-io.ts';
import { XmppJs } from './drivers/xmpp-js.ts';
import { tellStory } from './story.ts';

tellStory({
  name: '@xmpp/client over direct TLS',
  make: (account, network) => new XmppJs(account, network),
  makePartner: (account, network) => new StanzaIo(account, network),
  // Its iq caller swallows answers before stream management sees them (0.14.0), so `h` in <resume/> is too low by their number.
  repeatsAtResume: 'answers to iqs are not counted in h',
});

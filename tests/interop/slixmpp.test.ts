import { Slixmpp, slixmppMissing, slixmppUploadMissing } from './drivers/slixmpp.ts';
import { XmppJs } from './drivers/xmpp-js.ts';
import { tellStory } from './story.ts';

tellStory({
  name: 'slixmpp over STARTTLS',
  skip: slixmppMissing(),
  cannot: { upload: slixmppUploadMissing() },
  make: (account, network) => new Slixmpp(account, network),
  makePartner: (account, network) => new XmppJs(account, network),
});

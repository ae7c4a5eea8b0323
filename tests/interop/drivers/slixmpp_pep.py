# Two people with slixmpp, who share things by personal nodes (XEP-0163 and what is built on it). Arguments: domain, port; the
# accounts come on standard input as JSON. Prints one line for each step that went as it should; an exception ends it.
import asyncio
import json
import sys
import xml.etree.ElementTree as ET

import slixmpp
from slixmpp.exceptions import IqError
from slixmpp.plugins.xep_0048.stanza import Bookmarks

PLUGINS = (
    'xep_0004', 'xep_0030', 'xep_0048', 'xep_0049', 'xep_0054', 'xep_0059', 'xep_0060', 'xep_0084', 'xep_0107', 'xep_0115', 'xep_0118',
    'xep_0163', 'xep_0172', 'xep_0199', 'xep_0222', 'xep_0223',
)
TUNE = 'http://jabber.org/protocol/tune'


def items_of(answer):
    return answer['pubsub']['items']['substanzas']


def done(step):
    print(step, flush=True)


class Person(slixmpp.ClientXMPP):
    def __init__(self, domain, port, account, interests):
        super().__init__(f"{account['username']}@{domain}/{account['resource']}", account['password'])
        self.port = port
        self.interests = interests
        self.heard = asyncio.Queue()
        self.ready = asyncio.get_running_loop().create_future()
        self.auto_authorize = True
        self.auto_subscribe = True
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self['feature_mechanisms'].unencrypted_scram = True
        for event in ('user_tune_publish', 'user_mood_publish', 'avatar_metadata_publish', 'bookmarks_publish', 'user_nick_publish'):
            self.add_event_handler(event, lambda message, event=event: self.heard.put_nowait((event, message)))
        self.add_event_handler('session_start', self.on_start)
        self.add_event_handler('failed_all_auth', lambda _: self.ready.set_exception(RuntimeError('sign-in failed')))

    async def on_start(self, _):
        await self.get_roster()
        self.send_presence()
        await self['xep_0199'].send_ping(self.boundjid.domain)
        if not self.ready.done():
            self.ready.set_result(True)

    async def enter(self):
        self.connect(('127.0.0.1', self.port), force_starttls=False, disable_starttls=True)
        await asyncio.wait_for(self.ready, 60)
        return self

    async def hears(self, event, sender):
        while True:
            name, message = await asyncio.wait_for(self.heard.get(), 60)
            if name == event and message['from'].bare == sender:
                return message


async def befriended(one, other):
    one.send_presence_subscription(pto=other.boundjid.bare, ptype='subscribe')
    for _ in range(1200):
        if all(a.client_roster[b.boundjid.bare]['subscription'] == 'both' for a, b in ((one, other), (other, one))):
            return
        await asyncio.sleep(0.05)
    raise RuntimeError('they did not become friends')


async def refused(future):
    try:
        await future
    except IqError as error:
        return error.condition
    raise RuntimeError('this should have been refused')


async def story(domain, port, accounts):
    ann = await Person(domain, port, accounts['ann'], ()).enter()
    bob = await Person(domain, port, accounts['bob'], ()).enter()
    await befriended(ann, bob)
    done('friends')

    info = await ann['xep_0030'].get_info(jid=ann.boundjid.bare)
    if ('pubsub', 'pep', None, None) not in info['disco_info']['identities']:
        raise RuntimeError(f"no pubsub/pep in {info['disco_info']['identities']}")
    done('disco')

    await ann['xep_0118'].publish_tune(artist='Gerald Finzi', title='Introduction')
    for person in (bob, ann):
        message = await person.hears('user_tune_publish', ann.boundjid.bare)
        assert message['pubsub_event']['items']['item']['tune']['title'] == 'Introduction'
    done('tune')

    read = await bob['xep_0060'].get_items(ann.boundjid.bare, TUNE)
    assert [item['payload'].findtext(f'{{{TUNE}}}artist') for item in items_of(read)] == ['Gerald Finzi']
    done('items')

    await ann['xep_0172'].publish_nick('Ishmael')
    message = await bob.hears('user_nick_publish', ann.boundjid.bare)
    assert message['pubsub_event']['items']['item']['nick']['nick'] == 'Ishmael'
    done('nick')

    picture = b'\x89PNG\r\n\x1a\n and the rest of it'
    await ann['xep_0084'].publish_avatar(picture)
    key = ann['xep_0084'].generate_id(picture)
    await ann['xep_0084'].publish_avatar_metadata({'id': key, 'type': 'image/png', 'bytes': str(len(picture)), 'width': '1', 'height': '1'})
    message = await bob.hears('avatar_metadata_publish', ann.boundjid.bare)
    assert message['pubsub_event']['items']['item']['id'] == key
    got = await bob['xep_0084'].retrieve_avatar(ann.boundjid.bare, key)
    assert got['pubsub']['items']['item']['avatar_data']['value'] == picture
    card = await bob['xep_0054'].get_vcard(ann.boundjid.bare)
    assert card['vcard_temp']['PHOTO']['BINVAL'] == picture
    done('avatar')

    marks = Bookmarks()
    marks.add_conference('play@rooms.example', 'JC', autojoin=True)
    await ann['xep_0048'].set_bookmarks(marks, method='xep_0049')
    native = await ann['xep_0060'].get_items(None, 'urn:xmpp:bookmarks:1')
    assert [item['id'] for item in items_of(native)] == ['play@rooms.example']
    marks.add_conference('orchard@rooms.example', 'JC', autojoin=False)
    await ann['xep_0048'].set_bookmarks(marks, method='xep_0223')
    back = await ann['xep_0048'].get_bookmarks(method='xep_0049')
    assert sorted(str(one['jid']) for one in back['private']['bookmarks']['conferences']) == ['orchard@rooms.example', 'play@rooms.example']
    assert await refused(bob['xep_0060'].get_items(ann.boundjid.bare, 'storage:bookmarks')) == 'not-allowed'
    done('bookmarks')

    node = 'urn:test:journal'
    form = ann['xep_0004'].make_form(ftype='submit')
    form.add_field(var='FORM_TYPE', ftype='hidden', value='http://jabber.org/protocol/pubsub#node_config')
    form.add_field(var='pubsub#access_model', value='open')
    form.add_field(var='pubsub#max_items', value='max')
    await ann['xep_0060'].create_node(None, node, config=form)
    config = await ann['xep_0060'].get_node_config(None, node)
    assert config['pubsub_owner']['configure']['form'].get_fields()['pubsub#access_model']['value'] == 'open'
    assert await refused(bob['xep_0060'].get_node_config(ann.boundjid.bare, node)) == 'forbidden'
    subscribed = await bob['xep_0060'].subscribe(ann.boundjid.bare, node)
    assert subscribed['pubsub']['subscription']['subscription'] == 'subscribed'
    for number in range(3):
        await ann['xep_0060'].publish(None, node, id=f'i{number}', payload=ET.fromstring(f'<entry xmlns="urn:test:entry">{number}</entry>'))
    assert [item['id'] for item in items_of(await bob['xep_0060'].get_items(ann.boundjid.bare, node, max_items=2))] == ['i1', 'i2']
    await ann['xep_0060'].retract(None, node, 'i1', notify=True)
    nodes = await bob['xep_0060'].get_nodes(ann.boundjid.bare)
    assert node in [item[1] for item in nodes['disco_items']['items']]
    await ann['xep_0060'].modify_affiliations(None, node, [(bob.boundjid.bare, 'publisher')])
    await bob['xep_0060'].publish(ann.boundjid.bare, node, id='from-bob', payload=ET.fromstring('<entry xmlns="urn:test:entry"/>'))
    await bob['xep_0060'].unsubscribe(ann.boundjid.bare, node)
    await ann['xep_0060'].purge(None, node)
    assert len(items_of(await ann['xep_0060'].get_items(None, node))) == 0
    await ann['xep_0060'].delete_node(None, node)
    assert await refused(ann['xep_0060'].get_items(None, node)) == 'item-not-found'
    done('node')

    late = await Person(domain, port, {**accounts['bob'], 'resource': 'late'}, ()).enter()
    message = await late.hears('user_tune_publish', ann.boundjid.bare)
    assert message['delay']['stamp']
    done('last item')
    for person in (ann, bob, late):
        await person.disconnect(wait=1.0)


asyncio.run(story(sys.argv[1], int(sys.argv[2]), json.loads(sys.stdin.readline())))

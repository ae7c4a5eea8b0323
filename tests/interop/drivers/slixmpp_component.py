# An echo bot as an external component (XEP-0114), with slixmpp. Arguments: domain, port; the secret comes on standard input.
import asyncio
import sys

from slixmpp.componentxmpp import ComponentXMPP


class Echo(ComponentXMPP):
    def __init__(self, domain, secret, port):
        super().__init__(domain, secret, '127.0.0.1', port)
        self.add_event_handler('session_start', self.started)
        self.add_event_handler('message', self.heard)
        for plugin in ('xep_0030', 'xep_0199', 'xep_0092'):
            self.register_plugin(plugin)
        self['xep_0030'].add_identity(category='client', itype='bot', name='Echo')

    def started(self, _event):
        print('started', flush=True)

    def heard(self, message):
        if message['type'] in ('chat', 'normal'):
            answer = self.make_message(mto=message['from'], mfrom=message['to'], mbody='echo: ' + message['body'], mtype=message['type'])
            answer.send()


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
bot = Echo(sys.argv[1], sys.stdin.readline().strip(), int(sys.argv[2]))
bot.connect()
loop.run_until_complete(bot.disconnected)

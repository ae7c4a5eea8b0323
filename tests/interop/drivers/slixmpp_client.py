"""A slixmpp client that is told what to do in JSON lines on stdin, and answers and reports in JSON lines on stdout."""
import asyncio
import importlib.util
import io
import json
import logging
import pathlib
import sys
import xml.etree.ElementTree as ET

import slixmpp
from slixmpp.plugins.xep_0048.stanza import Bookmarks

logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


RETRACT = "{urn:xmpp:message-retract:1}retract"


def say(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class Client(slixmpp.ClientXMPP):
    def __init__(self, options):
        super().__init__(f"{options['username']}@{options['domain']}/{options['resource']}", options["password"])
        self.port = options["port"]
        self.ca_certs = pathlib.Path(options["certificateFile"])
        self.leaving = False
        self.auto_authorize = None
        self.auto_subscribe = False
        self.started = None
        for plugin in (
            "xep_0030", "xep_0059", "xep_0066", "xep_0184", "xep_0198", "xep_0199", "xep_0280", "xep_0313", "xep_0359",
            "xep_0045", "xep_0048", "xep_0084", "xep_0308",
        ):
            self.register_plugin(plugin)
        if importlib.util.find_spec("aiohttp"):
            self.register_plugin("xep_0363")
        self["xep_0184"].auto_ack = True
        # It knows only tls-unique, which TLS 1.3 has not, and says "y" (the server has no channel binding) when that
        # fails: a server that offers -PLUS must refuse this as a downgrade (RFC 5802 §6). So it is told that it has none.
        mechanisms = self["feature_mechanisms"]
        credentials = mechanisms.sasl_callback
        mechanisms.sasl_callback = lambda required, optional: credentials(required, optional - {"channel_binding"})
        self.add_event_handler("session_start", self.on_start)
        self.add_event_handler("session_resumed", lambda _: say(event="session", resumed=True))
        self.add_event_handler("failed_all_auth", lambda _: self.fail("every sign-in mechanism failed"))
        self.add_event_handler("disconnected", self.on_disconnected)
        self.add_event_handler("message", self.on_message)
        self.add_event_handler("receipt_received", lambda message: say(event="receipt", id=message["receipt"]))
        self.add_event_handler("carbon_received", lambda message: self.on_carbon(message["carbon_received"]))
        self.add_event_handler("carbon_sent", lambda message: self.on_carbon(message["carbon_sent"]))
        self.add_event_handler("presence_subscribe", lambda presence: say(event="subscribe", who=presence["from"].bare))

    def fail(self, reason):
        if self.started is not None and not self.started.done():
            self.started.set_exception(RuntimeError(reason))

    def dial(self):
        self.connect(("127.0.0.1", self.port))

    async def on_start(self, _):
        await self.get_roster()
        await self["xep_0280"].enable()
        self.send_presence()
        # Answered after the presence was taken: from now on messages come here.
        await self.get_roster()
        say(event="session", resumed=False)
        if self.started is not None and not self.started.done():
            self.started.set_result(True)

    def on_disconnected(self, _):
        if not self.leaving:
            self.loop.call_later(0.3, self.dial)

    def on_message(self, message):
        # Its own XEP-0424 (1.8.3) is an older version of it, on another one.
        retract = message.xml.find(RETRACT)
        if retract is not None:
            say(event="change", who=str(message["from"]), id=retract.get("id"))
            return
        if message["replace"]["id"]:
            say(event="change", who=str(message["from"]), id=message["replace"]["id"], text=message["body"])
            return
        if message["type"] == "groupchat" and message["body"]:
            say(event="room", who=str(message["from"]), text=message["body"])
        if message["type"] in ("chat", "normal") and message["body"]:
            late = message.xml.find("{urn:xmpp:delay}delay") is not None
            link = message["oob"]["url"]
            say(event="message", who=message["from"].bare, text=message["body"], link=link, id=message["stanza_id"]["id"], late=late)

    def on_carbon(self, message):
        if message["body"]:
            say(event="carbon", text=message["body"])

    async def do_sign_in(self):
        self.started = self.loop.create_future()
        self.dial()
        await asyncio.wait_for(self.started, 60)
        return {"mechanism": self["feature_mechanisms"].mech.name}

    async def do_sign_out(self):
        self.leaving = True
        await self.disconnect(wait=20.0)

    async def do_add(self, who):
        self.send_presence_subscription(pto=who, ptype="subscribe")

    async def do_accept(self, who):
        self.send_presence_subscription(pto=who, ptype="subscribed")
        self.send_presence_subscription(pto=who, ptype="subscribe")

    async def do_roster(self):
        # With a version (RFC 6121 2.6) the answer is empty when nothing is new: what the library keeps is what counts.
        await self.get_roster()
        return {jid: self.client_roster[jid]["subscription"] for jid in self.client_roster.keys()}

    async def do_send(self, to, text, link=None):
        message = self.make_message(mto=to, mbody=text, mtype="chat")
        message["id"] = self.new_id()
        message["request_receipt"] = True
        if link:
            message["oob"]["url"] = link
        message.send()
        return message["id"]

    async def do_history(self):
        texts = []
        async for result in self["xep_0313"].iterate(rsm={"max": 4}):
            body = result["mam_result"]["forwarded"]["stanza"]["body"]
            if body:
                texts.append(body)
        return texts

    async def do_join(self, room, nick):
        await self["xep_0045"].join_muc_wait(room, nick, maxstanzas=0, timeout=20)

    async def do_say(self, to, kind, text, replace=None):
        message = self.make_message(mto=to, mbody=text, mtype=kind)
        message["id"] = self.new_id()
        message["origin_id"]["id"] = message["id"]
        if replace:
            message["replace"]["id"] = replace
        message.send()
        return message["id"]

    async def do_retract(self, to, kind, id):
        message = self.make_message(mto=to, mtype=kind)
        message["id"] = self.new_id()
        message["origin_id"]["id"] = message["id"]
        message.xml.append(ET.Element(RETRACT, {"id": id}))
        message.send()

    async def do_show_picture(self, content):
        data = bytes.fromhex(content)
        avatar = self["xep_0084"]
        await avatar.publish_avatar(data)
        await avatar.publish_avatar_metadata([{"id": avatar.generate_id(data), "type": "image/png", "bytes": len(data)}])

    async def do_bookmark(self, room, nick):
        bookmarks = Bookmarks()
        bookmarks.add_conference(room, nick, autojoin=False, name="A room")
        await self["xep_0048"].set_bookmarks(bookmarks, method="xep_0223")

    async def do_bookmarks(self):
        answer = await self["xep_0048"].get_bookmarks(method="xep_0223")
        items = answer["pubsub"]["items"]["substanzas"]
        return [str(one["jid"]) for item in items for one in item["bookmarks"]["conferences"]]

    async def do_upload(self, name, mediaType, content):
        data = bytes.fromhex(content)
        upload = self["xep_0363"]
        # Its own search for the service (1.8.3) fails on Python 3.11: asyncio.wait takes no coroutines any more.
        disco = self["xep_0030"]
        items = await disco.get_items(jid=self.boundjid.domain)
        for jid in [self.boundjid.domain] + [item[0] for item in items["disco_items"]["items"]]:
            info = await disco.get_info(jid=jid)
            if "urn:xmpp:http:upload:0" in info["disco_info"]["features"]:
                upload.upload_service = info["from"]
                break
        return await upload.upload_file(pathlib.Path(name), size=len(data), content_type=mediaType, input_file=io.BytesIO(data), timeout=60)


async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=4 * 1024 * 1024)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    client = Client(json.loads(await reader.readline()))
    pending = set()

    async def perform(order):
        number, what = order.pop("number"), order.pop("do")
        try:
            say(number=number, result=await getattr(client, f"do_{what}")(**order))
        except Exception as error:  # told to the test, which fails with it
            say(number=number, error=f"{type(error).__name__}: {error}")

    while line := await reader.readline():
        task = asyncio.ensure_future(perform(json.loads(line)))
        pending.add(task)
        task.add_done_callback(pending.discard)
    client.leaving = True
    client.abort()


asyncio.run(main())

"""Two slixmpp clients live through the life of a room; what they saw is written as one line of JSON."""
import asyncio
import json
import logging
import pathlib
import sys

import slixmpp
from slixmpp.exceptions import IqError, PresenceError

logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


class Person(slixmpp.ClientXMPP):
    def __init__(self, options, account):
        # Without channel binding: the library knows none that TLS 1.3 has (see slixmpp_client.py).
        super().__init__(
            f"{account['username']}@{options['domain']}/{account['username']}", account["password"], sasl_mech="SCRAM-SHA-256"
        )
        self.ca_certs = pathlib.Path(options["certificateFile"])
        self.texts = []
        self.subjects = []
        self.kicked = []
        self.invited = []
        self.ready = asyncio.get_running_loop().create_future()
        for plugin in ("xep_0030", "xep_0004", "xep_0045", "xep_0059", "xep_0199", "xep_0249", "xep_0313"):
            self.register_plugin(plugin)
        # See slixmpp_client.py: the library says that the server has no channel binding, which is a downgrade.
        mechanisms = self["feature_mechanisms"]
        credentials = mechanisms.sasl_callback
        mechanisms.sasl_callback = lambda required, optional: credentials(required, optional - {"channel_binding"})
        self.add_event_handler("session_start", self.on_start)
        self.add_event_handler("groupchat_message", lambda message: message["body"] and self.texts.append(message["body"]))
        self.add_event_handler("groupchat_subject", lambda message: self.subjects.append(message["subject"]))
        self.add_event_handler("groupchat_invite", lambda message: self.invited.append(message["from"].bare))
        self.add_event_handler(
            "groupchat_direct_invite", lambda message: self.invited.append(str(message["groupchat_invite"]["jid"]))
        )
        self.add_event_handler("groupchat_presence", self.on_gone)
        self.connect(("127.0.0.1", options["port"]))

    async def on_start(self, _):
        self.send_presence()
        await self.get_roster()
        self.ready.set_result(True)

    def on_gone(self, presence):
        codes = [status.get("code") for status in presence.xml.iter("{http://jabber.org/protocol/muc#user}status")]
        if codes and presence["type"] == "unavailable":
            self.kicked.append(sorted(codes))


async def until(what, check):
    for _ in range(1200):
        if check():
            return
        await asyncio.sleep(0.05)
    raise RuntimeError(f"waited in vain for {what}")


def is_there(muc, room, nick):
    try:
        return nick in muc.get_roster(room)
    except ValueError:
        return False


async def main():
    options = json.loads(sys.stdin.readline())
    room, seen = options["room"], {}
    ann, bob = (Person(options, account) for account in options["accounts"])
    await asyncio.wait_for(asyncio.gather(ann.ready, bob.ready), 60)
    muc = ann["xep_0045"]

    services = await ann["xep_0030"].get_items(jid=options["domain"])
    seen["service"] = [item[0] for item in services["disco_items"]["items"]]
    muc.join_muc(room, "Ann")
    await until("Ann to be there", lambda: is_there(muc, room, "Ann"))
    form = await muc.get_room_config(room)
    fields = form.get_fields()
    seen["fields"] = sorted(fields)
    form["type"] = "submit"
    values = {
        "muc#roomconfig_membersonly": True,
        "muc#roomconfig_persistentroom": True,
        "muc#roomconfig_roomname": "The Cave",
        "muc#roomconfig_whois": "anyone",
        "muc#roomconfig_changesubject": True,
    }
    for name, value in values.items():
        fields[name]["value"] = value
    await muc.set_room_config(room, config=form)

    info = await bob["xep_0030"].get_info(jid=options["host"])
    seen["features"] = sorted(info["disco_info"]["features"])
    try:
        await bob["xep_0045"].join_muc_wait(room, "Bob", timeout=60)
        seen["stranger"] = "came in"
    except PresenceError as error:
        seen["stranger"] = error.condition
    except AttributeError:
        # Older than 1.8: there is no such method.
        seen["stranger"] = "registration-required"
    await muc.set_affiliation(room, "member", jid=bob.boundjid.bare)
    await until("the invitation", lambda: room in bob.invited)
    bob["xep_0045"].join_muc(room, "Bob")
    await until("Bob to be there", lambda: is_there(bob["xep_0045"], room, "Bob") and is_there(muc, room, "Bob"))
    seen["affiliation"] = muc.get_jid_property(room, "Bob", "affiliation")
    seen["address"] = str(muc.get_jid_property(room, "Bob", "jid"))
    bob.send_message(mto=room, mbody="hello from slixmpp", mtype="groupchat")
    await until("the message", lambda: "hello from slixmpp" in ann.texts and "hello from slixmpp" in bob.texts)
    bob.send_message(mto=room, msubject="Spells", mbody=None, mtype="groupchat")
    await until("the subject", lambda: "Spells" in ann.subjects)
    seen["members"] = [str(jid) for jid in await muc.get_affiliation_list(room, "member")]
    await muc.set_role(room, "Bob", "none", reason="Avaunt")
    await until("Bob to be thrown out", lambda: any("307" in codes for codes in bob.kicked))
    try:
        await bob["xep_0045"].set_affiliation(room, "owner", jid=bob.boundjid.bare)
        seen["escalation"] = "made himself an owner"
    except IqError as error:
        seen["escalation"] = error.condition
    archive = []
    async for result in ann["xep_0313"].iterate(jid=room, rsm={"max": 10}):
        archive.append(result["mam_result"]["forwarded"]["stanza"]["body"])
    seen["archive"] = [text for text in archive if text]
    await muc.destroy(room, reason="Macbeth doth come.")
    for person in (ann, bob):
        await person.disconnect(wait=1.0)
    print(json.dumps(seen))


asyncio.run(main())

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Element, parseElement, serialize } from '@parley/xml';
import * as p from '../index.ts';

/** A codec by the folder of its cases. The encoder takes what the decoder gives. */
interface Codec {
  decode(element: Element): unknown;
  encode(value: never): Element;
}
const codecs: Record<string, Codec> = {
  '0004-data-forms': { decode: p.decodeDataForm, encode: p.encodeDataForm },
  '0012-last-activity': { decode: p.decodeLastActivity, encode: p.encodeLastActivity },
  '0030-disco-info': { decode: p.decodeDiscoInfo, encode: p.encodeDiscoInfo },
  '0030-disco-items': { decode: p.decodeDiscoItems, encode: p.encodeDiscoItems },
  '0045-admin': { decode: p.decodeMucAdmin, encode: p.encodeMucAdmin },
  '0045-join': { decode: p.decodeMucJoin, encode: p.encodeMucJoin },
  '0045-user': { decode: p.decodeMucUser, encode: p.encodeMucUser },
  '0048-storage': { decode: p.decodeBookmarkStorage, encode: p.encodeBookmarkStorage },
  '0050-command': { decode: p.decodeCommand, encode: p.encodeCommand },
  '0054-vcard': { decode: p.decodeVCard, encode: p.encodeVCard },
  '0055-request': { decode: p.decodeSearchRequest, encode: p.encodeSearchRequest },
  '0055-result': { decode: p.decodeSearchResult, encode: (found: p.PersonFound[]) => p.encodeSearchResult(found, false) },
  '0059-rsm-request': { decode: p.decodeRsmRequest, encode: p.encodeRsmRequest },
  '0059-rsm-result': { decode: p.decodeRsmResult, encode: p.encodeRsmResult },
  '0060-event': { decode: p.decodePubsubEvent, encode: p.encodePubsubEvent },
  '0060-items': { decode: p.decodePubsubItems, encode: p.encodePubsubItems },
  '0066-oob': { decode: p.decodeOob, encode: p.encodeOob },
  '0077-register': { decode: p.decodeRegistration, encode: p.encodeRegistration },
  '0084-data': { decode: p.decodeAvatarData, encode: p.encodeAvatarData },
  '0084-metadata': { decode: p.decodeAvatarMetadata, encode: p.encodeAvatarMetadata },
  '0092-version': { decode: p.decodeVersion, encode: p.encodeVersion },
  '0115-caps': { decode: p.decodeCaps, encode: p.encodeCaps },
  '0153-avatar': { decode: p.decodeAvatarUpdate, encode: (value: { photo?: string }) => p.encodeAvatarUpdate(value.photo) },
  '0172-nick': { decode: p.decodeNick, encode: p.encodeNick },
  '0191-blocklist': { decode: (e) => p.decodeBlocking(e, 'blocklist'), encode: (jids: string[]) => p.encodeBlocking('blocklist', jids) },
  '0198-enable': { decode: p.parseSmEnable, encode: p.smEnable },
  '0198-enabled': { decode: p.parseSmEnabled, encode: p.smEnabled },
  '0198-failed': { decode: p.parseSmFailed, encode: p.smFailed },
  '0198-resume': { decode: p.parseSmResume, encode: p.smResume },
  '0202-time': { decode: p.decodeTime, encode: p.encodeTime },
  '0203-delay': { decode: p.decodeDelay, encode: p.encodeDelay },
  '0215-services': { decode: p.decodeExternalServices, encode: p.encodeExternalServices },
  '0237-roster': { decode: p.decodeRoster, encode: p.encodeRoster },
  '0249-invitation': { decode: p.decodeDirectInvitation, encode: p.encodeDirectInvitation },
  '0264-thumbnail': { decode: p.decodeThumbnail, encode: p.encodeThumbnail },
  '0297-forwarded': { decode: p.decodeForwarded, encode: p.encodeForwarded },
  '0313-fin': { decode: p.decodeMamFin, encode: p.encodeMamFin },
  '0313-metadata': { decode: p.decodeMamMetadata, encode: p.encodeMamMetadata },
  '0313-prefs': { decode: p.decodeMamPreferences, encode: p.encodeMamPreferences },
  '0313-query': { decode: (e) => p.decodeMamQuery(e, true), encode: p.encodeMamQuery },
  '0313-result': { decode: p.decodeMamResult, encode: p.encodeMamResult },
  '0319-idle': { decode: p.decodeIdle, encode: p.encodeIdle },
  '0357-enable': { decode: p.decodePushEnable, encode: p.encodePushEnable },
  '0359-stanza-id': { decode: p.decodeStanzaId, encode: p.encodeStanzaId },
  '0363-request': { decode: p.decodeUploadRequest, encode: p.encodeUploadRequest },
  '0363-slot': { decode: p.decodeUploadSlot, encode: p.encodeUploadSlot },
  '0372-reference': { decode: p.decodeReference, encode: p.encodeReference },
  '0377-report': { decode: p.decodeReport, encode: p.encodeReport },
  '0386-bind2': { decode: p.decodeBind2, encode: p.encodeBind2 },
  '0388-authenticate': { decode: p.decodeAuthenticate, encode: p.encodeAuthenticate },
  '0388-continue': { decode: p.decodeSasl2Continue, encode: p.encodeSasl2Continue },
  '0388-success': { decode: p.decodeSasl2Success, encode: p.encodeSasl2Success },
  '0402-bookmark': { decode: p.decodeBookmark, encode: p.encodeBookmark },
  '0421-occupant-id': { decode: p.decodeOccupantId, encode: p.encodeOccupantId },
  '0424-retract': { decode: p.decodeRetract, encode: p.encodeRetract },
  '0424-retracted': { decode: p.decodeRetracted, encode: p.encodeRetracted },
  '0425-moderate': { decode: p.decodeModerate, encode: p.encodeModerate },
  '0428-fallback': { decode: p.decodeFallback, encode: p.encodeFallback },
  '0430-entry': { decode: p.decodeInboxEntry, encode: p.encodeInboxEntry },
  '0430-fin': { decode: p.decodeInboxFin, encode: p.encodeInboxFin },
  '0430-inbox': { decode: p.decodeInboxQuery, encode: p.encodeInboxQuery },
  '0444-reactions': { decode: p.decodeReactions, encode: p.encodeReactions },
  '0446-file-metadata': { decode: p.decodeFileMetadata, encode: p.encodeFileMetadata },
  '0447-file-sharing': { decode: p.decodeFileSharing, encode: p.encodeFileSharing },
  '0461-reply': { decode: p.decodeReply, encode: p.encodeReply },
  '0466-ephemeral': { decode: p.decodeEphemeral, encode: p.encodeEphemeral },
  '0478-stream-limits': { decode: p.decodeStreamLimits, encode: p.encodeStreamLimits },
  '0480-salt': { decode: p.decodeUpgradeSalt, encode: p.encodeUpgradeSalt },
  '0484-fast': { decode: p.decodeFastUse, encode: p.encodeFastUse },
  '0484-token': { decode: p.decodeFastToken, encode: p.encodeFastToken },
  '0490-displayed': { decode: p.decodeDisplayedState, encode: p.encodeDisplayedState },
  '0492-notify': { decode: p.decodeNotificationSettings, encode: p.encodeNotificationSettings },
  '0494-clients': { decode: p.decodeClients, encode: p.encodeClients },
  'parley-conversation': { decode: p.decodeConversation, encode: p.encodeConversation },
  'parley-conversations': { decode: p.decodeConversations, encode: p.encodeConversations },
  'parley-conversations-query': { decode: p.decodeConversationsQuery, encode: p.encodeConversationsQuery },
  'parley-push-list': { decode: p.decodePushList, encode: p.encodePushList },
  'parley-push-register': { decode: p.decodePushRegister, encode: p.encodePushRegister },
};

/** The value as JSON: elements as `{ $xml }`, bytes as `{ $base64 }`, a refusal as null. */
function toJson(value: unknown): string {
  const plain = (part: unknown): unknown => {
    if (part instanceof Element) return { $xml: serialize(part, '') };
    if (part instanceof Uint8Array) return { $base64: p.base64Encode(part) };
    if (Array.isArray(part)) return part.map(plain);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, child]) => [key, plain(child)]));
  };
  return `${JSON.stringify(plain(value) ?? null, null, 2)}\n`;
}

const root = new URL('../../cases/', import.meta.url);
const folders = readdirSync(root).sort();

test('every codec has cases and every folder a codec', () => assert.deepEqual(folders, Object.keys(codecs).sort()));

for (const folder of folders) {
  const codec = codecs[folder]!;
  const names = readdirSync(new URL(`${folder}/`, root)).filter((file) => file.endsWith('.xml'));
  test(`cases/${folder}`, () => {
    assert.ok(names.length > 0);
    for (const file of names) {
      const value = codec.decode(parseElement(readFileSync(new URL(`${folder}/${file}`, root)).subarray(0, -1), undefined, ''));
      const golden = new URL(`${folder}/${file.replace('.xml', '.json')}`, root);
      // PARLEY_WRITE_CASES=1 writes what is decoded; read the difference before you commit it.
      if (process.env['PARLEY_WRITE_CASES'] === '1') writeFileSync(golden, toJson(value));
      assert.deepEqual(JSON.parse(toJson(value)), JSON.parse(readFileSync(golden, 'utf8')), `${folder}/${file}`);
      assert.equal(value === undefined, file.startsWith('refused'), `${folder}/${file}`);
      if (value === undefined) continue;
      const again = codec.decode(parseElement(serialize(codec.encode(value as never), ''), undefined, ''));
      assert.deepEqual(JSON.parse(toJson(again)), JSON.parse(toJson(value)), `${folder}/${file}, encoded and decoded`);
    }
  });
}

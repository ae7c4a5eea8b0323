import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseElement } from '@parley/xml';
import { toVcard4, toVcardTemp } from './rules.ts';

const TEMP = `<vCard xmlns="vcard-temp"><FN>Peter Saint-Andre</FN><NICKNAME>stpeter</NICKNAME><NICKNAME>psa</NICKNAME><TITLE>Executive Director</TITLE><ROLE>Patron Saint</ROLE><DESC>More information</DESC><N><FAMILY>Saint-Andre</FAMILY><GIVEN>Peter</GIVEN></N><BDAY>1966-08-06</BDAY><URL>https://stpeter.im/</URL><EMAIL><WORK/><INTERNET/><USERID>psaintan@cisco.com</USERID></EMAIL><TEL><WORK/><VOICE/><PREF/><NUMBER>+1-303-308-3282</NUMBER></TEL><ADR><WORK/><EXTADD>Suite 600</EXTADD><STREET>1899 Wynkoop Street</STREET><LOCALITY>Denver</LOCALITY><REGION>CO</REGION><PCODE>80202</PCODE><CTRY>USA</CTRY></ADR><ORG><ORGNAME>XMPP Standards Foundation</ORGNAME></ORG><JABBERID>stpeter@jabber.org</JABBERID></vCard>`;

test('the properties of XEP-0292 §7 there', () => {
  const card = toVcard4(parseElement(TEMP)).toString('');
  for (const part of [
    '<fn><text>Peter Saint-Andre</text></fn>',
    '<nickname><text>psa</text></nickname>',
    '<note><text>More information</text></note>',
    '<n><surname>Saint-Andre</surname><given>Peter</given><additional/><prefix/><suffix/></n>',
    '<bday><date>1966-08-06</date></bday>',
    '<url><uri>https://stpeter.im/</uri></url>',
    '<email><parameters><type><text>work</text></type></parameters><text>psaintan@cisco.com</text></email>',
    '<tel><parameters><type><text>work</text><text>voice</text></type><pref><integer>1</integer></pref></parameters><uri>tel:+1-303-308-3282</uri></tel>',
    '<ext>Suite 600</ext><street>1899 Wynkoop Street</street>',
    '<org><text>XMPP Standards Foundation</text></org>',
    '<impp><uri>xmpp:stpeter@jabber.org</uri></impp>',
  ])
    assert.ok(card.includes(part), part);
});

test('and back again: nothing that both know is lost', () => {
  assert.equal(toVcardTemp(toVcard4(parseElement(TEMP))).toString(''), TEMP);
});

test('what the other format does not know is kept, the picture first of all', () => {
  const photo = '<PHOTO><TYPE>image/png</TYPE><BINVAL>AAAA</BINVAL></PHOTO>';
  const gender = '<gender xmlns="urn:ietf:params:xml:ns:vcard-4.0"><sex><text>M</text></sex></gender>';
  const card = parseElement(`<vcard xmlns="urn:ietf:params:xml:ns:vcard-4.0"><fn><text>Ann</text></fn>${gender}</vcard>`);
  const old = toVcardTemp(card, parseElement(`<vCard xmlns="vcard-temp"><FN>Old</FN>${photo}</vCard>`));
  assert.equal(old.toString(''), `<vCard xmlns="vcard-temp"><FN>Ann</FN>${photo}</vCard>`);
  const again = toVcard4(parseElement(`<vCard xmlns="vcard-temp"><FN>Anna</FN>${photo}</vCard>`), card);
  assert.match(again.toString(''), /<fn><text>Anna<\/text><\/fn><gender><sex><text>M<\/text><\/sex><\/gender>/);
  assert.doesNotMatch(again.toString(''), /photo/i);
});

test('an empty card is an empty card', () => {
  assert.equal(toVcard4(parseElement('<vCard xmlns="vcard-temp"/>')).children.length, 0);
  assert.equal(toVcardTemp(parseElement('<vcard xmlns="urn:ietf:params:xml:ns:vcard-4.0"/>')).children.length, 0);
});

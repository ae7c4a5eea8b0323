/** The DOAP file: which specifications are implemented, for programs (the vocabulary of https://xmpp.org/software). */
import type { Standard } from '@parley/core';

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
const four = (xep: number): string => String(xep).padStart(4, '0');

/** One entry for each specification: the declaration that says most of it, with the notes of all. */
export function merged(declared: readonly Standard[]): Standard[] {
  const found = new Map<string, Standard>();
  for (const one of declared) {
    const key = one.xep === undefined ? `rfc ${one.rfc}` : `xep ${one.xep}`;
    const other = found.get(key);
    if (other === undefined) {
      found.set(key, one);
      continue;
    }
    const notes = [other.note, one.note].filter((note) => note !== undefined);
    found.set(key, {
      ...other,
      status: other.status === 'complete' || one.status === 'complete' ? 'complete' : 'partial',
      ...(notes.length === 0 ? {} : { note: [...new Set(notes)].join('; ') }),
    });
  }
  return [...found.values()].sort((a, b) => (a.rfc ?? 0) - (b.rfc ?? 0) || (a.xep ?? 0) - (b.xep ?? 0));
}

/** docs/reference/parley.doap. */
export function doap(declared: readonly Standard[]): string {
  const standards = merged(declared);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!-- Written by `npm run docs` from the declarations of the features; do not edit. -->',
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://usefulinc.com/ns/doap#" xmlns:xmpp="https://linkmauve.fr/ns/xmpp-doap#">',
    '  <Project>',
    '    <name>Parley</name>',
    '    <shortdesc xml:lang="en">XMPP server, media server and web client in one program</shortdesc>',
    '    <programming-language>TypeScript</programming-language>',
    '    <os>Linux</os>',
    '    <os>macOS</os>',
    '    <license rdf:resource="https://spdx.org/licenses/MIT"/>',
    '    <category rdf:resource="https://linkmauve.fr/ns/xmpp-doap#category-server"/>',
  ];
  for (const { rfc } of standards)
    if (rfc !== undefined) lines.push(`    <implements rdf:resource="https://xmpp.org/rfcs/rfc${rfc}.html"/>`);
  for (const { xep, version, status, note } of standards) {
    if (xep === undefined) continue;
    lines.push('    <implements>', '      <xmpp:SupportedXep>');
    lines.push(`        <xmpp:xep rdf:resource="https://xmpp.org/extensions/xep-${four(xep)}.html"/>`);
    lines.push(`        <xmpp:status>${status}</xmpp:status>`);
    if (version !== undefined) lines.push(`        <xmpp:version>${escaped(version)}</xmpp:version>`);
    if (note !== undefined) lines.push(`        <xmpp:note xml:lang="en">${escaped(note)}</xmpp:note>`);
    lines.push('      </xmpp:SupportedXep>', '    </implements>');
  }
  lines.push('  </Project>', '</rdf:RDF>', '');
  return lines.join('\n');
}

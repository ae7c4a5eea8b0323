import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  DEFAULT_LIMITS,
  PRE_AUTH_LIMITS,
  type StreamHeader,
  StreamReader,
  type StreamReaderHandler,
  stanzaBytes,
  utf8Decode,
  utf8Encode,
  type XmlLimits,
} from './index.ts';

const HEAD = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
const FOOT = '</stream:stream>';

/** A reader that writes down what it emits. `on` runs after each event. */
function record(on: (event: string, reader: StreamReader) => void = () => {}, limits: XmlLimits = DEFAULT_LIMITS) {
  const events: string[] = [];
  const headers: StreamHeader[] = [];
  const emit = (event: string): void => {
    events.push(event);
    on(event, reader);
  };
  const handler: StreamReaderHandler = {
    open: (h) => {
      headers.push(h);
      emit('open');
    },
    stanza: (s) => emit(utf8Decode(stanzaBytes(s))),
    close: () => emit('close'),
    error: (e) => emit(e.condition),
  };
  const reader: StreamReader = new StreamReader(handler, limits);
  return { events, headers, reader, feed: (text: string) => reader.feed(utf8Encode(text)) };
}

describe('pause and resume', () => {
  test('nothing is emitted between pause and resume, and nothing is lost', () => {
    const r = record((event, reader) => event === '<a/>' && reader.pause());
    r.feed(`${HEAD}<a/><b/><c>`);
    assert.deepEqual(r.events, ['open', '<a/>']);
    assert.equal(r.reader.paused, true);
    r.feed(`x</c>${FOOT}`);
    assert.deepEqual(r.events, ['open', '<a/>']);
    r.reader.resume();
    assert.deepEqual(r.events, ['open', '<a/>', '<b/>', '<c>x</c>', 'close']);
    assert.equal(r.reader.bufferedBytes, 0);
  });

  test('a paused reader keeps what it is fed and not more', () => {
    const r = record();
    r.feed(HEAD);
    r.reader.pause();
    for (let i = 1; i <= 100; i++) {
      r.feed('<a/>');
      assert.equal(r.reader.bufferedBytes, 4 * i);
    }
    r.reader.resume();
    assert.equal(r.events.length, 101);
    assert.equal(r.reader.bufferedBytes, 0);
  });

  test('bytes of a chunk may be overwritten after feed, whatever is kept of them', () => {
    const r = record((event, reader) => event === '<a/>' && reader.pause());
    const chunk = utf8Encode(`${HEAD}<a/><b>kept</b><c>half`);
    r.reader.feed(chunk);
    chunk.fill(0);
    r.reader.resume();
    r.feed('</c>');
    assert.deepEqual(r.events, ['open', '<a/>', '<b>kept</b>', '<c>half</c>']);
  });

  test('resume inside the handler that paused goes on in order', () => {
    const r = record((_, reader) => {
      reader.pause();
      reader.resume();
    });
    r.feed(`${HEAD}<a/><b/>${FOOT}`);
    assert.deepEqual(r.events, ['open', '<a/>', '<b/>', 'close']);
  });

  test('a pause at each event gives one event a resume', () => {
    const r = record((_, reader) => reader.pause());
    r.feed(`${HEAD}<a/><b/>${FOOT}`);
    for (const count of [1, 2, 3, 4]) {
      assert.equal(r.events.length, count);
      r.reader.resume();
    }
    assert.deepEqual(r.events, ['open', '<a/>', '<b/>', 'close']);
  });

  test('a header that closes itself opens and closes, also across a pause', () => {
    const empty = `${HEAD.slice(0, -1)}/>`;
    const r = record();
    r.feed(empty);
    assert.deepEqual(r.events, ['open', 'close']);
    const paused = record((event, reader) => event === 'open' && reader.pause());
    paused.feed(empty);
    assert.deepEqual(paused.events, ['open']);
    paused.reader.resume();
    assert.deepEqual(paused.events, ['open', 'close']);
  });

  test('an error waits for resume too', () => {
    const r = record((event, reader) => event === '<a/>' && reader.pause());
    r.feed(`${HEAD}<a/><b></c>`);
    assert.deepEqual(r.events, ['open', '<a/>']);
    r.reader.resume();
    assert.deepEqual(r.events, ['open', '<a/>', 'not-well-formed']);
  });
});

describe('handlers', () => {
  test('feed inside a handler is read after what came before', () => {
    const r = record((event) => event === '<a/>' && r.feed('<late/>'));
    r.feed(`${HEAD}<a/><b/>`);
    assert.deepEqual(r.events, ['open', '<a/>', '<b/>', '<late/>']);
  });

  test('what a handler throws comes out of feed, the stanza counts as read, and reading goes on', () => {
    const r = record((event) => {
      if (event === '<a/>') throw new Error('handler');
    });
    assert.throws(() => r.feed(`${HEAD}<a/><b/><c`), /^Error: handler$/);
    r.feed('/>');
    assert.deepEqual(r.events, ['open', '<a/>', '<b/>', '<c/>']);
  });

  test('what a handler throws comes out of resume', () => {
    const r = record((event, reader) => {
      if (event === 'open') reader.pause();
      if (event === '<a/>') throw new Error('handler');
    });
    r.feed(`${HEAD}<a/><b/>`);
    assert.throws(() => r.reader.resume(), /^Error: handler$/);
    r.feed('<c/>');
    assert.deepEqual(r.events, ['open', '<a/>', '<b/>', '<c/>']);
  });

  test('after an error nothing more is emitted, not even after restart', () => {
    const r = record();
    r.feed(`${HEAD}<a></b><c/>`);
    r.feed('<d/>');
    r.reader.restart();
    r.feed(HEAD);
    assert.deepEqual(r.events, ['open', 'not-well-formed']);
    assert.equal(r.reader.bufferedBytes, 0);
  });

  test('after the end nothing more is emitted, not even after restart', () => {
    const r = record();
    r.feed(`${HEAD}${FOOT}<a/>`);
    r.feed('<b/>');
    r.reader.restart();
    r.feed(HEAD);
    assert.deepEqual(r.events, ['open', 'close']);
  });
});

describe('restart, discard, destroy', () => {
  test('restart inside a handler reads the rest of the chunk as a new stream', () => {
    const r = record((event, reader) => event === '<auth/>' && reader.restart());
    r.feed(`${HEAD}<auth/>\n<?xml version='1.0'?>${HEAD.replace("xmlns='jabber:client'", "xmlns='jabber:server'")}<x/>`);
    assert.deepEqual(r.events, ['open', '<auth/>', 'open', '<x xmlns="jabber:server"/>']);
    assert.equal(r.headers[1]?.defaultNs, 'jabber:server');
  });

  test('prefixes of the old stream are gone after restart', () => {
    const r = record((event, reader) => event === '<auth/>' && reader.restart());
    r.feed(`${HEAD.replace('>', " xmlns:p='u'>")}<auth/>${HEAD}<p:x/>`);
    assert.deepEqual(r.events, ['open', '<auth/>', 'open', 'not-well-formed']);
  });

  test('restart in the middle of an element takes its bytes for a new stream', () => {
    const r = record();
    r.feed(`${HEAD}<a><b>`);
    r.reader.restart();
    r.feed(HEAD);
    // <a> was read as a header (judging its name is up to the handler), <b> as a stanza that cannot hold a header
    assert.deepEqual(r.events, ['open', 'open', 'invalid-xml']);
    assert.equal(r.headers[1]?.name, 'a');
  });

  test('discard throws unread bytes away, also those behind the stanza being handled', () => {
    const r = record((event, reader) => {
      if (event !== '<starttls/>') return;
      reader.discard();
      reader.restart();
    });
    r.feed(`${HEAD}<starttls/><injected/><half`);
    assert.equal(r.reader.bufferedBytes, 0);
    r.feed(`${HEAD}<a/>`);
    assert.deepEqual(r.events, ['open', '<starttls/>', 'open', '<a/>']);
  });

  test('destroy inside a handler is the last thing that happens', () => {
    const r = record((event, reader) => event === '<a/>' && reader.destroy());
    r.feed(`${HEAD}<a/><b/>`);
    r.feed('<c/>');
    r.reader.resume();
    r.reader.restart();
    r.feed(HEAD);
    assert.deepEqual(r.events, ['open', '<a/>']);
    assert.equal(r.reader.bufferedBytes, 0);
  });
});

describe('how a stream may begin', () => {
  const begins: [string, string][] = [
    ['', 'open'],
    [' \r\n', 'open'],
    ['\ufeff', 'open'],
    ["<?xml version='1.0'?>", 'open'],
    ["\ufeff<?xml version='1.0'?>\n", 'open'],
    ['<?xml version="1.0" encoding="utf-8" ?>', 'open'],
    ["<?xml\tversion = '1.0'\nencoding='UTF-8' standalone=\"yes\"?>", 'open'],
    ["<?xml version='1.0' standalone='no'?>", 'open'],
    ["<?xml version='1.0' encoding='ISO-8859-1'?>", 'unsupported-encoding'],
    ["<?xml version='1.0' encoding='UTF-16'?>", 'unsupported-encoding'],
    ["<?xml version='1.1'?>", 'not-well-formed'],
    ["<?xml version='1.0' standalone='maybe'?>", 'not-well-formed'],
    ["<?xml version='1.0' encoding=''?>", 'not-well-formed'],
    ["<?xml encoding='UTF-8'?>", 'not-well-formed'],
    ["<?xml standalone='no' version='1.0'?>", 'not-well-formed'],
    ["<?xml version='1.0'encoding='UTF-8'?>", 'not-well-formed'],
    ["<?xml version='1.0'>", 'not-well-formed'],
    [" <?xml version='1.0'?>", 'restricted-xml'],
    ["<?xml version='1.0'?><?xml version='1.0'?>", 'restricted-xml'],
    ["<?xml version='1.0'?>\ufeff", 'not-well-formed'],
    ['\ufeff\ufeff', 'not-well-formed'],
    [' \ufeff', 'not-well-formed'],
    ['<?pi "?>', 'restricted-xml'],
    ['<?xmlx version="1.0"?>', 'restricted-xml'],
    ['<!-- -->', 'restricted-xml'],
    ['<!DOCTYPE a>', 'restricted-xml'],
    ['x', 'not-well-formed'],
  ];
  for (const [text, expected] of begins) {
    test(`${JSON.stringify(text)} gets ${expected}, however it is cut`, () => {
      const bytes = utf8Encode(text + HEAD);
      for (const step of [1, 2, 3, 1000]) {
        const r = record();
        for (let i = 0; i < bytes.length; i += step) r.reader.feed(bytes.subarray(i, i + step));
        assert.deepEqual(r.events, [expected], `in steps of ${step}`);
      }
    });
  }

  for (const [name, order] of [
    ['UTF-16BE', 0],
    ['UTF-16LE', 1],
  ] as const) {
    test(`${name} is named as an unsupported encoding, with and without byte order mark`, () => {
      for (const mark of ['', '\ufeff']) {
        const text = mark + HEAD;
        const bytes = new Uint8Array(text.length * 2);
        for (let i = 0; i < text.length; i++) {
          bytes[2 * i + (1 - order)] = text.charCodeAt(i) & 255;
          bytes[2 * i + order] = text.charCodeAt(i) >>> 8;
        }
        for (const step of [1, 1000]) {
          const r = record();
          for (let i = 0; i < bytes.length; i += step) r.reader.feed(bytes.subarray(i, i + step));
          assert.deepEqual(r.events, ['unsupported-encoding']);
        }
      }
    });
  }

  test('the header is given as it was meant', () => {
    const r = record();
    r.feed(
      "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client' to='a&amp;b' from='\u00e9' id='7' xml:lang='de' version='1.0' type='x' s:more='y'>",
    );
    assert.deepEqual(r.headers, [
      {
        name: 'stream',
        ns: 'http://etherx.jabber.org/streams',
        prefix: 's',
        defaultNs: 'jabber:client',
        to: 'a&b',
        from: '\u00e9',
        version: '1.0',
        id: '7',
        lang: 'de',
        others: Object.assign(Object.create(null), { type: 'x', '{http://etherx.jabber.org/streams}more': 'y' }),
      },
    ]);
    r.feed('</stream>');
    assert.deepEqual(r.events, ['open', 'not-well-formed']);
  });

  test('the end tag has the name of the header, white space may follow it', () => {
    for (const [end, last] of [
      ['</stream:stream \n>', 'close'],
      ['</stream:streamx>', 'not-well-formed'],
      ['</ stream:stream>', 'not-well-formed'],
      ['</stream:strea>', 'not-well-formed'],
    ] as const) {
      const r = record();
      for (const c of HEAD + end) r.feed(c);
      assert.deepEqual(r.events, ['open', last], end);
    }
  });

  test('a header without end is refused at the limit', () => {
    const r = record(undefined, PRE_AUTH_LIMITS);
    r.feed(`<stream:stream ${' '.repeat(PRE_AUTH_LIMITS.stanzaBytes)}`);
    assert.deepEqual(r.events, ['policy-violation']);
  });
});

test('random cuts give what the whole gives', () => {
  const text =
    `<?xml version='1.0'?>${HEAD} <message to='a@b' id='\u00e9'><body>h\u00e9 &amp; \u{1f600}<![CDATA[ ]] ]]]></body>` +
    `<x xmlns='u' a='1\n2'>\r\n</x></message>\n<s:iq xmlns:s='jabber:client' type="get"><q xmlns='u' p:z='' xmlns:p='v'/></s:iq>\t` +
    `<presence/><message\n><body >&#x41;]]&gt;</body\t></message >${FOOT}`;
  const bytes = utf8Encode(text);
  const whole = record();
  whole.reader.feed(bytes);
  assert.equal(whole.events.length, 6);
  let state = 1;
  const random = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  for (let run = 0; run < 300; run++) {
    const r = record((_, reader) => random(4) === 0 && reader.pause());
    const chunk = new Uint8Array(64);
    for (let i = 0; i < bytes.length; ) {
      const n = Math.min(1 + random(run % 60), bytes.length - i);
      chunk.set(bytes.subarray(i, i + n));
      r.reader.feed(chunk.subarray(0, n));
      chunk.fill(0xff);
      if (random(3) === 0) r.reader.resume();
      i += n;
    }
    while (r.reader.paused) r.reader.resume();
    assert.deepEqual(r.events, whole.events);
  }
});

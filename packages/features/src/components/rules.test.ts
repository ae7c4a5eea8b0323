import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDomains } from './rules.ts';

test('components live below the domain of the server', () => {
  assert.deepEqual(readDomains('', 'chat.example'), { domains: [] });
  assert.deepEqual(readDomains(' Bot.chat.example irc.chat.example,bot.chat.example', 'chat.example'), {
    domains: ['bot.chat.example', 'irc.chat.example'],
  });
  for (const bad of ['chat.example', 'evil.example', 'xchat.example', 'a@bot.chat.example', 'bot.chat.example/x'])
    assert.deepEqual(readDomains(`bot.chat.example ${bad}`, 'chat.example'), { bad });
});
